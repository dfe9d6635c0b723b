/* SPDX-License-Identifier: Apache-2.0 */
/* Asks as messages and answers as facts: one switch each way. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/fleet_private.h"
#include "proto/frame.h"

#define CHANGE_LIMIT 200000	   /* most changes to bump under the lock: four minutes */
#define CHANGE_LIMIT_EARLY 5000000 /* while people work */
#define FOLDERS_PER_ARCHIVE 16

static void
row_to_wire(const struct row *r, Wire__Row *w)
{
	wire__row__init(w);
	w->present = r->present;
	w->mailbox_id = r->mailbox_id;
	w->item_id = r->item_id;
	w->change = r->change;
	w->size_bytes = r->size_bytes;
	w->new_messages = r->new_messages;
	w->contacts = r->contacts;
}

static void
row_from_wire(const Wire__Row *w, struct row *r)
{
	memset(r, 0, sizeof(*r));
	if (w == NULL)
		return;
	r->present = w->present;
	r->mailbox_id = w->mailbox_id;
	r->item_id = w->item_id;
	r->change = w->change;
	r->size_bytes = w->size_bytes;
	r->new_messages = w->new_messages;
	r->contacts = w->contacts;
}

/* Every operation's message, so that one of them can be pointed to. */
struct ops {
	Wire__OpPreflight preflight;
	Wire__OpReserve reserve;
	Wire__OpStage stage;
	Wire__OpLease lease;
	Wire__Frozen frozen;
	ProtobufCBinaryData sources[FREEZE_SOURCES_MAX];
	Wire__OpUnlease unlease;
	Wire__OpFence fence;
	Wire__Row row;
	Wire__OpUnfence unfence;
	Wire__OpRoutes routes;
	ProtobufCBinaryData names[WORLD_ALIASES + 1];
	Wire__OpSteer steer;
	Wire__OpSeed seed;
	Wire__OpImport import;
	Wire__OpMend mend;
	Wire__OpVerify verify;
	Wire__OpDrop drop;
	Wire__OpDropRow drop_row;
	Wire__OpLockout lockout;
	Wire__OpMake make;
	Wire__OpPurge purge;
};

static ProtobufCBinaryData
ticket_bytes(const struct ask *a)
{
	ProtobufCBinaryData b = {.len = LIMIT_TICKET, .data = (uint8_t *)a->in.ticket};

	return b;
}

static void
ops_stage(const struct ask *a, const struct fleet_node *target, struct ops *o)
{
	static const Wire__StagePass passes[] = {
	    [STAGE_BASE] = WIRE__STAGE_PASS__PASS_BASE,
	    [STAGE_DELTA] = WIRE__STAGE_PASS__PASS_DELTA,
	    [STAGE_FINAL] = WIRE__STAGE_PASS__PASS_FINAL,
	    [STAGE_ARRIVED] = WIRE__STAGE_PASS__PASS_ARRIVED,
	    [STAGE_LEFT] = WIRE__STAGE_PASS__PASS_LEFT,
	};

	wire__op_stage__init(&o->stage);
	o->stage.pass = passes[a->in.pass];
	o->stage.target_host = frame_bytes(target == NULL ? "" : target->address);
	o->stage.target_port = target == NULL ? 0 : target->mail_port;
	o->stage.target_node = frame_bytes(a->in.target);
	o->stage.ticket = ticket_bytes(a);
	o->stage.token = frame_bytes(a->in.token);
	o->stage.above = a->in.pass == STAGE_ARRIVED || a->in.pass == STAGE_LEFT
			     ? a->in.last_item_id
			     : 0;
}

static void
ops_lease(const struct ask *a, struct ops *o)
{
	const struct freeze_saved *s = &a->in.saved;

	wire__frozen__init(&o->frozen);
	o->frozen.status = frame_bytes(s->status);
	o->frozen.mail_status = frame_bytes(s->mail_status);
	o->frozen.quota = frame_bytes(s->quota);
	o->frozen.receive_over_quota = frame_bytes(s->receive_over_quota);
	for (size_t i = 0; i < s->source_count; i++)
		o->sources[i] = frame_bytes(s->source_ids[i]);
	o->frozen.data_sources = o->sources;
	o->frozen.n_data_sources = s->source_count;
	wire__op_lease__init(&o->lease);
	o->lease.frozen = &o->frozen;
	o->lease.lease_ms = LEASE_MS;
}

