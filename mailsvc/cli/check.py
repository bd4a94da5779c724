"""``mailsvc check``: can these addresses receive? The check of a registration form, without a service.

States come from the configured store where there is one; none is made, and nothing is remembered.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Annotated, Any

import typer

from mailsvc.api.checks import check_view
from mailsvc.checks.check import Checked
from mailsvc.cli.failure import NEGATIVE, failures
from mailsvc.cli.known import Known, known_to
from mailsvc.domain.check import Verdict
from mailsvc.service.check_room import make_check, make_domains
from mailsvc.settings import Settings, load_settings

#: Addresses that are checked at one time.
AT_ONCE = 50
#: Columns before what is said of an address.
_INDENT = " " * 9


def check(
    addresses: Annotated[list[str], typer.Argument(help="Addresses; - reads them from stdin, one a line.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object for each, one a line.")] = False,
) -> None:
    """Tell whether addresses can receive; exits 1 when one is rejected."""
    with failures():
        settings = load_settings()
        with known_to(settings) as known:
            rejected = asyncio.run(_check_all(_texts(addresses), settings, known, as_json=as_json))
    if rejected:
        raise typer.Exit(NEGATIVE)


async def _check_all(texts: Iterable[str], settings: Settings, known: Known, *, as_json: bool) -> bool:
    """Print what is found of each text, in order; whether one of them is rejected."""
    checks = make_check(make_domains(settings, known.took_mail), time.time, known.standing)
    rejected = False
    async for checked in _in_order(checks.check, texts):
        view = check_view(checked, settings.sender_domain)
        print(json.dumps(view) if as_json else _shown(view), flush=True)
        rejected |= checked.verdict is Verdict.REJECT
    return rejected


async def _in_order(check_one: Callable[[str], Awaitable[Checked]], texts: Iterable[str]) -> AsyncIterator[Checked]:
    """Check some at a time; yield what is found in the order of the texts."""
    under_way: deque[asyncio.Future[Checked]] = deque()
    for text in texts:
        if len(under_way) == AT_ONCE:
            yield await under_way.popleft()
        under_way.append(asyncio.ensure_future(check_one(text)))
    while under_way:
        yield await under_way.popleft()


def _texts(arguments: Iterable[str]) -> Iterator[str]:
    for argument in arguments:
        if argument != "-":
            yield argument
            continue
        for line in sys.stdin.buffer:
            if text := line.decode("utf-8", "replace").rstrip("\r\n"):
                yield text


def _shown(view: dict[str, Any]) -> str:
    """Return what was found, for people; the verdict stands first, since the width of the rest is not known."""
    told = []
    if view["normalized"] != view["address"]:
        told.append(f"→ {_plain(view['normalized'])}")
    told += [
        f"{reason['severity']}: {_plain(reason['message']['ja'])}（{reason['code']}）" for reason in view["reasons"]
    ]
    if view["suggestions"]:
        told.append(f"候補: {'、'.join(map(_plain, view['suggestions']))}")
    if view["state"]:
        told.append(f"状態: {view['state']}")
    first = f"{view['verdict']:<{len(_INDENT)}}{_plain(view['address'])}"
    return f"\n{_INDENT}".join((first, *told))


def _plain(text: str) -> str:
    """Return a text without what a terminal would obey."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
