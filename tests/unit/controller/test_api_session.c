/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions: given once, bound, bounded, over in time; approvals; what an origin is;
   who may bring in a node. */
#include <stdio.h>
#include <string.h>

#include "controller/api/approvals.h"
#include "controller/api/gate.h"
#include "controller/api/rights_private.h"
#include "controller/api/session.h"
#include "proto/base/clock.h"
#include "tests/unit/check.h"

#define CONSOLE "https://console.example.org:7071"

static struct rights_person
person(const char *id)
{
	struct rights_person p = {.rights = json_pack("{s[s]}", "mbs1", RIGHT_FROM)};

	snprintf(p.id, sizeof(p.id), "%s", id);
	snprintf(p.name, sizeof(p.name), "%s@example.org", id);
	return p;
}

static void
test_a_session_is_found_by_its_secret_at_its_origin(void **state)
{
	struct sessions *all = sessions_new(900);
	struct rights_person anna = person("anna");
	char secret[SESSION_SECRET_TEXT];
	char other[SESSION_SECRET_TEXT];
	uint64_t now = clock_mono_ms();

	(void)state;
	sessions_add(all, &anna, CONSOLE, secret);
	sessions_add(all, &anna, "", other);
	assert_string_not_equal(secret, other);
	assert_int_equal(strlen(secret), SESSION_SECRET_TEXT - 1);
	assert_non_null(sessions_find(all, secret, CONSOLE, now));
	assert_null(sessions_find(all, secret, "", now));
	assert_null(sessions_find(all, secret, "https://evil.example", now));
	assert_non_null(sessions_find(all, other, "", now));
	secret[0] = secret[0] == '0' ? '1' : '0';
	assert_null(sessions_find(all, secret, CONSOLE, now));
	assert_null(sessions_find(all, "", CONSOLE, now));
	json_decref(anna.rights);
	sessions_free(&all);
}

static void
test_a_session_ends(void **state)
{
	struct sessions *all = sessions_new(900);
	struct rights_person anna = person("anna");
	char secret[SESSION_SECRET_TEXT];
	uint64_t now = clock_mono_ms();
	const struct session *s;

	(void)state;
	assert_non_null(sessions_add(all, &anna, "", secret));
	assert_non_null(sessions_find(all, secret, "", now + 890 * 1000));
	assert_null(sessions_find(all, secret, "", now + 901 * 1000));
	assert_int_equal(sessions_count(all), 0);
	s = sessions_add(all, &anna, "", secret);
	sessions_end(all, s);
	assert_null(sessions_find(all, secret, "", now));
	json_decref(anna.rights);
	sessions_free(&all);
}

static void
test_sessions_are_bounded_per_person_and_in_all(void **state)
{
	struct sessions *all = sessions_new(900);
	struct rights_person anna = person("anna");
	char first[SESSION_SECRET_TEXT];
	char secret[SESSION_SECRET_TEXT];
	uint64_t now = clock_mono_ms();

	(void)state;
	sessions_add(all, &anna, "", first);
	for (int i = 0; i < SESSIONS_PER_PERSON; i++)
		sessions_add(all, &anna, "", secret);
	assert_int_equal(sessions_count(all), SESSIONS_PER_PERSON);
	assert_non_null(sessions_find(all, secret, "", now));
	for (int i = 0; i < SESSIONS_MAX + 20; i++) {
		char id[20];
		struct rights_person p;

		snprintf(id, sizeof(id), "p%d", i);
		p = person(id);
		sessions_add(all, &p, "", secret);
		json_decref(p.rights);
	}
	assert_int_equal(sessions_count(all), SESSIONS_MAX);
	json_decref(anna.rights);
	sessions_free(&all);
}

static void
test_what_is_shown_of_a_session_has_no_secret(void **state)
{
	struct sessions *all = sessions_new(900);
	struct rights_person anna = person("anna");
	char secret[SESSION_SECRET_TEXT];
	json_t *view = session_view(sessions_add(all, &anna, CONSOLE, secret));
	char *text = json_dumps(view, 0);

	(void)state;
	assert_non_null(strstr(text, "anna@example.org"));
	assert_null(strstr(text, secret));
	free(text);
	json_decref(view);
	json_decref(anna.rights);
	sessions_free(&all);
}