static void
ops_routes(const struct ask *a, struct ops *o)
{
	wire__op_routes__init(&o->routes);
	for (size_t i = 0; i < a->in.name_count; i++)
		o->names[i] = frame_bytes(a->in.names[i]);
	o->routes.names = o->names;
	o->routes.n_names = a->in.name_count;
}

/* Those with texts of their own are begun where these are put in. */
static void
ops_init(struct ops *o)
{
	wire__op_preflight__init(&o->preflight);
	wire__op_reserve__init(&o->reserve);
	wire__op_unlease__init(&o->unlease);
	wire__op_fence__init(&o->fence);
	wire__op_unfence__init(&o->unfence);
	wire__op_steer__init(&o->steer);
	wire__op_seed__init(&o->seed);
	wire__op_import__init(&o->import);
	wire__op_mend__init(&o->mend);
	wire__op_verify__init(&o->verify);
	wire__op_drop__init(&o->drop);
	wire__op_drop_row__init(&o->drop_row);
	wire__op_lockout__init(&o->lockout);
	wire__op_make__init(&o->make);
	wire__op_purge__init(&o->purge);
}

#define OP(case_name, field)                                        \
	do {                                                        \
		step->op_case = WIRE__STEP_REQUEST__OP_##case_name; \
		step->field = &o->field;                            \
	} while (0)

static void
ops_fill(const struct ask *a, const struct fleet_node *target, struct ops *o,
    Wire__StepRequest *step)
{
	ops_init(o);
	switch (a->kind) {
	case ASK_PREFLIGHT:
		OP(PREFLIGHT, preflight);
		return;
	case ASK_RESERVE:
		o->reserve.source_node = frame_bytes(a->in.source);
		o->reserve.ticket = ticket_bytes(a);
		o->reserve.bytes = a->in.bytes;
		OP(RESERVE, reserve);
		return;
	case ASK_STAGE:
		ops_stage(a, target, o);
		OP(STAGE, stage);
		return;
	case ASK_LEASE:
		ops_lease(a, o);
		OP(LEASE, lease);
		return;
	case ASK_UNLEASE:
		OP(UNLEASE, unlease);
		return;
	case ASK_FENCE:
		row_to_wire(&a->in.row, &o->row);
		o->fence.token = frame_bytes(a->in.token);
		o->fence.row = &o->row;
		OP(FENCE, fence);
		return;
	case ASK_UNFENCE:
		OP(UNFENCE, unfence);
		return;
	case ASK_ROUTES:
		ops_routes(a, o);
		OP(ROUTES, routes);
		return;
	case ASK_MAKE:
		OP(MAKE, make);
		return;
	case ASK_STEER:
		o->steer.early = a->in.early;
		o->steer.source_last_item_id = a->in.last_item_id;
		o->steer.source_change = a->in.change;
		o->steer.change_limit = a->in.early ? CHANGE_LIMIT_EARLY : CHANGE_LIMIT;
		OP(STEER, steer);
		return;
	case ASK_SEED:
		o->seed.locked = a->in.locked;
		o->seed.source_last_item_id = a->in.last_item_id;
		o->seed.source_change = a->in.change;
		o->seed.change_limit = a->in.locked ? CHANGE_LIMIT : CHANGE_LIMIT_EARLY;
		OP(SEED, seed);
		return;
	case ASK_IMPORT:
		o->import.folder_limit = FOLDERS_PER_ARCHIVE;
		o->import.contacts_only = a->in.contacts_only;
		o->import.messages_ms = a->in.messages_ms;
		o->import.release = a->in.release;
		o->import.mend = a->in.mend;
		o->import.imap_tracking = a->in.tracking_imap;
		OP(IMPORT, import);
		return;
	case ASK_MEND:
		o->mend.imap_tracking = a->in.tracking_imap;
		o->mend.messages_to_come = a->in.messages_to_come;
		OP(MEND, mend);
		return;
	case ASK_VERIFY:
		OP(VERIFY, verify);
		return;
	case ASK_DROP:
		OP(DROP, drop);
		return;
	case ASK_DROP_ROW:
		o->drop_row.only_if_empty = true;
		OP(DROP_ROW, drop_row);
		return;
	case ASK_LOCKOUT:
		OP(LOCKOUT, lockout);
		return;
	case ASK_PURGE:
		row_to_wire(&a->in.row, &o->row);
		o->purge.row = &o->row;
		OP(PURGE, purge);
		return;
	case ASK_READ_ACCOUNT:
	case ASK_STANDING:
	case ASK_UNLIST:
	case ASK_PLATFORM:
	case ASK_FREEZE_READ:
	case ASK_LOCK:
	case ASK_ALLOW_IMPORT:
	case ASK_RESTORE:
	case ASK_QUOTA:
	case ASK_SET_HOME:
	case ASK_FLUSH:
	case ASK_SESSIONS:
	case ASK_KIND_COUNT:
		break;
	}
	BUG("ask \"%s\" is not an agent's", ask_name(a->kind));
}

