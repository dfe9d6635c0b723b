# SPDX-License-Identifier: Apache-2.0
"""The lab's own slapd: configuration, first content, start.

It is Debian's slapd, run with a configuration and a database of ours in LABDIR/ldap, on the
lab's addresses. The machine's own slapd, if one runs, is neither used nor touched.
"""

import os
import shutil
import subprocess
import time

from zlab.ldapclient import Ldap, LdapError

SCHEMA_DIR = "/etc/ldap/schema"
STANDARD_SCHEMAS = ("core", "cosine", "inetorgperson")
OWN_SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "schema",
                          "zimbra-lab.schema")
# As Zimbra's own OpenLDAP has them.
INDEXES = (("objectClass,entryCSN,entryUUID,zimbraId,zimbraMailHost,zimbraMailTransport", "eq"),
           ("zimbraCOSId,zimbraDomainName,zimbraServiceHostname,zimbraMailStatus", "eq"),
           ("zimbraSharedItem,zimbraMailDeliveryAddress,zimbraMailAlias,mail,uid", "eq,sub"))


class SlapdMissing(Exception):
    pass


def find_slapd():
    for path in (shutil.which("slapd"), "/usr/sbin/slapd", "/usr/lib/openldap/slapd"):
        if path and os.access(path, os.X_OK):
            break
    else:
        raise SlapdMissing("the lab needs OpenLDAP's slapd, which is not installed; "
                           "run as root: apt-get install slapd ldap-utils")
    missing = [s for s in STANDARD_SCHEMAS
               if not os.path.exists(os.path.join(SCHEMA_DIR, s + ".schema"))]
    if missing:
        raise SlapdMissing("%s has no %s.schema; run as root: apt-get install --reinstall slapd"
                           % (SCHEMA_DIR, missing[0]))
    return path


def module_dir():
    for path in ("/usr/lib/ldap", "/usr/lib64/openldap", "/usr/libexec/openldap"):
        if os.path.isdir(path):
            return path
    return None


def write_config(ldap_dir, ca_file, cert_file, key_file):
    """LABDIR/ldap/slapd.conf and an empty database beside it."""
    data = os.path.join(ldap_dir, "data")
    os.makedirs(data, exist_ok=True)
    lines = ["# written by the lab; see tests/lab/zlab/slapd.py"]
    lines += ['include "%s/%s.schema"' % (SCHEMA_DIR, s) for s in STANDARD_SCHEMAS]
    lines += ['include "%s"' % OWN_SCHEMA]
    modules = module_dir()
    if modules:
        lines += ["modulepath %s" % modules, "moduleload back_mdb"]
    lines += ['pidfile "%s/slapd.pid"' % ldap_dir,
              'argsfile "%s/slapd.args"' % ldap_dir,
              'TLSCACertificateFile "%s"' % ca_file,
              'TLSCertificateFile "%s"' % cert_file,
              'TLSCertificateKeyFile "%s"' % key_file,
              "TLSVerifyClient never",
              "sizelimit unlimited", "timelimit unlimited", "idletimeout 0", "threads 8",
              "database mdb", 'suffix ""', 'rootdn "cn=config"',
              'directory "%s"' % data, "maxsize 1073741824",
              # A killed slapd loses nothing without this sync; only a power cut could.
              "dbnosync"]
    lines += ["index %s %s" % pair for pair in INDEXES]
    lines += ["access to attrs=userPassword",
              '\tby dn.children="cn=admins,cn=zimbra" write', "\tby anonymous auth",
              "\tby * none",
              "access to dn.base=\"\" by * read",
              "access to *", '\tby dn.children="cn=admins,cn=zimbra" write', "\tby * none", ""]
    path = os.path.join(ldap_dir, "slapd.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines))
    return path


def _private_copy(ldap_dir):
    """Where AppArmor confines /usr/sbin/slapd to /var/lib/ldap, it does so by path; a copy in
    the lab's directory is only a program of the person who runs the lab."""
    copy = os.path.join(ldap_dir, "slapd")
    if not os.path.exists(copy):
        shutil.copyfile(os.path.realpath(find_slapd()), copy)
        os.chmod(copy, 0o755)
    return copy


def load(ldap_dir, entries):
    """Fills the empty database. `entries`: [(dn, {attribute: [values]})], parents first."""
    ldif = os.path.join(ldap_dir, "first.ldif")
    with open(ldif, "w", encoding="utf-8") as f:
        for dn, attrs in entries:
            f.write(_ldif_entry(dn, attrs))
    done = subprocess.run(
        [_private_copy(ldap_dir), "-T", "add", "-q", "-f", os.path.join(ldap_dir, "slapd.conf"),
         "-l", ldif], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise RuntimeError("slapadd refused the lab's directory (%s):\n%s"
                           % (ldif, done.stderr.strip()[-2000:]))


def _ldif_entry(dn, attrs):
    import base64
    lines = []
    for name, values in [("dn", [dn])] + list(attrs.items()):
        for value in values if isinstance(values, (list, tuple)) else [values]:
            raw = str(value).encode("utf-8")
            plain = raw and all(32 <= b < 127 for b in raw) and raw[:1] not in (b" ", b":", b"<") \
                and not raw.endswith(b" ")
            lines.append("%s: %s" % (name, value) if plain
                         else "%s:: %s" % (name, base64.b64encode(raw).decode("ascii")))
    return "\n".join(lines) + "\n\n"


def start(ldap_dir, uris, log_path):
    """The running slapd as a Popen; `await_ready` says when it answers."""
    with open(log_path, "ab") as log:
        return subprocess.Popen(
            [_private_copy(ldap_dir), "-d", "0", "-h", " ".join(u + "/" for u in uris),
             "-f", os.path.join(ldap_dir, "slapd.conf")],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            cwd=ldap_dir)


def await_ready(uri, bind_dn, password, process, log_path, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with Ldap(uri, bind_dn, password, timeout=5) as ldap:
                ldap.search("cn=zimbra", "base", attrs=["cn"], page=0)
            return
        except (OSError, LdapError) as e:
            if process is not None and process.poll() is not None:
                raise RuntimeError("slapd ended at once (exit %d): %s; see %s"
                                   % (process.returncode, _tail(log_path), log_path)) from e
            if time.monotonic() > deadline:
                raise RuntimeError("slapd does not answer at %s: %s; see %s"
                                   % (uri, e, log_path)) from e
        time.sleep(0.05)


def _tail(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return " / ".join(f.read().strip().splitlines()[-3:]) or "nothing in its log"
    except OSError:
        return "no log"
