"""Debian's Postfix as a sender: an instance with a queue of its own that takes mail on loopback and looks up MX hosts.

Two configurations: Debian's defaults, and the best for a code that we know of. Needs root.
"""

import asyncio
import contextlib
import functools
import shutil
import smtplib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from email.message import EmailMessage
from pathlib import Path

CONTROL = "/usr/sbin/postfix"
SENDER = "b+bench@mail.sender.example"

#: As installed; Debian adds only opportunistic TLS to Postfix's own defaults.
DEFAULTS: Mapping[str, str] = {}

#: Everything that helps a code within 300 s, each with its reason.
TUNED: Mapping[str, str] = {
    # The first retry comes as soon as a deferral is known, later ones every 10 s: Postfix waits for the message's age
    # between these bounds, and has no list of moments.
    "queue_run_delay": "3s",
    "minimal_backoff_time": "3s",
    "maximal_backoff_time": "10s",
    # A message is given up at the first deferral after this age, so the last try begins before 270 s: Postfix knows
    # no deadline of a mail, and no guard.
    "maximal_queue_lifetime": "260s",
    "bounce_queue_lifetime": "260s",
    # mailsvc's own budgets: 5 s for a connection, 10 s for a reply, as much for a whole dripping one.
    "smtp_connect_timeout": "5s",
    "smtp_helo_timeout": "10s",
    "smtp_starttls_timeout": "10s",
    "smtp_mail_timeout": "10s",
    "smtp_rcpt_timeout": "10s",
    "smtp_data_init_timeout": "10s",
    "smtp_data_xfer_timeout": "30s",
    "smtp_quit_timeout": "2s",
    "smtp_rset_timeout": "2s",
    "smtp_per_request_deadline": "yes",
    # Carriers answer the dot after 10 to 29 s; twice that, then the next host.
    "smtp_data_done_timeout": "60s",
    # Every host of a destination is asked in one try (default: two sessions).
    "smtp_mx_session_limit": "0",
    "smtp_mx_address_limit": "0",
    # All codes of a login rush go out at once, and a fault does not suspend the destination.
    "initial_destination_concurrency": "20",
    "default_destination_concurrency_failed_cohort_limit": "0",
    # Hanging sessions do not use up the processes.
    "default_process_limit": "400",
}

_MAIN = """
compatibility_level = 3.6
queue_directory = {home}/queue
data_directory = {home}/data
mail_owner = postfix
myhostname = mail.sender.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = all
alias_maps =
local_recipient_maps =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtp_tls_security_level = may
transport_maps = inline:{{ {{ mail.sender.example = discard: }} }}
maillog_file = {home}/log
maillog_file_prefixes = {home}
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
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def version() -> str:
    """Return the installed version."""
    shown = subprocess.run(["/usr/sbin/postconf", "-h", "mail_version"], check=True, capture_output=True, text=True)
    return shown.stdout.strip()


@contextlib.contextmanager
def postfix(settings: Mapping[str, str], port: int) -> Iterator[Path]:
    """Run an instance that takes mail on ``port``, yield its log file, and stop it."""
    home = Path(tempfile.mkdtemp(prefix="postfix-"))
    try:
        _configure(home, settings, port)
        _control(home, "start")
        try:
            _wait(port)
            yield home / "log"
        finally:
            _control(home, "abort")
    finally:
        shutil.rmtree(home)


async def submit(port: int, to: str, code: str, life: float) -> str:
    """Hand a code to an instance; it is told nothing of the life, since it would not understand."""
    del life
    await asyncio.get_running_loop().run_in_executor(None, functools.partial(_submit, port, to, code))
    return to


def _submit(port: int, to: str, code: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "no-reply@mail.sender.example", to, "ログイン認証コードのお知らせ"
    mail.set_content(f"認証コード：{code}\n")
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as session:
        session.sendmail(SENDER, [to], mail.as_bytes())


def _control(home: Path, command: str) -> None:
    arguments = [CONTROL, "-c", str(home), command]
    subprocess.run(arguments, check=True, capture_output=True, timeout=30)  # noqa: S603  our own words, no shell


def _configure(home: Path, settings: Mapping[str, str], port: int) -> None:
    home.chmod(0o755)
    for name, owner in (("queue", "root"), ("data", "postfix")):
        (home / name).mkdir()
        shutil.chown(home / name, owner)
    own = "".join(f"{name} = {value}\n" for name, value in settings.items())
    (home / "main.cf").write_text(_MAIN.format(home=home) + own)
    (home / "master.cf").write_text(_MASTER.format(port=port))


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
