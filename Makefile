# SPDX-License-Identifier: Apache-2.0
# zmferry. Two commands for newcomers: make demo, make test. `make help` lists the rest.
#
# VARIANT=release (default), debug (ASan+UBSan) or tsan. Objects under build/VARIANT.
# CC=clang works as well. V=1 shows commands.

VARIANT ?= release
CC       = gcc
B       := build/$(VARIANT)$(if $(filter clang,$(CC)),-clang)
GEN     := build/generated
PYTHON  ?= python3
PREFIX  ?= /usr/local
export PYTHONDONTWRITEBYTECODE = 1

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)')

# --- sources: the list is documentation ------------------------------------------------

base_src    := err utf8 xalloc buf log clock conf conf_read secret tls tls_ca tls_look tcp work http_client \
               conf_sections conf_duration smtp_client
zimbra_src  := soap soap_xml rest freeze version
proto_src   := frame check check_stream peer skew

agent_src   := main agent agent_link requests requests_local conf lane lane_task lease lease_spare idle \
               look session_look health/probes health/lmtp health/mailboxd health/mariadb health/disk health/cgroup health/logwatch \
               health/wall_clock health/growth health/fs_errors health/certificate health/zmstat health/dialogue health/access \
               mailbox/localconfig mailbox/account mailbox/inventory mailbox/metadata \
               mailbox/archive mailbox/archive_meta mailbox/archive_write mailbox/client mailbox/zmmailbox mailbox/zmmailbox_rest \
               mailbox/spool mailbox/spool_files mailbox/spool_index mailbox/spool_crc mailbox/spool_rows \
               mailbox/ids mailbox/items mailbox/items_tree mailbox/written mailbox/sessions mailbox/tree mailbox/match \
               mailbox/target mailbox/steer mailbox/steer_run mailbox/steer_report mailbox/steer_tidy mailbox/filters mailbox/seed_validity mailbox/steer_soap \
               mailbox/seed_text mailbox/seed_threads mailbox/seed_plan mailbox/seed_index mailbox/seed_run mailbox/seed_add \
               mailbox/first_sync mailbox/seed_post mailbox/seed_recover mailbox/seed_step mailbox/seed_settle mailbox/manifest mailbox/arrive mailbox/arrive_partial mailbox/back mailbox/import mailbox/import_plan \
               mailbox/import_post mailbox/import_aside mailbox/import_stray mailbox/import_emptied mailbox/mend mailbox/mend_add \
               mailbox/mend_rest mailbox/verify mailbox/verify_run mailbox/verify_tree \
               mailbox/verify_text mailbox/verify_report mailbox/keeper \
               worker/main worker/short worker/stream worker/export worker/export_fetch worker/export_documents \
               worker/receive worker/receive_aged worker/receive_items worker/receive_record worker/target worker/bring_back \
               worker/steer worker/seed worker/import worker/mend worker/verify

core_src    := level cutover presence plan_times move moves moves_copies move_table move_steps move_takes move_prepare seeding move_purge move_revert move_spool move_retry move_alerts move_checks job job_table job_gate job_progress job_copies plan pools retention \
               journal journal_data journal_events journal_cordons journal_reserve journal_backup journal_rows journal_nodes journal_operators journal_seeding \
               job_node job_lanes lane_limits removal zimbra/standing \
               json_values policy policy_table policy_replay watch watch_alerts watch_view \
               fleet fleet_ask fleet_notices fleet_index fleet_facts world doctor
edge_src    := platform/platform platform/engine platform/docker platform/docker_files platform/kubernetes platform/kubernetes_api \
               zimbra/references zimbra/rehearsal controller conf survey survey_level world_live world_connections seeding_live watch_live policy_conf doctor_collect cordon \
               zimbra/directory zimbra/directory_facts zimbra/admin \
               api/http api/http_listen api/http_tls api/certificate api/operators api/waits api/serve api/gate api/session api/signin api/rights api/rights_check \
               api/idempotency api/approvals api/changes api/routes api/view api/view_plan api/overview api/page api/doctor api/plans api/purges api/rehearsal api/containers api/cordons api/policy
