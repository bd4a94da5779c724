"""``python -m bench.checks``: registration checks per second, beside email-validator, and writes ``report.md``.

Both check the same lists against the same DNS server on loopback. README.md says how.
"""

import argparse
import asyncio
import datetime as dt
import os
import platform
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import dns.resolver
import uvloop
from dns.nameserver import Do53Nameserver
from email_validator import EmailNotValidError, caching_resolver, validate_email

from bench.checks import zone
from mailsvc.api.checks import check_view
from mailsvc.checks.check import AddressCheck
from mailsvc.checks.domains import Domains
from mailsvc.checks.lists import of_domain
from mailsvc.checks.reading import read
from mailsvc.checks.turns import Turns
from mailsvc.dns import MailHosts, Resolver
from mailsvc.domain.check import Verdict

CHECKOUT = Path(__file__).parents[2]
REPORT = Path(__file__).with_name("report.md")
TODAY = dt.date(2026, 11, 25)
#: Checks at one time; the threads that the peer gets.
AT_ONCE = 50
THREADS = 16
#: Each line is the best of so many runs.
RUNS = 3

_REPORT = """# Checks at registration: how many a second

Written by `python -m bench.checks` on {date}: {cpus} cores, {system}, Python {python}, mailsvc {mailsvc},
email-validator {peer}, dnspython {dnspython}, seed {seed}. README.md says what is measured and how.

{table}
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run over a list."""

    per_second: float
    cpu: float  #: microseconds of this process for each
    good: int  #: addresses that nothing is held against for good

    def __str__(self) -> str:
        return f"{self.per_second:,.0f}/s ({self.cpu:,.0f} µs)"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.checks", description=__doc__)
    parser.add_argument("--addresses", type=int, default=100_000, help="of the customer list")
    parser.add_argument("--domains", type=int, default=3_000, help="companies among their domains")
    parser.add_argument("--seed", type=int, default=20261123, help="of the customer list")
    parser.add_argument("--write", action="store_true", help="write report.md")
    options = parser.parse_args()
    companies = options.domains
    lists = {
        "customers": zone.customers(options.addresses, companies, options.seed),
        "every domain once": [f"customer@{zone.company(number)}" for number in range(companies)],
    }
    rows = [_row(f"{name}, no DNS", addresses, None) for name, addresses in lists.items()]
    for delay in (0.0, 0.005):
        with zone.serving(zone.zone(companies), delay) as port:
            rows += [_row(f"{name}, DNS {1000 * delay:.0f} ms away", made, port) for name, made in lists.items()]
    table = "\n".join(
        (
            f"| | addresses | mailsvc | email-validator | the same, {THREADS} threads |",
            "| --- | --: | --: | --: | --: |",
            *rows,
        )
    )
    sys.stdout.write(f"{table}\n")
    if options.write:
        REPORT.write_text(_report(table, options.seed), "utf-8")


def _row(name: str, addresses: Sequence[str], port: int | None) -> str:
    peer = partial(_peer, port=port)
    columns = [
        _best(addresses, partial(_ours, port=port)),
        _best(addresses, partial(peer, threads=1)),
        _best(addresses, partial(peer, threads=THREADS)),
    ]
    assert len({measured.good for measured in columns}) == 1, f"{name}: they do not agree: {columns}"
    return f"| {name} | {len(addresses):,} | {' | '.join(map(str, columns))} |"


def _best(addresses: Sequence[str], check: Callable[[Sequence[str]], int]) -> Measured:
    """Run several times, each with nothing known of DNS; return the fastest."""
    runs = []
    for _ in range(RUNS):
        begun, cpu = time.perf_counter(), time.process_time()
        good = check(addresses)
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
        runs.append(Measured(len(addresses) / seconds, 1e6 * cpu / len(addresses), good))
    return max(runs, key=lambda run: run.per_second)


def _ours(addresses: Sequence[str], *, port: int | None) -> int:
    """Check as the service does, to the finished answer; without DNS what a text and the lists say."""
    if port is None:
        readings = [read(text) for text in addresses]
        return sum(bool(reading.address and of_domain(reading.address, today=TODAY)) for reading in readings)
    return uvloop.run(_checked(addresses, port))


async def _checked(addresses: Sequence[str], port: int) -> int:
    domains = Domains(MailHosts(Turns(Resolver([("127.0.0.1", port)])).ask))

    async def unknown(_address: object) -> None:
        return None

    checks = AddressCheck(domains, today=lambda: TODAY, known=unknown)
    left = iter(addresses)
    good = 0

    async def work() -> None:
        nonlocal good
        for text in left:
            checked = await checks.check(text)
            check_view(checked, "mail.example.jp")
            good += checked.verdict is not Verdict.REJECT

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return good


def _peer(addresses: Sequence[str], *, port: int | None, threads: int) -> int:
    """Check with email-validator, its resolver caching as its documentation recommends."""
    resolver = None
    if port is not None:
        plain = dns.resolver.Resolver(configure=False)
        plain.nameservers = [Do53Nameserver("127.0.0.1", port)]
        resolver = caching_resolver(dns_resolver=plain)

    def good(text: str) -> bool:
        try:
            validate_email(text, check_deliverability=resolver is not None, dns_resolver=resolver)
        except EmailNotValidError:
            return False
        return True

    if threads == 1:
        return sum(map(good, addresses))
    with ThreadPoolExecutor(threads) as pool:
        return sum(pool.map(good, addresses, chunksize=1))


def _report(table: str, seed: int) -> str:
    return _REPORT.format(
        date=dt.datetime.now(dt.UTC).date(),
        cpus=os.cpu_count(),
        system=platform.system(),
        python=platform.python_version(),
        mailsvc=tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["version"],
        peer=version("email-validator"),
        dnspython=version("dnspython"),
        seed=seed,
        table=table,
    )


if __name__ == "__main__":
    main()
