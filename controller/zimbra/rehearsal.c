/* SPDX-License-Identifier: Apache-2.0 */
#include "controller/zimbra/rehearsal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/zimbra/admin.h"
#include "proto/base/buf.h"
#include "proto/base/clock.h"

#define MESSAGES 24
#define WORKED_ON 6 /* of these at once */
#define ID_SIZE 90  /* another account's ids come as "account:id" */
#define LONG_LINE 12000

/* Nobody knows it, nobody logs in with it. */
static bool
random_password(char *out, size_t size, struct err *e)
{
	struct secret *s = secret_random(16);
	uint8_t mac[SECRET_HMAC_BYTES];
	size_t length = 0;

	(void)e;
	secret_hmac(s, "password", 8, mac);
	for (size_t i = 0; i < sizeof(mac) && length + 3 < size; i++)
		length += (size_t)snprintf(out + length, size - length, "%02x", mac[i]);
	secret_free(&s);
	return true;
}

static bool
make_account(struct soap_client *c, const char *name, const char *host, char *id_out,
    size_t size, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_ADMIN, "CreateAccountRequest");
	struct soap_answer *answer = NULL;
	const struct soap_node *account = NULL;
	const char *id = NULL;
	char password[80];
	bool ok;

	if (!random_password(password, sizeof(password), e))
		return false;
	soap_open(r, "name");
	soap_text(r, name);
	soap_close(r);
	soap_open(r, "password");
	soap_text(r, password);
	soap_close(r);
	soap_a(r, "zimbraMailHost", host);
	soap_a(r, "zimbraHideInGal", "TRUE");
	soap_a(r, "description", "made by zmferry doctor --rehearse; may be deleted");
	ok = soap_call(c, r, &answer, e);
	if (ok)
		account = soap_child(soap_body(answer), "account");
	if (account != NULL)
		id = soap_get(account, "id");
	if (ok && (id == NULL || strlen(id) >= size))
		ok = err_set(e, ERR_PEER, "CreateAccount: the answer has no id");
	if (ok)
		snprintf(id_out, size, "%s", id);
	soap_answer_free(&answer);
	soap_request_free(&r);
	secret_wipe(password, sizeof(password));
	return ok;
}

static bool
make_folder(struct soap_client *c, const char *id, const char *name, char *folder_out,
    size_t size, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "CreateFolderRequest");
	struct soap_answer *answer = NULL;
	const struct soap_node *folder;
	const char *folder_id = NULL;
	bool ok;

	soap_on_account(r, id);
	soap_open(r, "folder");
	soap_attr(r, "name", name);
	soap_attr(r, "l", "1");
	soap_attr(r, "view", "message");
	soap_close(r);
	ok = soap_call(c, r, &answer, e);
	folder = ok ? soap_child(soap_body(answer), "folder") : NULL;
	if (folder != NULL)
		folder_id = soap_get(folder, "id");
	if (ok && (folder_id == NULL || strlen(folder_id) >= size))
		ok = err_set(e, ERR_PEER, "CreateFolder: the answer has no id");
	if (ok)
		snprintf(folder_out, size, "%s", folder_id);
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static bool
make_tag(struct soap_client *c, const char *id, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "CreateTagRequest");

	soap_on_account(r, id);
	soap_open(r, "tag");
	soap_attr(r, "name", "rehearsal");
	soap_attr(r, "color", "3");
	soap_close(r);
	return admin_send(c, r, e);
}

/* Every third is awkward: a line that no SMTP would carry, letters beyond ASCII, a thread. */
static bool
message_text(long long number, struct buf *out)
{
	bool ok = buf_printf(out,
	    "From: rehearsal@example.com\r\nTo: rehearsal@example.com\r\n"
	    "Subject: rehearsal %lld\r\nMessage-ID: <rehearsal-%lld@example.com>\r\n"
	    "Date: Mon, 2 Jan 2023 10:%02d:00 +0000\r\n",
	    number / 3, number, (int)(number % 60));

	if (ok && number % 3 == 1)
		ok = buf_printf(
		    out, "In-Reply-To: <rehearsal-%lld@example.com>\r\n", number - 1);
	ok = ok && buf_add_str(out,
		       "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		       "Content-Transfer-Encoding: 8bit\r\n\r\n");
	if (ok && number % 3 == 2) {
		for (int i = 0; ok && i < LONG_LINE / 10; i++)
			ok = buf_add_str(out, "0123456789");
	}
	return ok && buf_add_str(out,
			 "\r\nGr\xc3\xbc\xc3\x9f Gott, \xe6\x9d\xb1\xe4\xba\xac\r\n");
}

static bool
add_message(struct soap_client *c, const char *id, const char *folder, long long number,
    struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "AddMsgRequest");
	struct buf text;
	bool ok;

	buf_init(&text, 256 * 1024);
	if (!message_text(number, &text))
		BUG("a rehearsal's message does not fit");
	soap_on_account(r, id);
	soap_open(r, "m");
	soap_attr(r, "l", folder);
	soap_attr(r, "f", number % 2 == 0 ? "u" : "f");
	if (number % 4 == 0)
		soap_attr(r, "tn", "rehearsal");
	soap_open(r, "content");
	soap_text(r, buf_str(&text));
	soap_close(r);
	soap_close(r);
	ok = admin_send(c, r, e);
	buf_fini(&text);
	return ok;
}

