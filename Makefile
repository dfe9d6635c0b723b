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

base_src    := err xalloc buf log clock conf secret tls tls_ca work http_client
zimbra_src  := soap soap_xml rest freeze
proto_src   := frame check check_stream peer

agent_src   := main agent requests conf lane lease \
               health/probes health/mailboxd health/mariadb health/disk \
               mailbox/localconfig mailbox/inventory \
               mailbox/archive mailbox/spool mailbox/items \
               mailbox/tree mailbox/manifest mailbox/match mailbox/steer mailbox/import \
               mailbox/mend mailbox/verify \
               worker/main worker/worker worker/export worker/receive \
               worker/steer worker/import worker/mend worker/verify

core_src    := move move_table move_steps job job_table job_steps plan journal fleet world
edge_src    := controller conf world_live zimbra/directory zimbra/admin \
               api/http api/routes api/view
cli_src     := main api commands wait print_text

-include sources.mk

programs := $(B)/zmferry $(B)/zmferry-controller $(B)/zmferry-agent

# --- flags -----------------------------------------------------------------------------

warnings := -Wall -Wextra -Wconversion -Wshadow -Wvla -Wswitch-enum -Wstrict-prototypes \
            -Wmissing-prototypes -Wformat=2 -Werror
# protobuf-c pads its enums with a member that would defeat -Wswitch-enum.
defines  := -D_GNU_SOURCE '-DPROTOBUF_C__FORCE_ENUM_TO_BE_INT_SIZE(e)='

hard     := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong
san_debug := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
san_tsan := -O1 -fsanitize=thread -fno-omit-frame-pointer
variant_flags := $(if $(filter release,$(VARIANT)),$(hard),$(if $(filter tsan,$(VARIANT)),$(san_tsan),$(san_debug)))

pkg = $(shell pkg-config --cflags $(1))
lib_packages := libuv libprotobuf-c libcurl libxml-2.0 openssl libconfuse
agent_packages := $(lib_packages) libarchive libzstd jansson
controller_packages := $(lib_packages) sqlite3 jansson libmicrohttpd
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

-include $(shell find build -name '*.d' 2>/dev/null)
