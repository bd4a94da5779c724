"""``mailsvc send``: one mail through the HTTP surface, followed to its outcome."""

import json
import secrets
from typing import Annotated, Any

import typer

from mailsvc.cli.client import Client
from mailsvc.cli.failure import NEGATIVE, configured
from mailsvc.cli.received import received
from mailsvc.settings import Mode
from mailsvc.templates import Catalogue

#: Seconds of one long poll.
POLL = 30.0


def send(
    address: Annotated[str, typer.Argument(help="Recipient.")],
    *,
    code: Annotated[str | None, typer.Option(help="Six digits; a random code when absent.")] = None,
    template: Annotated[str, typer.Option(help="Template.")] = "login_code",
    locale: Annotated[str, typer.Option(help="ja or en.")] = "ja",
    challenge: Annotated[str | None, typer.Option(help="Login attempt: supersedes older codes of it.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the message to its outcome.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the message as JSON.")] = False,
) -> None:
    """Submit a mail; exits 1 when it is refused, or with --wait does not end as sent."""
    settings = configured()
    client = Client(settings)
    body = request_body(address, template=template, locale=locale, code=code, challenge=challenge)
    accepted = client.request("POST", "/v1/messages", json=body)
    message = follow(client, accepted["id"]) if wait else client.request("GET", f"/v1/messages/{accepted['id']}")
    if as_json:
        print(json.dumps(message, ensure_ascii=False))
    else:
        print(summary(message))
        if wait and settings.mode is Mode.DEVELOPMENT and message["state"] == "sent":
            print(received(settings, message["id"]))
    if wait and message["state"] != "sent":
        raise typer.Exit(NEGATIVE)


def request_body(
    address: str, *, template: str, locale: str, code: str | None, challenge: str | None
) -> dict[str, Any]:
    """Return a submit request; a code is made up where the template needs one and none is given."""
    known = Catalogue.load().get(template)
    if code is None and (known is None or known.is_code):
        code = f"{secrets.randbelow(10**6):06d}"
    body = {"to": address, "template": template, "locale": locale, "code": code, "challenge": challenge}
    return {name: value for name, value in body.items() if value is not None}


def follow(client: Client, message_id: str) -> dict[str, Any]:
    """Return a message once its state is final."""
    while True:
        message = client.request("GET", f"/v1/messages/{message_id}?wait={POLL:.0f}", wait=POLL)
        if message["state"] != "queued":
            return message


def summary(message: dict[str, Any]) -> str:
    """Return a message in a few lines for people."""
    lines = [f"{message['id']}  {message['state']}  {message['to']}  受付番号 {message['reference']}"]
    lines += [
        f"  {attempt['number']}. {attempt['at']}  {attempt['host'] or '-'}  {attempt['stage']}  {attempt['reply']}"
        for attempt in message["attempts"]
    ]
    return "\n".join(lines)