void
fleet_ask_send(const struct ask *a, uint64_t epoch, const struct fleet_node *target,
    uint64_t id, void (*send)(void *ctx, const Wire__Envelope *m), void *ctx)
{
	Wire__Envelope m = WIRE__ENVELOPE__INIT;
	Wire__StepRequest step = WIRE__STEP_REQUEST__INIT;
	static struct ops ops; /* loop thread only; too large for a stack frame */

	step.move_id = frame_bytes(a->move_id);
	step.step_no = a->step_no;
	step.effect_no = a->effect_no;
	step.epoch = epoch;
	step.deadline_s = a->deadline_s;
	step.account_id = frame_bytes(a->account_id);
	step.account_name = frame_bytes(a->account_name);
	ops_fill(a, target, &ops, &step);
	m.id = id;
	m.body_case = WIRE__ENVELOPE__BODY_STEP;
	m.step = &step;
	send(ctx, &m);
}

/* --- answers --- */

static json_t *
json_bytes(const ProtobufCBinaryData *b)
{
	json_t *text = json_stringn((const char *)b->data, b->len);

	return text != NULL ? text : json_string("");
}

static json_t *
json_lacking(Wire__Lacking **rows, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list,
		    json_pack("{sIsoso}", "item", (json_int_t)rows[i]->item_id, "type",
			json_bytes(&rows[i]->type), "why", json_bytes(&rows[i]->why)));
	return list;
}

static void
take_preflight(struct ask *a, const Wire__PreflightFacts *f)
{
	struct ask_preflight *p = &a->out.preflight;

	row_from_wire(f->row, &p->row);
	p->spool_free_bytes = f->spool_free_bytes;
	p->spool_is_persistent = f->spool_is_persistent;
	p->healthy = f->healthy;
	p->row_is_seed = f->row_is_seed;
	snprintf(p->why_unhealthy, sizeof(p->why_unhealthy), "%.*s",
	    (int)f->why_unhealthy.len, f->why_unhealthy.data);
}

static void
take_stage(struct ask *a, const Wire__StageFacts *f)
{
	struct ask_stage *s = &a->out.stage;
	json_t *lacking = json_lacking(f->lacking, f->n_lacking);

	snprintf(s->token, sizeof(s->token), "%.*s", (int)f->token.len, f->token.data);
	s->listed = f->listed;
	s->staged = f->staged;
	s->sent = f->sent;
	s->sent_bytes = f->sent_bytes;
	s->took_ms = f->took_ms;
	s->last_item_id = f->last_item_id;
	s->change = f->change;
	s->lacking_count = f->lacking_count;
	s->tracking_imap = f->tracking_imap;
	s->no_contacts = f->contacts == 0 && f->messages + f->others == f->listed;
	s->wrote = f->wrote;
	s->wrote_ago_ms = f->wrote_ago_ms;
	row_from_wire(f->row, &s->row);
	s->lacking_json = json_dumps(lacking, JSON_COMPACT);
	json_decref(lacking);
}

static void
take_verdict(struct ask *a, const Wire__Verdict *v)
{
	struct ask_verdict *out = &a->out.verdict;
	json_t *differences = json_array();
	json_t *root;

	for (size_t i = 0; i < v->n_differences; i++) {
		const Wire__Difference *d = v->differences[i];

		json_array_append_new(
		    differences, json_pack("{sIsIsososo}", "item", (json_int_t)d->item_id,
				     "target_item", (json_int_t)d->target_id, "type",
				     json_bytes(&d->type), "what", json_bytes(&d->what),
				     "known", json_bytes(&d->known)));
	}
	out->clean = v->clean;
	out->listed = v->listed;
	out->equal = v->equal;
	out->missing = v->missing;
	out->differing = v->differing;
	root = json_pack("{sbsIsIsIsIsIsIsIsIsIsIsIsIsIsIsoso}", "clean", v->clean,
	    "listed", (json_int_t)v->listed, "equal", (json_int_t)v->equal, "explained",
	    (json_int_t)v->explained, "missing", (json_int_t)v->missing, "differing",
	    (json_int_t)v->differing, "extra", (json_int_t)v->extra, "bytes",
	    (json_int_t)v->source_bytes, "folders", (json_int_t)v->folders,
	    "folders_exact", (json_int_t)v->folders_exact, "messages",
	    (json_int_t)v->messages, "ids_exact", (json_int_t)v->ids_exact, "uids_exact",
	    (json_int_t)v->uids_exact, "validities", (json_int_t)v->validities,
	    "validities_exact", (json_int_t)v->validities_exact, "differences",
	    differences, "not_carried", json_lacking(v->not_carried, v->n_not_carried));
	out->json = json_dumps(root, JSON_COMPACT);
	json_decref(root);
}

