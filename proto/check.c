/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control link's messages, each checked field by field. Lists are bounded before
 * they are walked; texts are UTF-8 without control characters; numbers are in range.
 */
#include "proto/check.h"

#include <string.h>

#include "proto/base/utf8.h"
#include "proto/check_private.h"
#include "proto/limits.h"
#include "proto/zimbra/version.h"

#define DAY_MS 86400000u
#define PATH_BYTES 4095
#define SIZE_MAX_BYTES \
	((uint64_t)1 << 48) /* of a mailbox: what it needs fits in a reservation */

bool
check_size(const ProtobufCBinaryData *b, const char *what, size_t least, size_t max,
    struct err *e)
{
	if (b->len < least || b->len > max)
		return err_set(e, ERR_PEER, "%s has %zu bytes, %zu to %zu are allowed",
		    what, b->len, least, max);
	return true;
}

bool
check_text(const ProtobufCBinaryData *b, const char *what, size_t least, size_t max,
    struct err *e)
{
	if (!check_size(b, what, least, max, e))
		return false;
	for (size_t i = 0; i < b->len;) {
		size_t length = utf8_length(b->data + i, b->len - i);

		if (length == 0)
			return err_set(e, ERR_PEER, "%s is not UTF-8", what);
		if (b->data[i] < 0x20 || b->data[i] == 0x7f)
			return err_set(e, ERR_PEER, "%s holds a control character", what);
		i += length;
	}
	return true;
}

bool
check_name(const ProtobufCBinaryData *b, const char *what, size_t least, size_t max,
    struct err *e)
{
	if (!check_size(b, what, least, max, e))
		return false;
	for (size_t i = 0; i < b->len;) {
		size_t length = utf8_length(b->data + i, b->len - i);

		if (length == 0)
			return err_set(e, ERR_PEER, "%s is not UTF-8", what);
		if (b->data[i] == '\0')
			return err_set(e, ERR_PEER, "%s holds a NUL", what);
		i += length;
	}
	return true;
}

bool
check_move_id(const ProtobufCBinaryData *b, struct err *e)
{
	if (!check_size(b, "move_id", 1, LIMIT_ID - 1, e))
		return false;
	for (size_t i = 0; i < b->len; i++) {
		uint8_t c = b->data[i];

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-')
			return err_set(e, ERR_PEER,
			    "move_id holds a character other than a-z, 0-9 and -");
	}
	return true;
}

bool
check_count(size_t count, const char *what, size_t max, struct err *e)
{
	return count <= max ||
	       err_set(e, ERR_PEER, "%s: %zu entries, at most %zu are allowed", what,
		   count, max);
}

bool
check_number(
    uint64_t value, const char *what, uint64_t least, uint64_t max, struct err *e)
{
	return (value >= least && value <= max) ||
	       err_set(e, ERR_PEER, "%s is %llu, %llu to %llu are allowed", what,
		   (unsigned long long)value, (unsigned long long)least,
		   (unsigned long long)max);
}

/* --- link --- */

static bool
check_hello(const Wire__Hello *m, struct err *e)
{
	if (!check_number(m->version_min, "version_min", 1, 1000, e) ||
	    !check_number(m->version_max, "version_max", m->version_min, 1000, e) ||
	    !check_text(&m->node, "node", 1, LIMIT_NAME, e) ||
	    !check_text(&m->program_version, "program_version", 1, 30, e) ||
	    !check_text(&m->server_id, "server_id", 0, LIMIT_ID - 1, e) ||
	    !check_text(&m->controller_id, "controller_id", 0, LIMIT_ID - 1, e) ||
	    !check_number(m->mail_port, "mail_port", 1, 65535, e) ||
	    !check_text(&m->mail_address, "mail_address", 0, 63, e) ||
	    !check_count(m->n_spools, "spools", LIMIT_HELLO_SPOOLS, e))
		return false;
	for (size_t i = 0; i < m->n_spools; i++) {
		if (!check_move_id(&m->spools[i]->move_id, e))
			return false;
	}
	return true;
}

static bool
check_welcome(const Wire__Welcome *m, struct err *e)
{
	return check_number(m->version, "version", 1, 1000, e) &&
	       check_text(&m->controller_id, "controller_id", 1, LIMIT_ID - 1, e) &&
	       check_number(m->epoch, "epoch", 1, UINT64_MAX, e) &&
	       check_number(m->heartbeat_ms, "heartbeat_ms", 100, DAY_MS, e);
}

