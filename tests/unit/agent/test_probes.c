/* SPDX-License-Identifier: Apache-2.0 */
/* The table of probes, its thresholds, and what each kind says of a sick service. */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <time.h>
#include <unistd.h>

#include "agent/health/probes.h"
#include "proto/base/xalloc.h"
#include "proto/frame.h"
#include "tests/unit/check.h"

#define NODE_ADDRESS "127.0.99.77"
#define LMTP_PORT 7025

static char folder[] = "/tmp/test_probes.XXXXXX";
static struct agent_conf conf;
static struct agent agent;

/* What was told last. */
static size_t told;
static char told_name[64];
static char told_text[LIMIT_TEXT];
static int told_severity;
static uint64_t told_disk_bytes;

bool
agent_send(struct agent *a, const Wire__Envelope *m)
{
	struct buf frame;
	struct err e;

	(void)a;
	CHECK_INT(m->body_case, WIRE__ENVELOPE__BODY_HEALTH);
	buf_init(&frame, LIMIT_FRAME);
	CHECK(frame_put(&frame, m, &e));
	buf_fini(&frame);
	told++;
	told_name[0] = '\0';
	if (m->health->n_probes > 0) {
		const Wire__Probe *p = m->health->probes[0];

		CHECK(frame_copy(&p->name, told_name, sizeof(told_name)));
		CHECK(frame_copy(&p->text, told_text, sizeof(told_text)));
		told_severity = (int)p->severity;
	}
	told_disk_bytes = m->health->n_disks > 0 ? m->health->disks[0]->total_bytes : 0;
	return true;
}

struct soap_client *
agent_soap_within(const struct agent *a, unsigned timeout_ms)
{
	(void)a;
	(void)timeout_ms;
	return NULL;
}

const char *
agent_resolve(const struct agent_conf *c, const char *host)
{
	(void)c;
	return host;
}

/* --- the table --- */

static void
test_every_row_can_find_something(void **state)
{
	size_t disks = 0;

	(void)state;
	CHECK(probe_count >= 8);
	for (size_t i = 0; i < probe_count; i++) {
		const struct probe_def *def = &probe_defs[i];

		CHECK(def->run != NULL && def->what != NULL && def->period_s > 0);
		CHECK(def->deadline_s > 0);
		/* Slow is found before hanging is, and warned of before it fails. */
		CHECK(def->fail_ms < def->deadline_s * 1000);
		CHECK(def->warn_ms == 0 || def->warn_ms < def->fail_ms);
		disks += def->run == probe_disk;
		for (size_t j = 0; j < i; j++)
			CHECK(strcmp(def->name, probe_defs[j].name) != 0);
	}
	CHECK(probe_count <= 64 && disks <= 16); /* proto/check.c takes no more */
}

static void
test_time_is_judged_by_the_row(void **state)
{
	static const struct probe_def def = {.warn_ms = 100, .fail_ms = 1000};
	static const struct probe_def timeless = {.warn_ms = 0, .fail_ms = 0};

	(void)state;
	CHECK_INT(probe_judge_time(&def, 99), SEVERITY_OK);
	CHECK_INT(probe_judge_time(&def, 100), SEVERITY_WARN);
	CHECK_INT(probe_judge_time(&def, 999), SEVERITY_WARN);
	CHECK_INT(probe_judge_time(&def, 1000), SEVERITY_FAIL);
	CHECK_INT(probe_judge_time(&timeless, 100000), SEVERITY_OK);
}

static void
test_the_worst_finding_stays(void **state)
{
	struct probe_run r = {0};

	(void)state;
	probe_found(&r, SEVERITY_WARN, "first\nwarning");
	CHECK_STR(r.text, "first warning");
	probe_found(&r, SEVERITY_WARN, "second");
	CHECK_STR(r.text, "first warning");
	probe_found(&r, SEVERITY_FAIL, "failure");
	probe_found(&r, SEVERITY_WARN, "third");
	CHECK_STR(r.text, "failure");
	CHECK_INT(r.severity, SEVERITY_FAIL);
}

/* --- disks --- */

