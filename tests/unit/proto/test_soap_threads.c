/* SPDX-License-Identifier: Apache-2.0 */
/* The first requests of a process are written by several threads at once, as the doctor does. */
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/zimbra/soap.h"
#include "proto/zimbra/soap_private.h"
#include "tests/unit/check.h"

#define THREADS 8
#define PROCESSES 300

static pthread_barrier_t together;

static void *
write_one(void *arg)
{
	struct soap_request *rq;
	struct buf out;
	struct err e;

	pthread_barrier_wait(&together);
	rq = soap_request_new(SOAP_ADMIN, "GetVersionInfoRequest");
	buf_init(&out, 0);
	if (!soap_envelope(rq, "token", &out, &e) || out.len == 0)
		_exit(2);
	buf_fini(&out);
	soap_request_free(&rq);
	return arg;
}

/* A process in which nothing has used libxml2 yet. */
static int
first_use(void)
{
	pthread_t threads[THREADS];
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		mallopt(M_PERTURB, 0x5a); /* what is not written yet is no NULL */
		pthread_barrier_init(&together, NULL, THREADS);
		for (size_t i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, write_one, NULL);
		for (size_t i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static void
test_first_requests_of_several_threads(void **state)
{
	(void)state;
	for (int i = 0; i < PROCESSES; i++)
		CHECK_INT(first_use(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_first_requests_of_several_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