static bool
check_health(const Wire__Health *m, struct err *e)
{
	if (!check_count(m->n_probes, "probes", 64, e) ||
	    !check_count(m->n_disks, "disks", 16, e) ||
	    !check_text(
		&m->zimbra_version, "zimbra_version", 0, ZIMBRA_VERSION_SIZE - 1, e))
		return false;
	for (size_t i = 0; i < m->n_probes; i++) {
		const Wire__Probe *p = m->probes[i];

		if (!check_text(&p->name, "probe", 1, 64, e) ||
		    !check_text(&p->text, "probe's text", 0, LIMIT_TEXT, e) ||
		    !check_number((uint64_t)p->severity, "severity", 0, 2, e))
			return false;
	}
	for (size_t i = 0; i < m->n_disks; i++) {
		const Wire__Disk *d = m->disks[i];

		if (!check_text(&d->role, "disk", 1, 64, e) ||
		    !check_text(&d->path, "disk's path", 0, 1024, e) ||
		    !check_number(d->free_bytes, "free_bytes", 0, d->total_bytes, e))
			return false;
	}
	return true;
}

static bool
check_inventory(const Wire__InventoryPage *m, struct err *e)
{
	if (!check_count(m->n_mailboxes, "mailboxes", LIMIT_INVENTORY_PAGE, e))
		return false;
	for (size_t i = 0; i < m->n_mailboxes; i++) {
		if (!check_text(
			&m->mailboxes[i]->account_id, "account_id", 1, LIMIT_ID - 1, e) ||
		    !check_number(
			m->mailboxes[i]->size_bytes, "size_bytes", 0, SIZE_MAX_BYTES, e))
			return false;
	}
	return true;
}

static bool
check_session_page(const Wire__SessionPage *m, struct err *e)
{
	if (!check_number(m->look, "look", 1, UINT64_MAX, e) ||
	    !check_number((uint64_t)m->kind, "kind", 0, LIMIT_ERROR_KIND, e) ||
	    !check_text(&m->text, "text", 0, LIMIT_TEXT, e) ||
	    !check_count(m->n_sessions, "sessions", LIMIT_SESSION_PAGE, e))
		return false;
	for (size_t i = 0; i < m->n_sessions; i++) {
		const Wire__Session *s = m->sessions[i];

		if (!check_text(&s->account_id, "account_id", 1, LIMIT_ID - 1, e) ||
		    !check_text(&s->kind, "session's kind", 1, LIMIT_SESSION_KIND - 1, e))
			return false;
	}
	return true;
}

/* --- steps --- */

static bool
check_row(const Wire__Row *row, struct err *e)
{
	return row != NULL || err_set(e, ERR_PEER, "a row is missing");
}

static bool
check_reserve(const Wire__OpReserve *m, struct err *e)
{
	return check_text(&m->source_node, "source_node", 1, LIMIT_NAME, e) &&
	       check_size(&m->ticket, "ticket", LIMIT_TICKET, LIMIT_TICKET, e) &&
	       check_number(m->bytes, "bytes", 0, (uint64_t)1 << 50, e);
}

static bool
check_stage(const Wire__OpStage *m, struct err *e)
{
	return check_number((uint64_t)m->pass, "pass", 0, 4, e) &&
	       check_number(m->above, "above", 0, INT32_MAX, e) &&
	       check_text(&m->target_host, "target_host", 1, LIMIT_NAME, e) &&
	       check_number(m->target_port, "target_port", 1, 65535, e) &&
	       check_text(&m->target_node, "target_node", 1, LIMIT_NAME, e) &&
	       check_size(&m->ticket, "ticket", LIMIT_TICKET, LIMIT_TICKET, e) &&
	       check_text(&m->token, "token", 0, 63, e);
}

