/* SPDX-License-Identifier: Apache-2.0 */
/* docs/openapi.json and the table of routes say the same: paths, methods, rights. */
#include <ctype.h>
#include <string.h>

#include "controller/controller.h"
#include "tests/unit/check.h"

static json_t *
document(void)
{
	json_error_t why;
	json_t *doc = json_load_file("docs/openapi.json", 0, &why);

	if (doc == NULL)
		fail_msg("docs/openapi.json:%d: %s", why.line, why.text);
	return doc;
}

static void
lower(const char *method, char *out, size_t size)
{
	size_t i;

	for (i = 0; method[i] != '\0' && i + 1 < size; i++)
		out[i] = (char)tolower((unsigned char)method[i]);
	out[i] = '\0';
}

static void
test_every_route_is_in_the_document(void **state)
{
	json_t *doc = document();
	json_t *paths = json_object_get(doc, "paths");

	(void)state;
	for (size_t i = 0; i < controller_route_count; i++) {
		const struct api_route *r = &controller_routes[i];
		char method[16];
		const json_t *op;
		const char *right;

		lower(r->method, method, sizeof(method));
		op = json_object_get(json_object_get(paths, r->path), method);
		if (op == NULL)
			fail_msg("docs/openapi.json has no %s %s", r->method, r->path);
		right = json_string_value(json_object_get(op, "x-right"));
		if (right == NULL || strcmp(right, r->right) != 0)
			fail_msg(
			    "%s %s: the table wants \"%s\", the document says \"%s\"",
			    r->method, r->path, r->right, right == NULL ? "" : right);
	}
	json_decref(doc);
}

static void
test_the_document_has_nothing_else(void **state)
{
	json_t *doc = document();
	size_t count = 0;
	const char *path;
	json_t *methods;

	(void)state;
	json_object_foreach(json_object_get(doc, "paths"), path, methods) count +=
	    json_object_size(methods);
	assert_int_equal(count, controller_route_count);
	json_decref(doc);
}

static void
test_rights_are_known_and_changes_are_guarded(void **state)
{
	static const char *const known[] = {"open", "read", "change", "metrics", "local"};

	(void)state;
	for (size_t i = 0; i < controller_route_count; i++) {
		const struct api_route *r = &controller_routes[i];
		bool found = false;

		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			found = found || strcmp(r->right, known[k]) == 0;
		if (!found)
			fail_msg("%s: \"%s\" is no right", r->path, r->right);
		if (strcmp(r->method, "GET") == 0 && strcmp(r->right, "change") == 0)
			fail_msg("%s: a GET changes nothing", r->path);
		/* What anybody may do is: look at files and health, and sign in. */
		if (strcmp(r->right, "open") == 0 && strcmp(r->method, "GET") != 0 &&
		    strcmp(r->path, "/v1/session") != 0)
			fail_msg("%s %s is open to anybody", r->method, r->path);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_route_is_in_the_document),
	    cmocka_unit_test(test_the_document_has_nothing_else),
	    cmocka_unit_test(test_rights_are_known_and_changes_are_guarded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
