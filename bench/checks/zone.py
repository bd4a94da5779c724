"""The DNS of the run, in a process of its own, and the addresses that are checked against it."""

import asyncio
import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from tests.support.dns_zone import DnsServer, Zone

#: Where most customers have their mailbox, with the share of each (per cent).
PROVIDERS = {
    "gmail.com": 30,
    "docomo.ne.jp": 12,
    "yahoo.co.jp": 12,
    "ezweb.ne.jp": 8,
    "softbank.ne.jp": 4,
    "i.softbank.jp": 4,
    "icloud.com": 4,
    "au.com": 2,
    "outlook.jp": 2,
    "nifty.com": 2,
}
#: Of the others, one in so many does not exist.
ABSENT = 20
#: Mail exchangers that the others share, as hosting customers do.
HOSTS = 60


def company(number: int) -> str:
    """Return the domain of a company."""
    return f"company{number}.co.jp"


def zone(companies: int) -> Zone:
    """Return the records of providers, companies and mail exchangers."""
    hosts = [f"mx{number}.hosting.jp" for number in range(HOSTS)]
    made: Zone = {host: {"A": [f"8.8.{number}.8"]} for number, host in enumerate(hosts)}
    for number, domain in enumerate(PROVIDERS):
        made[domain] = {"MX": [f"10 {hosts[number]}."]}
    for number in range(companies):
        if number % ABSENT:
            made[company(number)] = {"MX": [f"10 {hosts[number % HOSTS]}.", f"20 {hosts[(number + 1) % HOSTS]}."]}
    return made


def customers(count: int, companies: int, seed: int) -> list[str]:
    """Return a customer list: most at the providers, the others at companies."""
    chance = random.Random(seed)  # noqa: S311  a list, no secret
    domains = [*PROVIDERS, *(company(number) for number in range(companies))]
    rest = (100 - sum(PROVIDERS.values())) / companies
    weights = [*PROVIDERS.values(), *[rest] * companies]
    return [f"customer{number}@{domain}" for number, domain in enumerate(chance.choices(domains, weights, k=count))]


@contextmanager
def serving(records: Zone, delay: float) -> Iterator[int]:
    """Answer from another process, each answer so many seconds late; yield the port."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(records, delay, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(records: Zone, delay: float, tell: Connection) -> None:
    async def serve() -> None:
        async with DnsServer(zone=records, delay=delay) as server:
            tell.send(server.port)
            await asyncio.Event().wait()

    asyncio.run(serve())