static bool
check_lease(const Wire__OpLease *m, struct err *e)
{
	const Wire__Frozen *f = m->frozen;

	if (f == NULL)
		return err_set(e, ERR_PEER, "a lease without the values to give back");
	if (!check_text(&f->status, "status", 1, 31, e) ||
	    !check_text(&f->mail_status, "mail_status", 0, 31, e) ||
	    !check_text(&f->quota, "quota", 0, 23, e) ||
	    !check_text(&f->receive_over_quota, "receive_over_quota", 0, 7, e) ||
	    !check_count(f->n_data_sources, "data_sources", 64, e) ||
	    !check_number(m->lease_ms, "lease_ms", 1000, DAY_MS, e))
		return false;
	for (size_t i = 0; i < f->n_data_sources; i++) {
		if (!check_text(&f->data_sources[i], "data source", 1, LIMIT_ID - 1, e))
			return false;
	}
	return true;
}

static bool
check_routes(const Wire__OpRoutes *m, struct err *e)
{
	if (!check_count(m->n_names, "names", 256, e))
		return false;
	for (size_t i = 0; i < m->n_names; i++) {
		if (!check_text(&m->names[i], "name", 1, LIMIT_NAME, e))
			return false;
	}
	return true;
}

static bool
check_op(const Wire__StepRequest *m, struct err *e)
{
	switch (m->op_case) {
	case WIRE__STEP_REQUEST__OP__NOT_SET:
		return err_set(e, ERR_PEER, "a step without an operation");
	case WIRE__STEP_REQUEST__OP_RESERVE:
		return check_reserve(m->reserve, e);
	case WIRE__STEP_REQUEST__OP_STAGE:
		return check_stage(m->stage, e);
	case WIRE__STEP_REQUEST__OP_LEASE:
		return check_lease(m->lease, e);
	case WIRE__STEP_REQUEST__OP_FENCE:
		return check_text(&m->fence->token, "token", 0, 63, e) &&
		       check_row(m->fence->row, e);
	case WIRE__STEP_REQUEST__OP_ROUTES:
		return check_routes(m->routes, e);
	case WIRE__STEP_REQUEST__OP_STEER:
		return check_number(m->steer->source_last_item_id, "last item id", 0,
			   INT32_MAX, e) &&
		       check_number(m->steer->source_change, "change", 0, INT64_MAX, e);
	case WIRE__STEP_REQUEST__OP_SEED:
		return check_number(m->seed->source_last_item_id, "last item id", 0,
			   INT32_MAX, e) &&
		       check_number(m->seed->source_change, "change", 0, INT64_MAX, e);
	case WIRE__STEP_REQUEST__OP_IMPORT:
		return check_number(m->import->folder_limit, "folder_limit", 1, 16, e) &&
		       check_number(m->import->messages_ms, "messages_ms", 0, 3600000, e);
	case WIRE__STEP_REQUEST__OP_PREFLIGHT:
	case WIRE__STEP_REQUEST__OP_UNLEASE:
	case WIRE__STEP_REQUEST__OP_UNFENCE:
	case WIRE__STEP_REQUEST__OP_MEND:
	case WIRE__STEP_REQUEST__OP_VERIFY:
	case WIRE__STEP_REQUEST__OP_DROP:
	case WIRE__STEP_REQUEST__OP_PROBE:
	case WIRE__STEP_REQUEST__OP_DROP_ROW:
	case WIRE__STEP_REQUEST__OP_LOCKOUT:
	case WIRE__STEP_REQUEST__OP_MAKE:
		return true;
	case WIRE__STEP_REQUEST__OP_PURGE:
		return check_row(m->purge->row, e);
	}
	return err_set(e, ERR_PEER, "an operation nobody knows");
}

static bool
check_step(const Wire__StepRequest *m, struct err *e)
{
	return check_move_id(&m->move_id, e) &&
	       check_number(m->epoch, "epoch", 1, UINT64_MAX, e) &&
	       check_number(m->deadline_s, "deadline_s", 1, 7 * 86400, e) &&
	       check_text(&m->account_id, "account_id", 1, LIMIT_ID - 1, e) &&
	       check_text(&m->account_name, "account_name", 0, LIMIT_NAME, e) &&
	       check_op(m, e);
}

static bool
check_lackings(Wire__Lacking **rows, size_t count, struct err *e)
{
	if (!check_count(count, "lacking", 100, e))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!check_text(&rows[i]->type, "type", 0, 40, e) ||
		    !check_text(&rows[i]->why, "why", 0, LIMIT_TEXT, e))
			return false;
	}
	return true;
}

