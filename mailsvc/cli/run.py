"""``mailsvc run``: the whole service in one process; in development it introduces itself with a sample code."""

import asyncio
import json
import os
import shlex
from dataclasses import replace

import uvloop

from mailsvc import mailpit
from mailsvc.cli.client import Client
from mailsvc.cli.failure import Failure, configured, failures
from mailsvc.cli.received import received
from mailsvc.cli.send import follow, request_body, summary
from mailsvc.cli.store import PRIVATE
from mailsvc.service import Running
from mailsvc.service import run as run_service
from mailsvc.settings import API_KEY_FILE, Mode, Route, RouteKind, Settings, stated
from mailsvc.store import messages

SAMPLE_ADDRESS = "taro@mail.example.jp"


def run() -> None:
    """Run everything in one process: HTTP and delivery."""
    settings = configured()
    os.umask(PRIVATE)
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
    print(received(settings, message["id"]))


def _where(settings: Settings, url: str) -> str:
    body = json.dumps({"to": SAMPLE_ADDRESS, "template": "login_code", "code": "042917"})
    key_file = settings.data_dir / API_KEY_FILE
    key, shown_key = f"$(cat {shlex.quote(str(key_file))})", str(key_file)
    if stated("api_key"):
        key, shown_key = "$MAILSVC_API_KEY", "that of MAILSVC_API_KEY"
    mail = f"captured in {settings.data_dir / 'capture'}"
    if settings.route.kind is not RouteKind.CAPTURE:
        mail = f"goes to {settings.route}" + (
            "" if stated("route") else f" (Mailpit; read it at {mailpit.DEFAULT_URL})"
        )
    return f"""mailsvc is running (development)

  API   {url}/v1/messages
  docs  {url}/docs
  key   {shown_key}
  mail  {mail}

  curl -s {url}/v1/messages -H "Authorization: Bearer {key}" \\
    -H 'Content-Type: application/json' -d '{body}'
"""
