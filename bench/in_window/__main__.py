"""``python -m bench.in_window``: runs the battery with three senders at one time and writes ``report.md``.

Everything runs in a network namespace of its own, where ports 25 and 53 are free and nothing but loopback exists:
Postfix looks up mail exchangers as it does in life. Needs root and Debian's Postfix; takes eleven minutes.
"""

import argparse
import asyncio
import datetime as dt
import os
import platform
import random
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import cast

from bench.in_window import postfix, report
from tests.scenarios.battery import STORIES
from tests.scenarios.battery.play import Played, Submit, play_all
from tests.scenarios.battery.site import Ground, Holes
from tests.scenarios.battery.story import LIFE, Story
from tests.support.dns_zone import DnsServer
from tests.support.service import CHECKOUT, Service

REPORT = Path(__file__).with_name("report.md")
#: Postfix's defaults retry at 600 s at the latest: what then arrives is counted as dead.
WATCHED = 630.0  # seconds
PORTS = {"Postfix, defaults": (2501, postfix.DEFAULTS), "Postfix, tuned": (2502, postfix.TUNED)}
SMTP_PORT = 25
DNS_PORT = 53

_REPORT = """# In the window: codes that arrive within their life

Written by `python -m bench.in_window` on {date}: {cpus} cores, {system}, Python {python}, mailsvc {mailsvc},
Postfix {postfix}, seed {seed}, {seconds:.0f} s watched. README.md says what is measured and how.

Life of every code: 300 s. Alive: the final dot was read with at least 20 s of life left (in brackets the median of the
seconds from submit). Dead: a copy came later than that. Possible: at some moment up to 35 s before the deadline a try
would have been taken.

{sums}

{table}
"""


def main() -> None:
    """Enter the namespace, run, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.in_window", description=__doc__)
    parser.add_argument("--seconds", type=float, default=WATCHED, help="how long arrivals are watched")
    parser.add_argument("--seed", type=int, default=20261123, help="of the codes")
    parser.add_argument("--story", help="only stories whose name begins so; printed, not written")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside:
        command = [
            "unshare",
            "--net",
            "--mount",
            "--",
            sys.executable,
            "-m",
            "bench.in_window",
            *sys.argv[1:],
            "--inside",
        ]
        os.execvp(command[0], command)  # noqa: S606  our own arguments, no shell
    random.seed(options.seed)
    stories = [story for story in STORIES if story.life == LIFE and story.name.startswith(options.story or "")]
    with tempfile.TemporaryDirectory() as folder:
        _alone_in_the_world(Path(folder))
        played = asyncio.run(_run(stories, Path(folder), options.seconds))
    text = _REPORT.format(
        date=dt.datetime.now(dt.UTC).date(), cpus=os.cpu_count(), system=platform.system(),
        python=platform.python_version(), postfix=postfix.version(), seed=options.seed, seconds=options.seconds,
        mailsvc=tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"],
        sums=report.sums(stories, played), table=report.table(stories, played),
    )  # fmt: skip
    if options.story is None:
        REPORT.write_text(text)
    print(text)  # noqa: T201  a command line prints


def _alone_in_the_world(folder: Path) -> None:
    """Bring loopback up and make our DNS server the resolver of this namespace."""
    resolver = folder / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["mount", "--bind", str(resolver), "/etc/resolv.conf"],
    ):
        subprocess.run(command, check=True)  # noqa: S603  our own words, no shell


async def _run(stories: list[Story], folder: Path, seconds: float) -> Mapping[str, Mapping[str, Played]]:
    """Play the same stories to every sender at one time; return them by sender and name."""
    async with AsyncExitStack() as stack:
        holes = stack.enter_context(Holes())
        dns = await stack.enter_async_context(DnsServer(port=DNS_PORT))
        senders = await _senders(stack, folder, dns)
        plays = []
        for number, submit in enumerate(senders.values(), 1):
            ground = Ground(zone=dns.zone, port=SMTP_PORT, holes=holes, name=f"s{number}", network=number)
            await stack.enter_async_context(ground)
            plays.append(_all(stories, ground, submit))
        until = asyncio.get_running_loop().time() + seconds
        made = await asyncio.gather(*plays)
        await asyncio.sleep(until - asyncio.get_running_loop().time())
        return dict(zip(senders, made, strict=True))


async def _senders(stack: AsyncExitStack, folder: Path, dns: DnsServer) -> dict[str, Submit]:
    settings = {"ROUTE": "mx", "DNS": dns.address, "MX_PORT": str(SMTP_PORT), "ALLOW_PRIVATE_MX": "true"}
    service = await stack.enter_async_context(Service(folder=folder / "mailsvc", settings=settings))
    senders: dict[str, Submit] = {"mailsvc": partial(_submit, service)}
    for name, (port, tuning) in PORTS.items():
        stack.enter_context(postfix.postfix(tuning, port))
        senders[name] = partial(postfix.submit, port)
    return senders


async def _submit(service: Service, to: str, code: str, life: float) -> str:
    answer = await service.submit(to, code=code, expires_in=life)
    answer.raise_for_status()
    return cast("str", answer.json()["id"])


async def _all(stories: list[Story], ground: Ground, submit: Submit) -> dict[str, Played]:
    return {played.story.name: played for played in await play_all(stories, ground, submit)}


if __name__ == "__main__":
    main()