cli_src     := main api commands operators approvals jobs containers rehearse wait print_text print_moves print_cordon print_doctor purge from_spool rescue report policy

# alerts
core_src    += journal_alerts alert/table alert/schedule alert/message alert/alert alert/alert_tell
edge_src    += alert/conf alert/ways alert/mail alert/mail_text alert/webhook api/alerts
cli_src     += print_alerts alerts option_table completion

programs := $(B)/zmferry $(B)/zmferry-controller $(B)/zmferry-agent

# --- flags -----------------------------------------------------------------------------

warnings := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wswitch-enum -Wstrict-prototypes \
            -Wmissing-prototypes -Wformat=2 -Werror
# protobuf-c pads its enums with a member that would defeat -Wswitch-enum.
defines  := -D_GNU_SOURCE '-DPROTOBUF_C__FORCE_ENUM_TO_BE_INT_SIZE(e)='

hard     := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
san_debug := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
san_fuzz := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer
san_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer
variant_flags := $(if $(filter release,$(VARIANT)),$(hard),$(or $(san_$(VARIANT)),$(error VARIANT=$(VARIANT): there are release, debug, tsan and fuzz)))

pkg = $(shell pkg-config --cflags $(1))
lib_packages := libuv libprotobuf-c libcurl libxml-2.0 openssl libconfuse
agent_packages := $(lib_packages) libarchive libzstd jansson
controller_packages := $(lib_packages) sqlite3 jansson libmicrohttpd gnutls libarchive
CFLAGS   := -std=c11 -g $(variant_flags) $(defines) -fPIE
cppflags := -I. -isystem $(GEN) $(call pkg,$(sort $(agent_packages) $(controller_packages)))
LDFLAGS  := -pie -Wl,-z,relro,-z,now $(filter -fsanitize=%,$(variant_flags))

base_libs       = $(shell pkg-config --libs $(lib_packages)) -lpthread
agent_libs      = -Wl,--as-needed $(shell pkg-config --libs $(agent_packages)) -lpthread
controller_libs = -Wl,--as-needed $(shell pkg-config --libs $(controller_packages)) -lldap -llber -lpthread
cli_libs        = -Wl,--as-needed $(shell pkg-config --libs libcurl jansson) -lpthread

# --- rules -----------------------------------------------------------------------------

objects = $(addprefix $(B)/,$(addsuffix .o,$(1)))
lib_objects        := $(call objects,$(addprefix proto/base/,$(base_src)) \
                        $(addprefix proto/zimbra/,$(zimbra_src)) $(addprefix proto/,$(proto_src))) \
                      $(B)/messages.pb-c.o
agent_objects      := $(call objects,$(addprefix agent/,$(agent_src)))
core_objects       := $(call objects,$(addprefix controller/,$(core_src)))
edge_objects       := $(call objects,$(addprefix controller/,$(edge_src)))
cli_objects        := $(call objects,$(addprefix controller/cli/,$(cli_src)))

.PHONY: all packages build
all: packages
	$(Q)$(MAKE) --no-print-directory build

packages:
	$(Q)sh tests/packages.sh

build: $(programs)

