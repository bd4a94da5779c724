"""``mailsvc run``: the whole service in one process; in development it introduces itself with a sample code."""

import asyncio
import json
from dataclasses import replace

import uvloop

from mailsvc import mailpit
from mailsvc.cli.client import Client
from mailsvc.cli.failure import Failure, configured, failures
from mailsvc.cli.mail import readable
from mailsvc.cli.send import follow, request_body, summary
from mailsvc.service import Running
from mailsvc.service import run as run_service
from mailsvc.settings import Mode, Route, RouteKind, Settings, stated
from mailsvc.store import messages

SAMPLE_ADDRESS = "taro@mail.example.jp"


def run() -> None:
    """Run everything in one process: HTTP and delivery."""
    settings = configured()
    with failures():
        uvloop.run(_run(settings))


async def _run(settings: Settings) -> None:
    if settings.mode is Mode.PRODUCTION:
        await run_service(settings, _nothing)
        return
    settings = await _with_mailpit(settings)

    async def ready(running: Running) -> None:
        first = not await running.store.read(messages.any_there)
        await asyncio.to_thread(_introduce, settings, running.url, first=first)

    await run_service(settings, ready)


async def _nothing(_running: Running) -> None:
    """Production says nothing on stdout."""


async def _with_mailpit(settings: Settings) -> Settings:
    """Return the settings with Mailpit as the route, where nobody stated one and one answers."""
    if stated("route") or not await mailpit.takes_mail():
        return settings
    return replace(settings, route=Route(RouteKind.SMTP, *mailpit.SMTP))


def _introduce(settings: Settings, url: str, *, first: bool) -> None:
    if first and (settings.route.kind is RouteKind.CAPTURE or not stated("route")):
        _show_sample(settings, url)
    print(_where(settings, url), flush=True)


def _show_sample(settings: Settings, url: str) -> None:
    """Submit one login code to ourselves and show what was received."""
    try:
        client = Client(settings, url)
        body = request_body(SAMPLE_ADDRESS, template="login_code", locale="ja", code=None, challenge="sample")
        message = follow(client, client.request("POST", "/v1/messages", json=body)["id"])
    except Failure as failure:
        print(f"the sample code was not sent: {failure}")
        return
    print(f"A first login code, as the customer receives it:\n\n{summary(message)}\n")
    file = settings.data_dir / "capture" / f"{message['id']}.eml"
    if file.exists():
        print(readable(file.read_bytes()))


def _where(settings: Settings, url: str) -> str:
    assert settings.api_key is not None
    body = json.dumps({"to": SAMPLE_ADDRESS, "template": "login_code", "code": "042917"})
    mail = f"captured in {settings.data_dir / 'capture'}"
    if settings.route.kind is RouteKind.SMTP:
        shown = f" (Mailpit; read it at {mailpit.DEFAULT_URL})" if not stated("route") else ""
        mail = f"goes to {settings.route}{shown}"
    return f"""mailsvc is running (development)

  API   {url}/v1/messages
  docs  {url}/docs
  key   {settings.data_dir / "api-key"}
  mail  {mail}

  curl -s {url}/v1/messages -H "Authorization: Bearer $(cat {settings.data_dir / "api-key"})" \\
    -H 'Content-Type: application/json' -d '{body}'
"""
