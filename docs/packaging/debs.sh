#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Debian packages from a finished build: debs.sh BUILD OUT VERSION. Uses dpkg-dev only.
set -eu
build=$1 out=$2 version=$3
here=$(dirname "$0")
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# What a program needs, by its symbols: dpkg-shlibdeps wants a source package around it.
needs() {
	mkdir -p "$work/src/debian"
	printf 'Source: zmferry\n\nPackage: any\nArchitecture: any\nDescription: none\n' > "$work/src/debian/control"
	program=$(realpath "$1")
	(cd "$work/src" && dpkg-shlibdeps -O "$program" 2>/dev/null) | sed -n 's/^shlibs:Depends=//p'
}

# package NAME ARCHITECTURE DEPENDS SHORT LONG: what stands in $work/NAME becomes a package.
package() {
	root=$work/$1
	mkdir -p "$root/DEBIAN" "$root/usr/share/doc/$1"
	cp "$here/../../LICENSE" "$root/usr/share/doc/$1/copyright"
	for script in postinst prerm postrm; do
		[ ! -e "$here/scripts/$1.$script" ] || install -m 755 "$here/scripts/$1.$script" "$root/DEBIAN/$script"
	done
	[ ! -d "$root/etc" ] || (cd "$root" && find etc -type f | sed 's|^|/|') > "$root/DEBIAN/conffiles"
	find "$root/usr/share/man" -type f -exec gzip -9n {} + 2>/dev/null || true
	size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
	{
		echo "Package: $1"
		echo "Version: $version"
		echo "Architecture: $2"
		echo "Maintainer: zmferry <zmferry@localhost>"
		echo "Installed-Size: $size"
		[ -z "$3" ] || echo "Depends: $3"
		echo "Section: mail"
		echo "Priority: optional"
		echo "Description: $4"
		echo " $5"
	} > "$root/DEBIAN/control"
	(cd "$root" && find . -path ./DEBIAN -prune -o -type f -print | sed 's|^\./||' | sort | xargs md5sum) \
	    > "$root/DEBIAN/md5sums"
	dpkg-deb --root-owner-group -Zxz -b "$root" "$out/$1_${version}_$2.deb" >/dev/null
	echo "$out/$1_${version}_$2.deb"
}

man() {
	install -D -m 644 "$here/../man/$2" "$work/$1/usr/share/man/man${2##*.}/$2"
}

install -D -s -m 755 "$build/zmferry-controller" "$work/zmferry-controller/usr/sbin/zmferry-controller"
install -D -m 644 "$here/zmferry-controller.service" \
    "$work/zmferry-controller/lib/systemd/system/zmferry-controller.service"
mkdir -p "$work/zmferry-controller/etc/zmferry"
"$build/zmferry-controller" --sample-config > "$work/zmferry-controller/etc/zmferry/controller.conf"
man zmferry-controller zmferry-controller.8
man zmferry-controller zmferry-controller.conf.5
package zmferry-controller "$arch" "$(needs "$build/zmferry-controller"), adduser, zmferry (= $version)" \
    "moves Zimbra mailboxes between nodes: the controller" \
    "Decides on evacuations, keeps their journal, serves command line and API."

install -D -s -m 755 "$build/zmferry-agent" "$work/zmferry-agent/usr/sbin/zmferry-agent"
install -D -m 644 "$here/zmferry-agent.service" "$work/zmferry-agent/lib/systemd/system/zmferry-agent.service"
mkdir -p "$work/zmferry-agent/etc/zmferry"
"$build/zmferry-agent" --sample-config > "$work/zmferry-agent/etc/zmferry/agent.conf"
man zmferry-agent zmferry-agent.8
man zmferry-agent zmferry-agent.conf.5
package zmferry-agent "$arch" "$(needs "$build/zmferry-agent")" \
    "moves Zimbra mailboxes between nodes: the agent" \
    "Runs beside each mailboxd: reports health, exports and imports mailboxes when told to."

install -D -s -m 755 "$build/zmferry" "$work/zmferry/usr/bin/zmferry"
install -d "$work/zmferry/usr/share/bash-completion/completions" "$work/zmferry/usr/share/zsh/vendor-completions"
"$build/zmferry" completion bash > "$work/zmferry/usr/share/bash-completion/completions/zmferry"
"$build/zmferry" completion zsh > "$work/zmferry/usr/share/zsh/vendor-completions/_zmferry"
man zmferry zmferry.1
package zmferry "$arch" "$(needs "$build/zmferry")" \
    "moves Zimbra mailboxes between nodes: the command" \
    "Shows nodes, plans, jobs and alerts, and starts evacuations."

install -D -m 644 "$build/../com_zmferry.zip" "$work/zmferry-zimlet/usr/share/zmferry/com_zmferry.zip"
package zmferry-zimlet all "" \
    "moves Zimbra mailboxes between nodes: the admin console's zimlet" \
    "Deploy it as zimbra: zmzimletctl deploy /usr/share/zmferry/com_zmferry.zip"
