"""Debian's Dovecot with a configuration and mailboxes of its own: IMAP on loopback, LMTP on a socket; needs root."""

import contextlib
import imaplib
import os
import pwd
import shutil
import signal
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import trustme

from tests.support.service import free_port

#: Why there is no Dovecot here; None where there is one.
ABSENT = (
    "Dovecot needs root to start"
    if os.geteuid() != 0
    else None
    if all(map(os.path.exists, ("/usr/sbin/dovecot", "/usr/lib/dovecot/imap", "/usr/lib/dovecot/lmtp")))
    else "Dovecot is not installed (Debian packages dovecot-imapd and dovecot-lmtpd)"
)
PASSWORD = 'p"a\\s s%'  # whatever has to be quoted
HOST = "localhost"  # what its certificate names

_CONFIGURATION = """
base_dir = {home}/run
state_dir = {home}/state
log_path = {home}/log
protocols = imap lmtp
listen = 127.0.0.1
mail_location = maildir:{home}/mail/%u
mail_plugins = quota
recipient_delimiter = +
first_valid_uid = 1
postmaster_address = postmaster@{host}
quota_full_tempfail = {tempfail}
auth_failure_delay = 0
ssl = yes
ssl_cert = <{home}/chain.pem
ssl_key = <{home}/chain.pem
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {home}/users
}}
userdb {{
  driver = passwd-file
  args = {home}/users
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=0
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
"""


@dataclass(slots=True)
class Dovecot:
    """An instance that can be stopped and started; ``users`` maps names to their quota in KiB, 0 for none."""

    home: Path
    users: dict[str, int]
    tempfail: bool
    port: int = field(default_factory=free_port)
    tls_port: int = field(default_factory=free_port)

    @property
    def lmtp(self) -> Path:
        """The socket of LMTP."""
        return self.home / "run" / "lmtp"

    @property
    def log(self) -> str:
        """The end of what it has written."""
        return (self.home / "log").read_text()[-3000:]

    def configure(self, authority: trustme.CA) -> None:
        """Write what it reads."""
        self.home.chmod(0o755)
        nobody = pwd.getpwnam("nobody")
        (self.home / "mail").mkdir()
        shutil.chown(self.home / "mail", "nobody")
        authority.issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(self.home / "chain.pem")
        lines = [
            f"{user}:{{PLAIN}}{PASSWORD}:{nobody.pw_uid}:{nobody.pw_gid}::{self.home}/mail/{user}::"
            f"userdb_quota_rule=*:storage={quota}K"
            for user, quota in self.users.items()
        ]
        (self.home / "users").write_text("\n".join(lines) + "\n")
        text = _CONFIGURATION.format(
            home=self.home,
            host=HOST,
            port=self.port,
            tls_port=self.tls_port,
            tempfail="yes" if self.tempfail else "no",
        )
        (self.home / "dovecot.conf").write_text(text)

    def start(self) -> None:
        """Start it and wait until it greets."""
        with (self.home / "start").open("wb") as said:  # a file: who stays would keep a pipe open
            command = ["/usr/sbin/dovecot", "-c", self.home / "dovecot.conf"]
            subprocess.run(command, check=True, stdout=said, stderr=said, timeout=30)
        end = time.monotonic() + 20
        while True:
            with contextlib.suppress(OSError, imaplib.IMAP4.error):
                imaplib.IMAP4(HOST, self.port, timeout=5).shutdown()
                return
            if time.monotonic() > end:
                raise TimeoutError(f"Dovecot does not greet:\n{self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it, and its sessions, which would outlive it."""
        pid = self.home / "run" / "master.pid"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.killpg(int(pid.read_text()), signal.SIGTERM)  # a daemon leads its group
        end = time.monotonic() + 20
        while pid.exists() and time.monotonic() < end:
            time.sleep(0.02)

    def deliver(self, raw: bytes, recipient: str) -> None:
        """Hand a mail over as a mail system does, by LMTP."""
        with smtplib.LMTP(str(self.lmtp)) as client:
            client.sendmail("", [recipient], raw)

    @contextlib.contextmanager
    def mailbox(self, user: str, name: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """Open a mailbox as its user does."""
        with imaplib.IMAP4(HOST, self.port, timeout=10) as client:
            client.login(user, PASSWORD)
            client.select(name)
            yield client

    def flags(self, user: str) -> list[bytes]:
        """Return the flags of each mail of INBOX."""
        with self.mailbox(user) as client:
            _, found = client.uid("FETCH", "1:*", "(FLAGS)")
        return [line for line in found if isinstance(line, bytes)]


@contextlib.contextmanager
def dovecot(authority: trustme.CA, users: dict[str, int], *, tempfail: bool = False) -> Iterator[Dovecot]:
    """Run an instance whose certificate is the authority's; ``tempfail``: full mailboxes are full for now (452)."""
    home = Path(tempfile.mkdtemp(prefix="dovecot-"))
    try:
        server = Dovecot(home, users, tempfail)
        server.configure(authority)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home)
