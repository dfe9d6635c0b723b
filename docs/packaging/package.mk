# SPDX-License-Identifier: Apache-2.0
# Debian packages, and the agent as a tarball that needs nothing of the container it runs in.

version := $(shell sed -n 's/^\#define ZMFERRY_VERSION "\(.*\)"/\1/p' proto/version.h)
tarball := build/zmferry-agent-$(version)-$(shell uname -m).tar.gz

## deb: Debian packages of controller, agent, command and zimlet in build/deb
.PHONY: deb
deb: packages
	$(Q)$(MAKE) --no-print-directory build zimlet
	$(Q)sh docs/packaging/debs.sh $(B) build/deb $(version)

$(B)/zmferry-agent-portable: $(agent_objects) $(B)/libproto.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -Wl,--dynamic-linker=/opt/zmferry/lib/ld.so -Wl,-rpath,/opt/zmferry/lib,--disable-new-dtags -o $@ $^ \
	    -Wl,--as-needed $(agent_libs)

## agent-tarball: the agent with all its libraries, for containers: unpack at /
.PHONY: agent-tarball
agent-tarball: packages
	$(Q)$(MAKE) --no-print-directory $(B)/zmferry-agent-portable
	$(Q)sh docs/packaging/agent-tarball.sh $(B)/zmferry-agent-portable $(tarball)

## check-packages: installs, upgrades and removes the packages in a copy-on-write root; runs the tarball in an empty one
.PHONY: check-packages
check-packages: deb agent-tarball
	$(Q)sh tests/packages/check.sh build/deb $(tarball)