static void
test_disks_are_judged_by_thresholds(void **state)
{
	static const struct probe_def def = {
	    .name = "disk:store", .what = "the mail store's disk"};
	static const struct {
		struct disk_facts facts;
		uint32_t limit;
		enum severity severity;
		const char *text;
	} rows[] = {
	    {{1000, 500, 100, 50, false}, 0, SEVERITY_OK, ""},
	    {{1000, 101, 100, 50, false}, 0, SEVERITY_OK, ""},
	    {{1000, 100, 100, 50, false}, 0, SEVERITY_WARN, "90 % full"},
	    {{1000, 31, 100, 50, false}, 0, SEVERITY_WARN, "96 % full"},
	    {{1000, 30, 100, 50, false}, 0, SEVERITY_FAIL, "97 % full"},
	    {{1000, 140, 100, 50, false}, 85, SEVERITY_WARN, "above fill_limit (85 %)"},
	    {{1000, 151, 100, 50, false}, 85, SEVERITY_OK, ""},
	    {{1000, 500, 100, 10, false}, 0, SEVERITY_WARN, "90 % of its inodes"},
	    {{1000, 500, 100, 2, false}, 0, SEVERITY_FAIL, "98 % of its inodes"},
	    {{1000, 500, 0, 0, false}, 0, SEVERITY_OK, ""},
	    {{1000, 500, 100, 50, true}, 0, SEVERITY_FAIL, "read-only"},
	    {{0, 0, 0, 0, false}, 0, SEVERITY_OK, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_run r = {.def = &def, .path = "/x"};

		disk_judge(&r, &rows[i].facts, rows[i].limit);
		CHECK_INT(r.severity, rows[i].severity);
		CHECK_HAS(r.text, rows[i].text);
	}
}

static void
test_a_real_disk_is_well(void **state)
{
	static const struct probe_def def = {.name = "disk:spool",
	    .what = "the spool's disk",
	    .warn_ms = 60000,
	    .fail_ms = 120000};
	static const struct probe_def none = {
	    .name = "disk:index", .what = "the index", .folder = "index"};
	struct probe_run r = {.def = &def, .agent = &agent};
	struct probe_run missing = {.def = &none, .agent = &agent};

	(void)state;
	probe_disk(&r);
	CHECK(r.has_disk && r.total_bytes > 0 && !r.absent);
	CHECK_STR(r.path, folder);
	probe_disk(&missing);
	CHECK(missing.absent && !missing.has_disk);
	/* One that was there and went away is a finding. */
	missing.seen = true;
	missing.absent = false;
	probe_disk(&missing);
	CHECK(!missing.absent);
	CHECK_INT(missing.severity, SEVERITY_FAIL);
}

/* --- zmstat --- */

static void
put_file(const char *name, int64_t age_s)
{
	const struct timespec times[2] = {
	    {.tv_sec = time(NULL) - age_s}, {.tv_sec = time(NULL) - age_s}};
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/zmstat/%s", folder, name);
	f = fopen(path, "we");
	CHECK(f != NULL && fclose(f) == 0);
	CHECK_INT(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
test_zmstat_is_judged_by_its_newest_file(void **state)
{
	static const struct probe_def def = {.name = "zmstat", .what = "zmstat"};
	static const struct {
		int64_t vm_s, cpu_s, mailboxd_s; /* ago */
		bool absent;
		enum severity severity;
		const char *text;
	} rows[] = {
	    {10, 5000, 10, false, SEVERITY_OK, ""},
	    {-100, 5000, 290, false, SEVERITY_OK, ""},
	    {700, 5000, 10, false, SEVERITY_WARN, "for 11 min: it has stopped"},
	    {700, 5000, 400, false, SEVERITY_WARN, "zmstatctl restart"},
	    {10, 5000, 320, false, SEVERITY_WARN, "zmmailboxdctl restart"},
	    {800000, 900000, 10, false, SEVERITY_OK, ""}, /* switched off */
	    {800000, 900000, 800000, true, SEVERITY_OK, ""},
	};
	struct probe_run r = {.def = &def, .agent = &agent};
	char path[200];

	(void)state;
	probe_zmstat(&r);
	CHECK(r.absent); /* no folder */
	snprintf(path, sizeof(path), "%s/zmstat", folder);
	CHECK_INT(mkdir(path, 0700), 0);
	probe_zmstat(&r);
	CHECK(r.absent); /* nothing in it */
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		r = (struct probe_run){.def = &def, .agent = &agent};
		put_file("vm.csv", rows[i].vm_s);
		put_file("cpu.csv", rows[i].cpu_s);
		put_file("mailboxd.csv", rows[i].mailboxd_s);
		probe_zmstat(&r);
		CHECK_INT(r.absent, rows[i].absent);
		CHECK_INT(r.severity, rows[i].severity);
		CHECK_HAS(r.text, rows[i].text);
	}
}

/* --- certificates --- */

static void
test_certificates_are_judged_by_what_is_left(void **state)
{
	static const struct probe_def def = {
	    .name = "certificate:mailboxd", .what = "mailboxd's certificate"};
	static const struct {
		int64_t left_s;
		enum severity severity;
		const char *text;
	} rows[] = {
	    {14 * 86400, SEVERITY_OK, ""},
	    {14 * 86400 - 1, SEVERITY_WARN,
		"mailboxd's certificate ends in 13 days; do this"},
	    {1, SEVERITY_WARN, "ends in 0 days"},
	    {0, SEVERITY_FAIL, "mailboxd's certificate is expired; do this"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_run r = {.def = &def};

		certificate_judge(&r, rows[i].left_s, "do this");
		CHECK_INT(r.severity, rows[i].severity);
		CHECK_HAS(r.text, rows[i].text);
	}
}

/* Where nothing listens nothing is said; what was seen before stays true. */
static void
test_a_certificate_seen_before_counts_while_mailboxd_is_away(void **state)
{
	static const struct probe_def def = {
	    .name = "certificate:mailboxd", .what = "mailboxd's certificate"};
	struct probe_run r = {.def = &def, .agent = &agent};

	(void)state;
	agent.zimbra.admin_port = 1;
	probe_certificate_mailboxd(&r);
	CHECK(r.absent);
	r.expires_s = 1000;
	probe_certificate_mailboxd(&r);
	CHECK(!r.absent);
	CHECK_INT(r.severity, SEVERITY_FAIL);
	CHECK_HAS(r.text, "zmcertmgr viewdeployedcrt");
	CHECK_HAS(r.text, "zmcertmgr deploycrt");
}

/* --- services played by a thread: accepts once, says something, ends --- */

struct actor {
	int listener;
	const void *says;
	size_t length;
	const char *const *answers; /* one to each line heard; NULL ends them */
	pthread_t thread;
};

static void *
actor_run(void *arg)
{
	struct actor *actor = arg;
	int fd = accept(actor->listener, NULL, NULL);
	size_t next = 0;
	char byte;

	if (actor->length > 0)
		(void)!send(fd, actor->says, actor->length, MSG_NOSIGNAL);
	while (recv(fd, &byte, 1, 0) > 0) { /* until the probe has gone */
		const char *answer = actor->answers == NULL ? NULL : actor->answers[next];

		if (byte != '\n' || answer == NULL)
			continue;
		(void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL);
		next++;
	}
	close(fd);
	return NULL;
}

static void
actor_start(struct actor *actor, int listener, const void *says, size_t length,
    const char *const *answers)
{
	*actor = (struct actor){
	    .listener = listener, .says = says, .length = length, .answers = answers};
	CHECK_INT(pthread_create(&actor->thread, NULL, actor_run, actor), 0);
}

static void
mariadb_probe(struct probe_run *r)
{
	static const struct probe_def def = {
	    .name = "mariadb", .what = "MariaDB", .fail_ms = 200};

	*r = (struct probe_run){.def = &def, .agent = &agent};
	probe_mariadb(r);
}

static void
test_mariadb_is_judged_by_its_greeting(void **state)
{
	static const uint8_t greeting[] = "\x4a\x00\x00\x00\x0a"
					  "10.11.6-MariaDB";
	static const uint8_t refusal[] = "\x17\x00\x00\x00\xff\x10\x04"
					 "Too many connections";
	static const struct {
		const void *says;
		size_t length;
		enum severity severity;
		const char *text;
	} rows[] = {
	    {greeting, sizeof(greeting) - 1, SEVERITY_OK, ""},
	    {refusal, sizeof(refusal) - 1, SEVERITY_FAIL,
		"error 1040: Too many connections"},
	    {"HTTP/1.1 400", 12, SEVERITY_FAIL, "something else than its greeting"},
	    {"", 0, SEVERITY_FAIL, "does not greet"},
	};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct probe_run r;
	char path[200];
	int listener;
	FILE *f;

	(void)state;
	mariadb_probe(&r);
	CHECK(r.absent); /* no my.cnf: no database here */
	snprintf(path, sizeof(path), "%s/conf", folder);
	CHECK_INT(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/conf/my.cnf", folder);
	f = fopen(path, "w");
	fprintf(
	    f, "[mysqld]\nbasedir = /opt\n  socket   = %s/db.sock\nport=7306\n", folder);
	fclose(f);
	mariadb_probe(&r);
	CHECK_INT(r.severity, SEVERITY_FAIL);
	CHECK_HAS(r.text, "No such file");
	CHECK_HAS(r.text, "zmcontrol status");
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.80s/db.sock", folder);
	CHECK_INT(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_INT(listen(listener, 4), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct actor actor;

		actor_start(&actor, listener, rows[i].says, rows[i].length, NULL);
		mariadb_probe(&r);
		pthread_join(actor.thread, NULL);
		CHECK_INT(r.severity, rows[i].severity);
		CHECK_HAS(r.text, rows[i].text);
	}
	close(listener);
}

/* A listener on the node's address; answers what comes with one actor at a time. */
static int
node_listen(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	inet_pton(AF_INET, NODE_ADDRESS, &address.sin_addr);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	CHECK_INT(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	CHECK_INT(listen(listener, 4), 0);
	return listener;
}

static void
lmtp_probe(struct probe_run *r)
{
	static const struct probe_def def = {
	    .name = "lmtp", .what = "LMTP", .fail_ms = 200};

	*r = (struct probe_run){.def = &def, .agent = &agent};
	probe_lmtp(r);
}

#define LMTP_READY "220 mbs1.example.org Zimbra LMTP server ready\r\n"
#define LHLO_TAKEN "250-mbs1.example.org\r\n250-8BITMIME\r\n250 SIZE\r\n"

static void
test_lmtp_is_judged_by_its_banner_and_by_rcpt(void **state)
{
	static const struct {
		const char *says;
		const char *answers[5];
		enum severity severity;
		const char *text;
	} rows[] = {
	    {LMTP_READY, {LHLO_TAKEN, "250 ok\r\n", "550 5.1.1 No such user\r\n"},
		SEVERITY_OK, ""},
	    {LMTP_READY, {LHLO_TAKEN, "250 ok\r\n", "250 2.1.5 a catch-all\r\n"},
		SEVERITY_OK, ""},
	    {LMTP_READY, {LHLO_TAKEN, "250 ok\r\n", "450 4.2.1 try again\r\n"},
		SEVERITY_FAIL, "(\"450 4.2.1 try again\"); does mailboxd reach LDAP?"},
	    {LMTP_READY, {LHLO_TAKEN, "250 ok\r\n"}, SEVERITY_FAIL,
		"does not answer whether an address lives here"},
	    {LMTP_READY, {LHLO_TAKEN, "421 4.3.2 Service not available\r\n"},
		SEVERITY_WARN, "zimbraUserServicesEnabled"},
	    {LMTP_READY, {"250-no end"}, SEVERITY_FAIL,
		"greets and then does not answer"},
	    {"421 mbs1.example.org closing\r\n", {NULL}, SEVERITY_FAIL,
		"greets with \"421 mbs1.example.org closing\""},
	    {"220 no end of line", {NULL}, SEVERITY_FAIL, "does not greet"},
	    {"", {NULL}, SEVERITY_FAIL, "does not greet"},
	};
	struct probe_run r;
	int listener;

	(void)state;
	lmtp_probe(&r);
	CHECK_INT(r.severity, SEVERITY_FAIL);
	CHECK_HAS(r.text, "no mail can be delivered here");
	listener = node_listen(LMTP_PORT);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct actor actor;

		actor_start(&actor, listener, rows[i].says, strlen(rows[i].says),
		    rows[i].answers);
		lmtp_probe(&r);
		pthread_join(actor.thread, NULL);
		CHECK_INT(r.severity, rows[i].severity);
		CHECK_HAS(r.text, rows[i].text);
	}
	close(listener);
}

static void
test_imap_and_pop_are_judged_by_their_banners(void **state)
{
	static const struct {
		struct probe_def def;
		uint16_t port;
		const char *says;
		enum severity severity;
		const char *text;
	} rows[] = {
	    {{.name = "imap", .fail_ms = 200}, 7143,
		"* OK mbs1.example.org Zimbra IMAP4rev1 server ready\r\n", SEVERITY_OK,
		""},
	    {{.name = "imap", .fail_ms = 200}, 7143, "* BYE too many connections\r\n",
		SEVERITY_FAIL, "greets with \"* BYE too many connections\""},
	    {{.name = "imap", .fail_ms = 200}, 7143, "", SEVERITY_FAIL,
		"IMAP takes connections on port 7143 but does not greet"},
	    {{.name = "pop", .fail_ms = 200}, 7110, "+OK POP3 server ready\r\n",
		SEVERITY_OK, ""},
	    {{.name = "pop", .fail_ms = 200}, 7110, "-ERR not now\r\n", SEVERITY_FAIL,
		"POP3 on port 7110 greets with \"-ERR not now\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct probe_run r = {.def = &rows[i].def, .agent = &agent};
		struct actor actor;
		int listener;

		probe_access(&r);
		CHECK(r.absent); /* it never answered: this node has none */
		CHECK_INT(r.severity, SEVERITY_OK);
		r.absent = false;
		listener = node_listen(rows[i].port);
		actor_start(&actor, listener, rows[i].says, strlen(rows[i].says), NULL);
		probe_access(&r);
		pthread_join(actor.thread, NULL);
		CHECK(!r.absent);
		CHECK_INT(r.severity, rows[i].severity);
		CHECK_HAS(r.text, rows[i].text);
		close(listener);
		/* It was there, so that it is gone is a finding. */
		r.severity = SEVERITY_OK;
		r.text[0] = '\0';
		probe_access(&r);
		CHECK(!r.absent);
		CHECK_INT(r.severity, SEVERITY_FAIL);
		CHECK_HAS(r.text, "switched off on purpose");
	}
}

/* --- running and telling --- */

static sem_t gate;

static void
run_until_let_go(struct probe_run *r)
{
	sem_wait(&gate);
	r->has_disk = true;
	r->total_bytes = 77;
}

static void
test_a_hanging_probe_is_a_finding_until_it_comes_back(void **state)
{
	static const struct probe_def defs[] = {
	    {.name = "disk:spool",
		.period_s = 1000,
		.deadline_s = 0,
		.run = run_until_let_go,
		.what = "the disk"},
	};
	struct probes *p;

	(void)state;
	sem_init(&gate, 0, 0);
	uv_loop_init(&agent.loop);
	told = 0;
	p = probes_new_of(&agent, defs, 1);
	probes_tick(p);
	CHECK_INT(told, 0); /* nothing is known yet */
	while (told == 0)
		probes_tick(p);
	CHECK_STR(told_name, "disk:spool");
	CHECK_INT(told_severity, SEVERITY_FAIL);
	CHECK_HAS(told_text, "hangs");
	CHECK_INT(told_disk_bytes, 0);
	sem_post(&gate);
	uv_run(&agent.loop, UV_RUN_DEFAULT);
	probes_tick(p);
	CHECK_INT(told, 2);
	CHECK_INT(told_severity, SEVERITY_OK);
	CHECK_STR(told_text, "");
	CHECK_INT(told_disk_bytes, 77);
	probes_tick(p);
	CHECK_INT(told, 2); /* nothing new, nothing told */
	CHECK_INT(uv_loop_close(&agent.loop), 0);
	probes_free(&p);
	sem_destroy(&gate);
}

static void
run_absent(struct probe_run *r)
{
	r->absent = true;
}

static void
test_what_is_not_here_is_not_told(void **state)
{
	static const struct probe_def defs[] = {
	    {.name = "mariadb",
		.period_s = 1000,
		.deadline_s = 100,
		.run = run_absent,
		.what = "MariaDB"},
	};
	struct probes *p;

	(void)state;
	uv_loop_init(&agent.loop);
	told = 0;
	p = probes_new_of(&agent, defs, 1);
	probes_tick(p);
	uv_run(&agent.loop, UV_RUN_DEFAULT);
	probes_tick(p);
	CHECK_INT(told, 1);
	CHECK_STR(told_name, "");
	CHECK_INT(uv_loop_close(&agent.loop), 0);
	probes_free(&p);
}

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	conf.spool_dir = folder;
	conf.zimbra_home = folder;
	conf.allow_ephemeral_spool = true;
	conf.fill_limit = 100;
	agent.conf = &conf;
	snprintf(agent.zimbra.host, sizeof(agent.zimbra.host), NODE_ADDRESS);
	log_set_level(LOG_ERROR);
	return 0;
}

static int
tear_down(void **state)
{
	static const char *const names[] = {"conf/my.cnf", "conf", "db.sock",
	    "zmstat/vm.csv", "zmstat/cpu.csv", "zmstat/mailboxd.csv", "zmstat", ""};
	char path[200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (unlink(path) != 0)
			rmdir(path);
	}
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_every_row_can_find_something),
	    TEST(test_time_is_judged_by_the_row),
	    TEST(test_the_worst_finding_stays),
	    TEST(test_disks_are_judged_by_thresholds),
	    TEST(test_a_real_disk_is_well),
	    TEST(test_zmstat_is_judged_by_its_newest_file),
	    TEST(test_certificates_are_judged_by_what_is_left),
	    TEST(test_a_certificate_seen_before_counts_while_mailboxd_is_away),
	    TEST(test_mariadb_is_judged_by_its_greeting),
	    TEST(test_lmtp_is_judged_by_its_banner_and_by_rcpt),
	    TEST(test_imap_and_pop_are_judged_by_their_banners),
	    TEST(test_a_hanging_probe_is_a_finding_until_it_comes_back),
	    TEST(test_what_is_not_here_is_not_told),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
