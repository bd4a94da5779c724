"""Debian's Postfix with a configuration, queue and mailbox of its own, on a loopback port; needs root."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.support.service import free_port

#: Why there is no Postfix here; None where there is one.
ABSENT = (
    "Postfix needs root to start"
    if os.geteuid() != 0
    else None
    if shutil.which("postfix", path="/usr/sbin:/usr/local/sbin")
    else "Postfix is not installed (Debian package postfix)"
)
DOMAIN = "postfix.example"  # takes known@ and greylisted@
SIZE_LIMIT = 100_000  # octets

_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
mail_owner = postfix
myhostname = mx.{domain}
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
maillog_file = {home}/log
maillog_file_prefixes = {home}
message_size_limit = {size}
mailbox_size_limit = 0
virtual_mailbox_limit = 0
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {home}/mail
virtual_mailbox_maps = inline:{{ {{ known@{domain} = known/ }}, {{ greylisted@{domain} = known/ }} }}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ greylisted@{domain} = 450 4.2.0 Greylisted }} }},
    reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_chain_files = {home}/chain.pem
smtpd_error_sleep_time = 0
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running instance."""

    port: int
    home: Path

    def mails(self, count: int, *, containing: bytes = b"", within: float = 20.0) -> list[bytes]:
        """Return the delivered mails that contain something, once there are ``count``."""
        folder = self.home / "mail" / "known" / "new"
        end = time.monotonic() + within
        while len(mails := [mail for mail in map(Path.read_bytes, folder.glob("*")) if containing in mail]) < count:
            if time.monotonic() > end:
                log = (self.home / "log").read_text()[-2000:]
                raise TimeoutError(f"{len(mails)} of {count} mails were delivered:\n{log}")
            time.sleep(0.05)
        return mails


@contextlib.contextmanager
def postfix(authority: trustme.CA, *, main: str = "", master: str = "") -> Iterator[Postfix]:
    """Run an instance whose certificate is the authority's, and stop it; what is given follows the configuration."""
    home = Path(tempfile.mkdtemp(prefix="postfix-"))
    try:
        port = _configure(home, authority, main, master)
        _control(home, "start")
        try:
            _wait(port)
            yield Postfix(port, home)
        finally:
            _control(home, "abort")
    finally:
        shutil.rmtree(home)


def _control(home: Path, command: str) -> None:
    subprocess.run(["/usr/sbin/postfix", "-c", home, command], check=True, capture_output=True, timeout=30)


def _configure(home: Path, authority: trustme.CA, main: str, master: str) -> int:
    home.chmod(0o755)
    nobody = pwd.getpwnam("nobody")
    for name, owner in (("queue", "root"), ("data", "postfix"), ("mail", "nobody")):
        (home / name).mkdir()
        shutil.chown(home / name, owner)
    port = free_port()
    names = {"home": home, "domain": DOMAIN, "size": SIZE_LIMIT, "uid": nobody.pw_uid, "gid": nobody.pw_gid}
    (home / "main.cf").write_text(_MAIN.format(**names) + main)
    (home / "master.cf").write_text(_MASTER.format(port=port) + master)
    chain = authority.issue_cert(f"mx.{DOMAIN}").private_key_and_cert_chain_pem
    chain.write_to_path(home / "chain.pem")
    return port


def _wait(port: int) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return
