#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The agent for containers without a package manager: agent-tarball.sh AGENT OUT.tar.gz
#
# AGENT is linked with /opt/zmferry/lib/ld.so as its loader and /opt/zmferry/lib as its only library
# path, so it brings everything but the kernel: what the container has, or lacks, does not matter.
set -eu
agent=$1 out=$2
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/opt/zmferry
mkdir -p "$root/bin" "$root/lib" "$root/share"
install -s -m 755 "$agent" "$root/bin/zmferry-agent"
loader=$(readelf -l /bin/sh | sed -n 's/.*program interpreter: \(.*\)]/\1/p')
cp -L "$loader" "$root/lib/ld.so"
# Names are looked up by libraries that glibc opens by itself.
libc=$(ldd /bin/sh | sed -n 's/.*libc\.so\.6 => \([^ ]*\).*/\1/p')
for name in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2; do
	cp -L "$(dirname "$libc")/$name" "$root/lib/"
done
"$loader" --list "$agent" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p' | while read -r library; do
	cp -L "$library" "$root/lib/"
done
cp "$here/../man/zmferry-agent.8" "$here/../man/zmferry-agent.conf.5" "$here/../../LICENSE" "$root/share/"
"$loader" "$agent" --sample-config > "$root/share/agent.conf"
tar -C "$work" --owner=0 --group=0 --sort=name -czf "$out" opt
echo "$out"