static void
test_an_approval_is_one_per_node_and_ends(void **state)
{
	struct approvals *all = approvals_new();
	struct plan plan = {.moved_count = 7, .moved_bytes = 4096};
	const struct approval *a;
	json_t *rows;

	(void)state;
	snprintf(plan.node, sizeof(plan.node), "mbs1");
	snprintf(plan.version, sizeof(plan.version), "v1");
	approvals_add(all, &plan, "mbs2,mbs3", "anna", "id-a", 1000);
	a = approvals_add(all, &plan, "mbs2", "berta", "id-b", 2000);
	assert_string_equal(a->id, "a2");
	assert_null(approvals_find(all, "a1", 2000));
	rows = approvals_view(all, 2000);
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(
	    json_integer_value(json_object_get(json_array_get(rows, 0), "mailboxes")), 7);
	assert_string_equal(
	    json_string_value(json_object_get(json_array_get(rows, 0), "to")), "mbs2");
	json_decref(rows);
	assert_null(approvals_find(all, "a2", 2000 + APPROVAL_KEEP_MS + 1));
	for (int i = 0; i < APPROVALS_MAX; i++) {
		snprintf(plan.node, sizeof(plan.node), "node%d", i);
		assert_non_null(approvals_add(all, &plan, "", "anna", "id-a", 1000));
	}
	snprintf(plan.node, sizeof(plan.node), "one too many");
	assert_null(approvals_add(all, &plan, "", "anna", "id-a", 1000));
	approvals_drop(all, 5);
	assert_non_null(approvals_add(all, &plan, "", "anna", "id-a", 1000));
	approvals_free(&all);
}

static bool
origin_is_taken(const char *origin, struct err *e)
{
	char *origins[] = {(char *)(uintptr_t)origin, NULL};
	struct controller_conf conf = {.api_origins = origins, .api_session_s = 900};
	struct controller c = {.conf = &conf};
	struct gate *gate = NULL;
	bool ok = gate_new(&c, &gate, e);

	gate_free(&gate);
	return ok;
}

static void
test_only_exact_https_origins_are_taken(void **state)
{
	static const char *const bad[] = {"*", "https://*", "http://console:7071",
	    "https://console:7071/", "https://console/zimbraAdmin",
	    "https://Console:7071", "null", "", "https://"};
	struct err e;

	(void)state;
	assert_true(origin_is_taken(CONSOLE, &e));
	assert_true(origin_is_taken("https://[fd00::7]:7071", &e));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (origin_is_taken(bad[i], &e))
			fail_msg("\"%s\" was taken for an origin", bad[i]);
		assert_non_null(strstr(e.text, "api_origins"));
	}
}

/* Whoever came in which way, with the setting or without. */
static bool
add_is_offered(
    bool local, bool is_operator, bool setting, struct err *e, const char **next)
{
	struct controller_conf conf = {.api_add_nodes = setting};
	struct controller c = {.conf = &conf};
	struct api_request rq = {.ctx = &c, .local = local, .is_operator = is_operator};

	return gate_offers_add(&rq, e, next);
}

static void
test_a_node_comes_in_over_https_only_where_the_setting_says_so(void **state)
{
	struct err e;
	const char *next;

	(void)state;
	assert_true(add_is_offered(true, false, false, &e, &next));
	assert_true(add_is_offered(false, false, true, &e, &next));
	assert_false(add_is_offered(false, false, false, &e, &next));
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_non_null(strstr(e.text, "api_add_nodes"));
	assert_non_null(strstr(next, "api_add_nodes = yes"));
	assert_non_null(strstr(next, "zmferry add NODE"));
}

static void
test_an_operator_brings_in_no_node_from_afar(void **state)
{
	struct err e;
	const char *next;

	(void)state;
	for (int setting = 0; setting <= 1; setting++) {
		assert_false(add_is_offered(false, true, setting == 1, &e, &next));
		assert_non_null(strstr(e.text, "global administrator's session"));
		assert_non_null(strstr(next, "zmferry add NODE"));
	}
}

static void
test_only_a_global_administrator_brings_in_a_node(void **state)
{
	struct rights_wish w = {
	    .kind = PLAN_ADD, .node = "mbs4.example.org", .admin_name = "help@desk"};
	char next[200] = "";
	struct err e;

	(void)state;
	assert_true(rights_judge_person(&w, true, next, sizeof(next), &e));
	assert_false(rights_judge_person(&w, false, next, sizeof(next), &e));
	assert_int_equal(e.kind, ERR_REFUSED);
	assert_non_null(strstr(e.text, "help@desk is no global administrator"));
	assert_non_null(strstr(next, "zmferry add mbs4.example.org"));
	w.only_from = true; /* stopping one */
	assert_true(rights_judge_person(&w, false, next, sizeof(next), &e));
	w.only_from = false;
	for (int kind = 0; kind < PLAN_KIND_COUNT; kind++) {
		w.kind = (enum plan_kind)kind;
		assert_true(w.kind == PLAN_ADD ||
			    rights_judge_person(&w, false, next, sizeof(next), &e));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_session_is_found_by_its_secret_at_its_origin),
	    cmocka_unit_test(test_a_session_ends),
	    cmocka_unit_test(test_sessions_are_bounded_per_person_and_in_all),
	    cmocka_unit_test(test_what_is_shown_of_a_session_has_no_secret),
	    cmocka_unit_test(test_an_approval_is_one_per_node_and_ends),
	    cmocka_unit_test(test_only_exact_https_origins_are_taken),
	    cmocka_unit_test(
		test_a_node_comes_in_over_https_only_where_the_setting_says_so),
	    cmocka_unit_test(test_an_operator_brings_in_no_node_from_afar),
	    cmocka_unit_test(test_only_a_global_administrator_brings_in_a_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