static bool
check_verdict(const Wire__Verdict *m, struct err *e)
{
	if (!check_count(m->n_differences, "differences", 200, e))
		return false;
	for (size_t i = 0; i < m->n_differences; i++) {
		const Wire__Difference *d = m->differences[i];

		if (!check_text(&d->type, "type", 0, 40, e) ||
		    !check_text(&d->what, "what", 0, LIMIT_TEXT, e) ||
		    !check_text(&d->known, "known", 0, LIMIT_TEXT, e))
			return false;
	}
	return check_lackings(m->not_carried, m->n_not_carried, e);
}

static bool
check_steer_facts(const Wire__SteerFacts *m, struct err *e)
{
	if (!check_count(m->n_misses, "misses", 100, e))
		return false;
	for (size_t i = 0; i < m->n_misses; i++) {
		if (!check_text(&m->misses[i]->what, "what", 0, 1024, e) ||
		    !check_text(&m->misses[i]->why, "why", 0, LIMIT_TEXT, e))
			return false;
	}
	return true;
}

static bool
check_facts(const Wire__StepResult *m, struct err *e)
{
	switch (m->facts_case) {
	case WIRE__STEP_RESULT__FACTS__NOT_SET:
		return true;
	case WIRE__STEP_RESULT__FACTS_PREFLIGHT:
		return check_row(m->preflight->row, e) &&
		       check_text(&m->preflight->why_unhealthy, "why", 0, LIMIT_TEXT, e);
	case WIRE__STEP_RESULT__FACTS_STAGE:
		return check_text(&m->stage->token, "token", 0, 63, e) &&
		       check_row(m->stage->row, e) &&
		       check_number(
			   m->stage->last_item_id, "last item id", 0, INT32_MAX, e) &&
		       check_number(m->stage->change, "change", 0, INT64_MAX, e) &&
		       check_lackings(m->stage->lacking, m->stage->n_lacking, e);
	case WIRE__STEP_RESULT__FACTS_FENCE:
		return check_row(m->fence->row, e) &&
		       check_text(&m->fence->moved_what, "what", 0, LIMIT_TEXT, e);
	case WIRE__STEP_RESULT__FACTS_STEER:
		return check_steer_facts(m->steer, e);
	case WIRE__STEP_RESULT__FACTS_IMPORT:
		return check_lackings(m->import->refused, m->import->n_refused, e);
	case WIRE__STEP_RESULT__FACTS_VERDICT:
		return check_verdict(m->verdict, e);
	case WIRE__STEP_RESULT__FACTS_PROBE:
	case WIRE__STEP_RESULT__FACTS_PURGE:
	case WIRE__STEP_RESULT__FACTS_SEED:
		return true;
	}
	return err_set(e, ERR_PEER, "facts nobody knows");
}

static bool
check_result(const Wire__StepResult *m, struct err *e)
{
	return check_move_id(&m->move_id, e) &&
	       check_number((uint64_t)m->kind, "kind", 0, LIMIT_ERROR_KIND, e) &&
	       check_text(&m->text, "text", 0, LIMIT_TEXT, e) && check_facts(m, e);
}

static bool
check_job(const Wire__WorkerJob *m, struct err *e)
{
	if (!check_text(&m->spool_dir, "spool_dir", 0, PATH_BYTES, e) ||
	    !check_text(&m->identity_file, "identity_file", 0, PATH_BYTES, e) ||
	    !check_text(&m->localconfig, "localconfig", 0, PATH_BYTES, e) ||
	    !check_text(&m->zimbra_ca_file, "zimbra_ca_file", 0, PATH_BYTES, e) ||
	    !check_text(&m->zimbra_home, "zimbra_home", 0, PATH_BYTES, e) ||
	    !check_text(&m->zmmailbox, "zmmailbox", 0, PATH_BYTES, e) ||
	    !check_text(&m->server_id, "server_id", 0, LIMIT_ID - 1, e) ||
	    !check_number(m->fill_limit, "fill_limit", 0, 100, e) ||
	    !check_count(m->n_admissions, "admissions", 512, e) ||
	    !check_count(m->n_resolve, "resolve", 4096, e))
		return false;
	for (size_t i = 0; i < m->n_resolve; i++) {
		if (!check_text(&m->resolve[i], "resolve", 1, LIMIT_NAME + 64, e))
			return false;
	}
	for (size_t i = 0; i < m->n_admissions; i++) {
		const Wire__Admission *a = m->admissions[i];

		if (!check_move_id(&a->move_id, e) ||
		    !check_text(&a->source_node, "source_node", 1, LIMIT_NAME, e) ||
		    !check_size(&a->ticket, "ticket", LIMIT_TICKET, LIMIT_TICKET, e))
			return false;
	}
	return m->step == NULL || check_step(m->step, e);
}

