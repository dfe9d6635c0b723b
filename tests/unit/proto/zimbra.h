/* SPDX-License-Identifier: Apache-2.0 */
/* A soap_client whose Zimbra is a function of the test; logins are answered here. */
#ifndef TESTS_UNIT_PROTO_ZIMBRA_H
#define TESTS_UNIT_PROTO_ZIMBRA_H

#include <string.h>
#include <unistd.h>

#include "proto/zimbra/soap.h"
#include "tests/unit/proto/server.h"

#define ENVELOPE(body)                                                            \
	"<soap:Envelope "                                                         \
	"xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"><soap:Body>" body \
	"</soap:Body></soap:Envelope>"
#define FAULT(code)                                                                      \
	ENVELOPE("<soap:Fault><soap:Reason><soap:Text>because</soap:Text></soap:Reason>" \
		 "<soap:Detail><Error><Code>" code                                       \
		 "</Code></Error></soap:Detail></soap:Fault>")

static struct {
	char dir[64];
	char pem[128];
	char ca_file[128];
	struct server server;
	struct soap_client *client;
	void (*answer)(struct server_call *call); /* the test's */
	atomic_uint logins;
} zimbra;

static void
zimbra_answer(struct server_call *call)
{
	char body[300];

	if (strstr(call->request, "<AuthRequest") == NULL) {
		zimbra.answer(call);
		return;
	}
	snprintf(body, sizeof(body),
	    ENVELOPE("<AuthResponse><authToken>TOKEN%u</authToken></AuthResponse>"),
	    atomic_fetch_add(&zimbra.logins, 1) + 1);
	server_reply(call, 200, body);
}

static int
zimbra_make_dir(void **state)
{
	(void)state;
	snprintf(zimbra.dir, sizeof(zimbra.dir), "/tmp/test_zimbra.XXXXXX");
	if (mkdtemp(zimbra.dir) == NULL)
		return -1;
	server_certificate(zimbra.dir, "mbs1.test", zimbra.pem, sizeof(zimbra.pem));
	snprintf(zimbra.ca_file, sizeof(zimbra.ca_file), "%s/ca.pem", zimbra.dir);
	return 0;
}

static int
zimbra_remove_dir(void **state)
{
	char path[100];

	(void)state;
	snprintf(path, sizeof(path), "%s/ca.key", zimbra.dir);
	unlink(path);
	unlink(zimbra.ca_file);
	unlink(zimbra.pem);
	return rmdir(zimbra.dir);
}

static void
zimbra_begin(void (*answer)(struct server_call *))
{
	static const char *const resolve[] = {"mbs1.test=127.0.0.1", NULL};
	struct secret *password = secret_new("secret", 6);
	struct soap_options options = {
	    .host = "mbs1.test",
	    .admin_name = "admin",
	    .admin_password = password,
	    .ca_file = zimbra.ca_file,
	    .resolve = resolve,
	    .timeout_ms = 10000,
	};

	zimbra.answer = answer;
	zimbra.logins = 0;
	server_start(&zimbra.server, zimbra.pem, zimbra_answer, NULL);
	options.admin_port = zimbra.server.port;
	zimbra.client = soap_client_new(&options);
	secret_free(&password);
}

static void
zimbra_end(void)
{
	soap_client_free(&zimbra.client);
	server_stop(&zimbra.server);
}

#endif
