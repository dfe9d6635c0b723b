/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/doctor: the examination takes seconds and asks every server, so one at a time. */
#include "controller/doctor.h"

#include "controller/api/doctor.h"
#include "controller/controller.h"

static json_t *
words(const char *s)
{
	json_t *value = json_string(s);

	return value != NULL ? value : json_string("(not UTF-8)");
}

static json_t *
finding_view(const struct doctor_finding *f)
{
	return json_pack("{sssssososo}", "check", f->check, "level",
	    doctor_level_names[f->level], "subject", words(f->subject), "text",
	    words(f->text), "next", words(f->next));
}

static void
on_report(void *owner, const struct doctor_report *report)
{
	struct api_request *rq = owner;
	struct controller *c = rq->ctx;
	json_t *findings = json_array();

	c->examining = false;
	for (size_t i = 0; i < report->count; i++)
		json_array_append_new(findings, finding_view(&report->findings[i]));
	api_reply(rq, 200,
	    json_pack("{sosIsIsI}", "findings", findings, "ok",
		(json_int_t)report->by_level[DOCTOR_OK], "warnings",
		(json_int_t)report->by_level[DOCTOR_WARN], "failures",
		(json_int_t)report->by_level[DOCTOR_FAIL]));
}

void
get_doctor(struct api_request *rq)
{
	struct controller *c = rq->ctx;
	struct err e;

	if (c->examining) {
		err_set(&e, ERR_RETRY, "an examination is under way");
		api_refuse(rq, &e, "in a few seconds: zmferry doctor");
		return;
	}
	c->examining = true;
	doctor_start(c, on_report, rq);
}