bool
check_envelope(const Wire__Envelope *m, struct err *e)
{
	switch (m->body_case) {
	case WIRE__ENVELOPE__BODY__NOT_SET:
		return err_set(e, ERR_PEER, "an empty message");
	case WIRE__ENVELOPE__BODY_HELLO:
		return check_hello(m->hello, e);
	case WIRE__ENVELOPE__BODY_WELCOME:
		return check_welcome(m->welcome, e);
	case WIRE__ENVELOPE__BODY_REFUSAL:
		return check_text(&m->refusal->text, "text", 0, LIMIT_TEXT, e);
	case WIRE__ENVELOPE__BODY_PING:
		return check_number(
			   (uint64_t)m->ping->wall_ms, "wall_ms", 0, INT64_MAX / 2, e) &&
		       check_number(m->ping->held_ms, "held_ms", 0, DAY_MS, e);
	case WIRE__ENVELOPE__BODY_PONG:
		return true;
	case WIRE__ENVELOPE__BODY_HEALTH:
		return check_health(m->health, e);
	case WIRE__ENVELOPE__BODY_INVENTORY:
		return check_inventory(m->inventory, e);
	case WIRE__ENVELOPE__BODY_STEP:
		return check_number(m->id, "id", 1, UINT64_MAX, e) &&
		       check_step(m->step, e);
	case WIRE__ENVELOPE__BODY_PROGRESS:
		return check_move_id(&m->progress->move_id, e) &&
		       check_text(&m->progress->text, "text", 0, LIMIT_TEXT, e);
	case WIRE__ENVELOPE__BODY_RESULT:
		return check_result(m->result, e);
	case WIRE__ENVELOPE__BODY_CANCEL:
		return check_move_id(&m->cancel->move_id, e);
	case WIRE__ENVELOPE__BODY_LEASE_RENEW:
		return check_move_id(&m->lease_renew->move_id, e) &&
		       check_number(
			   m->lease_renew->lease_ms, "lease_ms", 1000, DAY_MS, e);
	case WIRE__ENVELOPE__BODY_LEASE_EXPIRED:
		return check_move_id(&m->lease_expired->move_id, e) &&
		       check_text(&m->lease_expired->account_id, "account_id", 1,
			   LIMIT_ID - 1, e) &&
		       check_number((uint64_t)m->lease_expired->kind, "kind", 0,
			   LIMIT_ERROR_KIND, e) &&
		       check_text(&m->lease_expired->text, "text", 0, LIMIT_TEXT, e);
	case WIRE__ENVELOPE__BODY_LOOK:
		return check_text(&m->look->node, "node", 1, LIMIT_NAME, e) &&
		       check_number(m->look->lmtp_port, "lmtp_port", 1, 65535, e);
	case WIRE__ENVELOPE__BODY_LOOKED:
		return check_text(&m->looked->node, "node", 1, LIMIT_NAME, e) &&
		       check_text(&m->looked->text, "text", 1, LIMIT_TEXT, e);
	case WIRE__ENVELOPE__BODY_SESSIONS:
		return check_number(m->sessions->look, "look", 1, UINT64_MAX, e);
	case WIRE__ENVELOPE__BODY_SESSION_PAGE:
		return check_session_page(m->session_page, e);
	case WIRE__ENVELOPE__BODY_JOB:
		return check_job(m->job, e);
	}
	return err_set(e, ERR_PEER, "a message nobody knows");
}

const char *
check_body_name(Wire__Envelope__BodyCase body)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
	    &wire__envelope__descriptor, (unsigned)body);

	return f == NULL ? "nothing" : f->name;
}

const char *
check_op_name(Wire__StepRequest__OpCase op)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(
	    &wire__step_request__descriptor, (unsigned)op);

	return f == NULL ? "nothing" : f->name;
}
