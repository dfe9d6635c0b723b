/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Zimbra says about an administrator: who a token or a password belongs to, which
 * rights that person has on which server, and, before every change, whether that is still
 * so. Asked on the thread pool; the answer comes on the loop thread, unless the controller
 * stops meanwhile (then every request was answered already). When Zimbra cannot be asked,
 * the answer is no, with ERR_RETRY.
 */
#ifndef API_RIGHTS_H
#define API_RIGHTS_H

#include <jansson.h>

#include "controller/controller.h"
#include "proto/base/secret.h"

#define RIGHT_FROM "moveMailboxFromServer"
#define RIGHT_TO "moveMailboxToServer"
#define RIGHT_DELETE "deleteServer"

enum credential_kind {
	CREDENTIAL_ADMIN_TOKEN, /* the token of a console's page */
	CREDENTIAL_DELEGATED_TOKEN, /* a short-lived one, of the administrator's own mailbox */
	CREDENTIAL_PASSWORD,	    /* name and password, for the controller's own page */
};

struct rights_person {
	char id[40]; /* zimbraId */
	char name[256];
	bool is_global;
	json_t *rights; /* {"mbs1.example.org": ["moveMailboxFromServer", ...]} */
};

/* person is borrowed for the call; NULL = refused or not to be found out, e says which. */
typedef void (*rights_exchange_fn)(
    void *owner, const struct rights_person *person, const struct err *e);
/* name is NULL for tokens; secret is copied and wiped when it has been used. */
void rights_exchange(struct controller *c, enum credential_kind kind, const char *name,
    const char *secret, rights_exchange_fn done, void *owner);

/*
 * May the administrator do this? Empty the node and fill these ("A,B"; "" = all the others);
 * take it out of the cluster as well; fill it from all the others (PLAN_RESTORE); or make all even (PLAN_REBALANCE,
 * no node). Or bring in a node that the directory need not know (PLAN_ADD): whoever may take
 * mailboxes from all, and is a global administrator. Names are answered as the directory has
 * them. With only_from nothing is asked but whether mailboxes may leave where they are.
 */
struct rights_wish {
	enum plan_kind kind;
	char admin_id[40];
	char admin_name[64]; /* for the texts */
	char node[WORLD_NAME];
	char to[1024];
	bool only_from;
};
/*
 * wish as it was, with the directory's names; e is NULL when all is allowed. owner comes
 * from malloc and is the callback's; it is freed when the controller stops meanwhile.
 */
typedef void (*rights_check_fn)(
    void *owner, const struct rights_wish *wish, const struct err *e, const char *next);
void rights_check(struct controller *c, const struct rights_wish *wish,
    rights_check_fn done, void *owner);

#endif