static enum err_kind
kind_from_wire(Wire__ErrorKind kind)
{
	static const enum err_kind kinds[] = {
	    [WIRE__ERROR_KIND__ERROR_NONE] = ERR_NONE,
	    [WIRE__ERROR_KIND__ERROR_RETRY] = ERR_RETRY,
	    [WIRE__ERROR_KIND__ERROR_REFUSED] = ERR_REFUSED,
	    [WIRE__ERROR_KIND__ERROR_PEER] = ERR_PEER,
	    [WIRE__ERROR_KIND__ERROR_CORRUPT] = ERR_CORRUPT,
	    [WIRE__ERROR_KIND__ERROR_CANCELLED] = ERR_CANCELLED,
	    [WIRE__ERROR_KIND__ERROR_FULL] = ERR_FULL,
	};

	if (kind != WIRE__ERROR_KIND__ERROR_FULL && frame_error_may_pass(kind))
		return ERR_RETRY;
	return kinds[kind];
}

/* Does the answer carry the facts that this ask needs? */
static Wire__StepResult__FactsCase
facts_needed(enum ask_kind kind)
{
	static const Wire__StepResult__FactsCase needed[ASK_KIND_COUNT] = {
	    [ASK_PREFLIGHT] = WIRE__STEP_RESULT__FACTS_PREFLIGHT,
	    [ASK_STAGE] = WIRE__STEP_RESULT__FACTS_STAGE,
	    [ASK_FENCE] = WIRE__STEP_RESULT__FACTS_FENCE,
	    [ASK_STEER] = WIRE__STEP_RESULT__FACTS_STEER,
	    [ASK_SEED] = WIRE__STEP_RESULT__FACTS_SEED,
	    [ASK_IMPORT] = WIRE__STEP_RESULT__FACTS_IMPORT,
	    [ASK_MEND] = WIRE__STEP_RESULT__FACTS_IMPORT,
	    [ASK_VERIFY] = WIRE__STEP_RESULT__FACTS_VERDICT,
	    [ASK_PURGE] = WIRE__STEP_RESULT__FACTS_PURGE,
	};

	return needed[kind];
}

void
fleet_ask_take(struct ask *a, const Wire__StepResult *r)
{
	Wire__StepResult__FactsCase needed = facts_needed(a->kind);

	a->ok = r->kind == WIRE__ERROR_KIND__ERROR_NONE;
	if (!a->ok) {
		err_set(&a->err, kind_from_wire(r->kind), "node %s: %.*s", a->in.host,
		    (int)r->text.len, r->text.data);
		return;
	}
	if (needed != WIRE__STEP_RESULT__FACTS__NOT_SET && r->facts_case != needed) {
		a->ok = err_set(&a->err, ERR_RETRY,
		    "node %s: its agent answered \"%s\" without facts", a->in.host,
		    ask_name(a->kind));
		return;
	}
	if (a->kind == ASK_PREFLIGHT)
		take_preflight(a, r->preflight);
	else if (a->kind == ASK_STAGE)
		take_stage(a, r->stage);
	else if (a->kind == ASK_VERIFY)
		take_verdict(a, r->verdict);
	else if (a->kind == ASK_PURGE)
		a->out.held = !r->purge->gone;
	else if (a->kind == ASK_FENCE) {
		a->out.held = r->fence->held;
		row_from_wire(r->fence->row, &a->out.row);
		snprintf(a->out.text, sizeof(a->out.text), "%.*s",
		    (int)r->fence->moved_what.len, r->fence->moved_what.data);
	} else if (a->kind == ASK_STEER)
		a->out.misses = r->steer->miss_count;
	else if (a->kind == ASK_SEED) {
		a->out.applied = r->seed->here;
		a->out.exact = r->seed->exact;
	} else if (a->kind == ASK_IMPORT || a->kind == ASK_MEND) {
		a->out.applied = r->import->applied;
		a->out.refused = r->import->refused_count;
		a->out.left = r->import->left;
		a->out.withheld = r->import->withheld;
		a->out.mended = r->import->mended;
	}
}
