"""``mailsvc ingest``: one raw bounce on stdin into the running service, for a pipe transport."""

import sys
from typing import Annotated

import typer

from mailsvc.api.reports import LIMIT, MAIL, RECIPIENT
from mailsvc.cli.client import Client
from mailsvc.cli.failure import WRONG_USE, Failure, configured

#: sysexits(3): the mail system that called keeps the mail and tries again.
TEMPFAIL = 75


def ingest(
    *,
    recipient: Annotated[
        str | None, typer.Option(help="Envelope recipient; read from the headers when absent.")
    ] = None,
) -> None:
    """Take one raw bounce from stdin; exits 75 when it could not be stored."""
    raw = sys.stdin.buffer.read(LIMIT + 1)
    if not raw.strip():
        raise Failure("found nothing on stdin, expected a raw mail", WRONG_USE)
    if recipient is not None and (not recipient.isascii() or not recipient.isprintable() or " " in recipient):
        raise Failure("--recipient: found something else, expected a mail address", WRONG_USE)
    headers = {"Content-Type": MAIL} | ({RECIPIENT: recipient} if recipient else {})
    client = Client(configured())
    try:
        client.request("POST", "/v1/reports", content=raw, headers=headers)
    except Failure as failure:
        raise Failure(str(failure), TEMPFAIL) from None
