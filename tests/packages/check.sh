#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# check.sh DEBDIR TARBALL: packages installed, upgraded and removed in a copy-on-write copy of this
# system's root that only this process sees; the agent's tarball run in a root with nothing else in it.
set -u
[ "$(id -u)" = 0 ] || { echo "check-packages: run as root (it mounts in a namespace of its own)" >&2; exit 1; }
[ "${ZMFERRY_UNSHARED:-}" = 1 ] || ZMFERRY_UNSHARED=1 exec unshare -m --propagation private sh "$0" "$@"
debs=$(realpath "$1") tarball=$(realpath "$2")
version=$(sed -n 's/^#define ZMFERRY_VERSION "\(.*\)"/\1/p' proto/version.h)
passed=0 failed=0
work=$(mktemp -d)
trap 'umount "$work/root/dev" "$work/root/proc" "$work/root" "$work" 2>/dev/null; rmdir "$work"' EXIT

# is WHAT COMMAND...: the command succeeds.
is() {
	what=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $what: $(tail -3 "$work/said")"
	fi
}
isnt() {
	what=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		failed=$((failed + 1))
		echo "FAIL $what: it succeeded"
	else
		passed=$((passed + 1))
	fi
}
# says WHAT WORD: what the last command said has the word in it.
says() {
	if grep -q -- "$2" "$work/said"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $1: $(tail -3 "$work/said")"
	fi
}
in_root() {
	chroot "$work/root" "$@"
}
install_all() {
	mkdir -p "$work/root/tmp/debs"
	cp "$1"/*_"$2"_*.deb "$work/root/tmp/debs/"
	in_root sh -c "DEBIAN_FRONTEND=noninteractive dpkg -i --force-confold /tmp/debs/*_$2_*.deb"
}

mount -t tmpfs tmpfs "$work" || exit 1
mkdir "$work/upper" "$work/below" "$work/root" "$work/old"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/below" "$work/root" || exit 1
mount -t proc proc "$work/root/proc"
mount --bind /dev "$work/root/dev"
rm -rf "$work/root/etc/zmferry" "$work/root/var/lib/zmferry"

sh docs/packaging/debs.sh build/release "$work/old" 0.0.1 >/dev/null
is "an old version is installed" install_all "$work/old" 0.0.1
is "the controller's user is made" in_root getent passwd zmferry
is "its state is its own" test "$(in_root stat -c '%U %a' /var/lib/zmferry)" = "zmferry 700"
isnt "an unfinished configuration is refused" in_root runuser -u zmferry -- zmferry-controller init
says "and what is missing is named" ldap_url
for secret in ldap admin; do
	in_root install -o zmferry -m 0400 /dev/null "/etc/zmferry/$secret.password"
	echo secret > "$work/root/etc/zmferry/$secret.password"
done
cat >> "$work/root/etc/zmferry/controller.conf" <<END
ldap_url = "ldaps://ldap.example.test"
ldap_password_file = "/etc/zmferry/ldap.password"
zimbra_admin = "zmferry@example.test"
zimbra_admin_password_file = "/etc/zmferry/admin.password"
END
sed -i '/= ""$/{/^#/!d}' "$work/root/etc/zmferry/controller.conf"
is "init runs as that user" in_root runuser -u zmferry -- zmferry-controller init
is "and makes the identity" test -e "$work/root/var/lib/zmferry/controller.pem"
is "the key is nobody else's" test "$(in_root stat -c '%U %a' /var/lib/zmferry/ca.key)" = "zmferry 400"
echo '# a person was here' >> "$work/root/etc/zmferry/controller.conf"
is "it is upgraded" install_all "$debs" "$version"
is "the version is new" test "$(in_root dpkg-query -W -f '${Version}' zmferry-controller)" = "$version"
is "the configuration is the person's" grep -q 'a person was here' "$work/root/etc/zmferry/controller.conf"
is "the authority is the old one" test -e "$work/root/var/lib/zmferry/ca.key"
for program in zmferry zmferry-controller zmferry-agent; do
	is "$program runs" in_root "$program" --version
done
is "the zimlet is there" test -s "$work/root/usr/share/zmferry/com_zmferry.zip"
for page in man1/zmferry.1 man5/zmferry-agent.conf.5 man5/zmferry-controller.conf.5 man8/zmferry-agent.8 \
    man8/zmferry-controller.8; do
	is "manual $page" test -s "$work/root/usr/share/man/$page.gz"
done
isnt "a directory that is not there is refused" in_root runuser -u zmferry -- zmferry-controller -n
says "and is named" ldap.example.test
in_root useradd -r zimbra 2>/dev/null
for unit in zmferry-controller zmferry-agent; do
	is "$unit.service is sound" in_root systemd-analyze verify "/lib/systemd/system/$unit.service"
done
is "the controller's service is confined" in_root systemd-analyze security --offline=yes --threshold=20 \
    zmferry-controller.service
is "packages go" in_root dpkg --purge zmferry-controller zmferry-agent zmferry zmferry-zimlet
isnt "and their programs" test -e "$work/root/usr/sbin/zmferry-controller"
is "journal and authority stay" test -e "$work/root/var/lib/zmferry/ca.key"

mkdir "$work/empty"
tar -C "$work/empty" -xzf "$tarball"
mkdir -p "$work/empty/etc/zmferry" "$work/empty/spool" "$work/empty/tmp"
is "the tarball's agent runs where nothing else is" chroot "$work/empty" /opt/zmferry/bin/zmferry-agent --version
says "and is this version" "$version"
printf 'controller = "localhost:7443"\nspool_dir = "/spool"\n' > "$work/empty/etc/zmferry/agent.conf"
isnt "it refuses to start without identity" chroot "$work/empty" /opt/zmferry/bin/zmferry-agent -n
says "and names it" identity
isnt "its worker is itself, and wants a job" chroot "$work/empty" /opt/zmferry/bin/zmferry-agent worker short
rm -rf "$work/empty"

echo "packages: $passed passed, $failed failed"
[ "$failed" = 0 ]