static bool
make_contact(struct soap_client *c, const char *id, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "CreateContactRequest");

	soap_on_account(r, id);
	soap_open(r, "cn");
	soap_attr(r, "l", "7");
	soap_a(r, "firstName", "Anna");
	soap_a(r, "lastName", "R\xc3\xa9hearsal");
	soap_a(r, "email", "anna@example.com");
	soap_close(r);
	return admin_send(c, r, e);
}

/* --- work in it --- */

struct inbox {
	char ids[WORKED_ON][ID_SIZE];
	size_t count;
};

static bool
read_inbox(struct soap_client *c, const char *id, struct inbox *out, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "SearchRequest");
	struct soap_answer *answer = NULL;
	bool ok;

	out->count = 0;
	soap_on_account(r, id);
	soap_attr(r, "types", "message");
	soap_attr(r, "sortBy", "dateAsc");
	soap_attr_uint(r, "limit", WORKED_ON);
	soap_open(r, "query");
	soap_text(r, "inid:2");
	soap_close(r);
	ok = soap_call(c, r, &answer, e);
	for (const struct soap_node *m = ok ? soap_child(soap_body(answer), "m") : NULL;
	     m != NULL && out->count < WORKED_ON; m = soap_next(m, "m")) {
		const char *item = soap_get(m, "id");

		if (item != NULL && strlen(item) < ID_SIZE)
			snprintf(out->ids[out->count++], ID_SIZE, "%s", item);
	}
	soap_answer_free(&answer);
	soap_request_free(&r);
	return ok;
}

static bool
act_on(struct soap_client *c, const char *id, const char *item, const char *op,
    const char *attr, const char *value, struct err *e)
{
	struct soap_request *r = soap_request_new(SOAP_MAIL, "ItemActionRequest");

	soap_on_account(r, id);
	soap_open(r, "action");
	soap_attr(r, "id", item);
	soap_attr(r, "op", op);
	if (attr != NULL)
		soap_attr(r, attr, value);
	soap_close(r);
	return admin_send(c, r, e);
}

bool
rehearsal_work_in(struct soap_client *c, const char *id, struct err *e)
{
	static const struct {
		const char *op, *attr, *value; /* value NULL: the new folder */
	} acts[WORKED_ON] = {
	    {"move", "l", NULL},
	    {"flag", NULL, NULL},
	    {"read", NULL, NULL},
	    {"tag", "tn", "rehearsal"},
	    {"trash", NULL, NULL},
	    {"delete", NULL, NULL},
	};
	/* Of its own: it is done several times in one account. A third: it begins a thread. */
	long long number = clock_wall_ms() / 3 * 3;
	char name[64];
	char folder[ID_SIZE];
	struct inbox inbox;
	bool ok;

	snprintf(name, sizeof(name), "Worked %lld", number);
	ok = read_inbox(c, id, &inbox, e) &&
	     make_folder(c, id, name, folder, sizeof(folder), e);
	for (size_t i = 0; ok && i < inbox.count; i++)
		ok = act_on(c, id, inbox.ids[i], acts[i].op, acts[i].attr,
		    acts[i].value == NULL ? folder : acts[i].value, e);
	return ok && add_message(c, id, "2", number, e) &&
	       add_message(c, id, folder, number + 1, e);
}

bool
rehearsal_make(struct soap_client *c, const char *name, const char *host, char *id_out,
    size_t size, struct err *e)
{
	char folder[ID_SIZE];
	bool ok =
	    make_account(c, name, host, id_out, size, e) &&
	    make_folder(c, id_out, "Rehearsal \xc3\xa4", folder, sizeof(folder), e) &&
	    make_tag(c, id_out, e) && make_contact(c, id_out, e);

	for (int i = 0; ok && i < MESSAGES; i++)
		ok = add_message(c, id_out, i % 2 == 0 ? "2" : folder, i, e);
	ok = ok && rehearsal_work_in(c, id_out, e); /* gaps among its ids */
	return ok || err_wrap(e, "scratch account %s", name);
}

bool
rehearsal_find(
    struct directory *d, const char *id, char *host_out, size_t size, struct err *e)
{
	struct account_facts facts;
	bool found;
	bool is_ours;

	host_out[0] = '\0';
	if (!directory_read_account(d, id, &found, &facts, e))
		return false;
	if (!found)
		return true;
	is_ours = strncmp(facts.name, REHEARSAL_PREFIX, strlen(REHEARSAL_PREFIX)) == 0;
	if (!is_ours)
		err_set(e, ERR_REFUSED,
		    "account %s: is no rehearsal's, and is not touched", facts.name);
	snprintf(host_out, size, "%s", facts.mail_host);
	account_facts_fini(&facts);
	return is_ours;
}

bool
rehearsal_end(struct soap_client *c, struct directory *d, const char *id, struct err *e)
{
	char host[WORLD_NAME];
	struct soap_request *r;

	if (!rehearsal_find(d, id, host, sizeof(host), e))
		return false;
	if (host[0] == '\0')
		return true;
	r = soap_request_new(SOAP_ADMIN, "DeleteAccountRequest");
	soap_open(r, "id");
	soap_text(r, id);
	soap_close(r);
	return admin_send(c, r, e) ||
	       strcmp(soap_fault(c), "account.NO_SUCH_ACCOUNT") == 0;
}