$(B)/libproto.a: $(lib_objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/zmferry-agent: $(agent_objects) $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(agent_libs)

$(B)/zmferry-controller: $(B)/controller/main.o $(edge_objects) $(core_objects) $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(controller_libs)

$(B)/zmferry: $(cli_objects) $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(cli_libs)

$(B)/%.o: %.c | $(GEN)/proto/messages.pb-c.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(warnings) $(cppflags) -MMD -MP -c $< -o $@

# Generated code is compiled without our warnings, never edited, never committed.
$(B)/messages.pb-c.o: $(GEN)/proto/messages.pb-c.h
	$(call say,CC,messages.pb-c.c)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -w $(cppflags) -c $(GEN)/proto/messages.pb-c.c -o $@

$(GEN)/proto/messages.pb-c.h: proto/messages.proto
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(GEN)
	$(Q)protoc-c --c_out=$(GEN) $<

# journal.sql stands in the program as a string.
$(GEN)/journal_sql.inc: controller/journal.sql
	$(call say,SQL,$<)
	$(Q)mkdir -p $(GEN)
	$(Q)sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' $< > $@
$(B)/controller/journal.o: $(GEN)/journal_sql.inc
$(B)/controller/%.o: cppflags += -isystem $(GEN)
-include zimlet/zimlet.mk
-include tests/browser/browser.mk
-include docs/packaging/package.mk


# --- tests -----------------------------------------------------------------------------

# Everything but the mains, so that a test links only what it refers to.
$(B)/libcontroller.a: $(edge_objects) $(core_objects)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/libagent.a: $(filter-out $(B)/agent/main.o,$(agent_objects))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(B)/libcli.a: $(filter-out $(B)/controller/cli/main.o,$(cli_objects))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

# One program per module: a crash names it.
unit_programs := $(patsubst %.c,$(B)/%,$(sort $(wildcard tests/unit/*/test_*.c)))
test_libs = $(shell pkg-config --libs $(agent_packages) $(controller_packages) cmocka) -lldap -llber -lpthread

$(B)/tests/unit/proto/test_%: $(B)/tests/unit/proto/test_%.o $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)

$(B)/tests/unit/agent/test_%: $(B)/tests/unit/agent/test_%.o $(B)/libagent.a $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)

$(B)/tests/unit/controller/test_%: $(B)/tests/unit/controller/test_%.o $(B)/libcontroller.a $(B)/libcli.a $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)

-include tests/tests.mk

# Plays a thousand agents: tests/bench/scale.py.
$(B)/bench_scale: $(B)/tests/bench/scale.o $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)

$(B)/bench_journal: $(B)/tests/bench/journal.o $(B)/libcontroller.a $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)

fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
fuzz_programs := $(fuzz_names:%=$(B)/tests/fuzz/fuzz_%)
$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/standalone.o $(B)/libagent.a $(B)/libcontroller.a $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -Wl,--as-needed $(test_libs)

.PHONY: unit unit-programs run-fuzz corpus check check-asan check-tsan check-clang check-lab check-e2e check-zimbra test demo lint fuzz bench soak
unit-programs: $(unit_programs) $(sim_programs)
unit: unit-programs
	$(Q)sh tests/run.sh $(unit_programs) $(sim_programs)

# Every file that a fuzzer ever found, and the small ones it began with.
run-fuzz: $(fuzz_names:%=$(B)/fuzzer_%)
	$(Q)for name in $(fuzz_names); do \
	    mkdir -p build/corpus/$$name && \
	    $(B)/fuzzer_$$name -max_total_time=$$(($(MINUTES) > 0 ? $(MINUTES) * 60 : 10)) -timeout=10 -rss_limit_mb=1024 \
	        -artifact_prefix=tests/fuzz/corpus/$$name/ build/corpus/$$name tests/fuzz/corpus/$$name || exit 1; \
	done
$(B)/fuzzer_%: $(B)/tests/fuzz/fuzz_%.o $(B)/libagent.a $(B)/libcontroller.a $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ -Wl,--as-needed $(test_libs)
corpus: $(fuzz_programs)
	$(Q)for name in $(fuzz_names); do $(B)/tests/fuzz/fuzz_$$name tests/fuzz/corpus/$$name || exit 1; done

## check: unit tests, tables, simulation with its crash matrix, corpus; about a minute
check: packages
	$(Q)$(MAKE) --no-print-directory unit corpus

## check-asan: the same with AddressSanitizer and UBSan
check-asan: packages
	$(Q)$(MAKE) --no-print-directory VARIANT=debug unit corpus

## check-tsan: the unit tests with ThreadSanitizer (the simulation has one thread and is left out)
check-tsan: packages
	$(Q)$(MAKE) --no-print-directory VARIANT=tsan unit sim_programs=

## check-clang: builds everything with clang, warnings as errors
check-clang: packages
	$(Q)$(MAKE) --no-print-directory CC=clang build unit-programs

## check-lab: the lab against the facts it claims to play, and the oracle against spoiled stores
check-lab: packages
	$(Q)$(PYTHON) tests/lab/check.py

## check-e2e: whole evacuations on the lab, processes killed in every state (E2E="name ..." for some; ZMFERRY_TEST_CLIENT=zmmailbox)
check-e2e: packages
	$(Q)$(MAKE) --no-print-directory build
	$(Q)$(PYTHON) tests/e2e/scenarios.py $(E2E)
	$(if $(E2E),,$(Q)$(PYTHON) tests/e2e/hostile.py)

## check-docker: the lab's nodes in containers on a Docker Engine of the test's own: removed, added, restored
.PHONY: check-docker
check-docker: packages
	$(Q)sh tests/docker/packages.sh
	$(Q)$(MAKE) --no-print-directory build
	$(Q)$(PYTHON) tests/docker/run.py

## check-zimbra: the lab's checks against a real Zimbra: ZMFERRY_ZIMBRA_HOSTS, _ADMIN, _PASSWORD, _CA
check-zimbra:
	$(Q)cd tests/lab && $(PYTHON) -m zlab.conformance

## lint: format, layers, sizes, banned functions, headers alone, manuals, clang-tidy
lint: packages
	$(Q)$(MAKE) --no-print-directory $(GEN)/proto/messages.pb-c.h $(GEN)/journal_sql.inc
	$(Q)sh tests/lint/lint.sh

# What lint.sh compiles with.
.PHONY: lint-flags
lint-flags:
	@echo "-std=c11 $(subst ',,$(defines)) $(cppflags)"

## test: every test but check-browser (Chromium, node, Java), check-docker (a Docker Engine) and check-packages
test: packages
	$(Q)$(MAKE) --no-print-directory build
	$(Q)$(MAKE) --no-print-directory lint
	$(Q)$(MAKE) --no-print-directory check
	$(Q)$(MAKE) --no-print-directory check-asan
	$(Q)$(MAKE) --no-print-directory check-tsan
	$(Q)$(MAKE) --no-print-directory check-clang
	$(Q)$(MAKE) --no-print-directory check-lab
	$(Q)$(MAKE) --no-print-directory check-e2e

## demo: a cluster played by the lab, a node evacuated while mail arrives, an oracle
demo: packages
	$(Q)$(MAKE) --no-print-directory build
	$(Q)$(PYTHON) tests/e2e/demo.py

## fuzz: libFuzzer on every parser, MINUTES=1 each (0: ten seconds); findings land in tests/fuzz/corpus
fuzz: packages
	$(Q)$(MAKE) --no-print-directory CC=clang VARIANT=fuzz run-fuzz MINUTES=$(or $(MINUTES),1)

## bench: every figure against the naive way, in the same run (BENCH=name for one)
bench: packages
	$(Q)$(MAKE) --no-print-directory build
	$(Q)$(MAKE) --no-print-directory $(B)/bench_scale $(B)/bench_journal
	$(Q)$(PYTHON) tests/bench/bench.py $(BENCH)

## soak: the long versions: evacuations to and fro with random kills (ROUNDS=20)
soak: packages
	$(Q)$(MAKE) --no-print-directory build
	$(Q)$(PYTHON) tests/e2e/soak.py $(or $(ROUNDS),20)

## install: programs, manuals and sample configuration under PREFIX (and DESTDIR)
.PHONY: install help clean format
install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)/etc/zmferry
	install -d -m 700 $(DESTDIR)/var/lib/zmferry
	install -m 755 $(B)/zmferry $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(B)/zmferry-controller $(B)/zmferry-agent $(DESTDIR)$(PREFIX)/sbin/
	for page in docs/man/*.[158]; do \
	    section=$${page##*.}; \
	    install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$$section/$${page##*/} || exit 1; \
	done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	$(B)/zmferry completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/zmferry
	$(B)/zmferry completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_zmferry
	$(B)/zmferry-controller --sample-config > $(DESTDIR)/etc/zmferry/controller.conf.sample
	$(B)/zmferry-agent --sample-config > $(DESTDIR)/etc/zmferry/agent.conf.sample

## format: clang-format over all C
format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

## clean: removes build/
clean:
	rm -rf build

## help: this list
help:
	$(Q)sed -n 's/^## //p' Makefile zimlet/zimlet.mk tests/browser/browser.mk docs/packaging/package.mk

-include $(shell find build -name '*.d' 2>/dev/null)
