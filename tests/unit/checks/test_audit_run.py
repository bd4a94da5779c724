"""Rows in, answers out: in order, with each domain asked once, and no more rows read than are under way."""

import asyncio
import csv
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from mailsvc.checks.audit import findings, run
from mailsvc.checks.audit.findings import TOGETHER, Findings, Looks, NoDns
from mailsvc.checks.audit.part import Part
from mailsvc.checks.audit.run import BATCH, BATCHES, Audit
from mailsvc.checks.audit.sheet import Sheet
from mailsvc.checks.audit.source import Form, Source, survey
from mailsvc.domain.address import Address
from mailsvc.domain.address_state import AddressState, Standing
from mailsvc.domain.check import DomainFinding, MailHost, Reason, ReasonCode, Severity, Verdict

TODAY = date(2026, 11, 25)
TEMPORARY = Reason(ReasonCode.DNS_TEMPORARY, Severity.UNKNOWN)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "AGAIN", 0.0)


class Dns:
    """Finds every domain good after a moment, but for those that are told otherwise; counts the looks."""

    def __init__(self, troubles: dict[str, int] | None = None) -> None:
        self.looks: Counter[str] = Counter()
        self.most = 0
        self.hold: dict[str, asyncio.Event] = {}
        self.asked: dict[str, asyncio.Event] = {}
        self._now = 0
        self._troubles = troubles or {}

    async def look(self, domain: str) -> DomainFinding:
        """Take a moment, or as long as the domain is held."""
        self.looks[domain] += 1
        self._now += 1
        self.most = max(self.most, self._now)
        if domain in self.asked:
            self.asked[domain].set()
        await (self.hold[domain].wait() if domain in self.hold else asyncio.sleep(0))
        self._now -= 1
        if self.looks[domain] <= self._troubles.get(domain, 0):
            return DomainFinding(ascii=domain, reasons=(TEMPORARY,))
        return DomainFinding(ascii=domain, mx=(MailHost(10, "mx.example"), MailHost(20, "mx2.example")))


async def nothing_known(_address: Address) -> None:
    """Know no address."""


def made(folder: Path, text: str) -> Source:
    """Survey a list."""
    file = folder / "list.csv"
    file.write_text(text)
    return survey(file, Form())


async def written(
    source: Source, domains: Looks, folder: Path, known=nothing_known
) -> tuple[list[dict[str, str]], Part]:
    """Audit a list; return the rows of OUT and its part."""
    with Part(folder / "out.csv", {}) as part:
        audit = Audit(source, Findings(domains), known, today=TODAY)
        await audit.write(part, Sheet(source, source.encoding, raw=False), lambda _rows: None)
        part.publish()
    with (folder / "out.csv").open(newline="") as out:
        return list(csv.DictReader(out)), part


async def test_rows_stay_in_order_each_domain_asked_once(tmp_path: Path) -> None:
    """Rows keep their order, and a domain is asked once however often and in whatever case it comes."""
    text = "id,address\n" + "".join(
        f"{n},user{n}@{'D' if n % 2 else 'd'}{n % 40}.example.jp\n" for n in range(3 * BATCH)
    )
    dns = Dns()
    rows, part = await written(made(tmp_path, text), dns, tmp_path)
    assert [row["id"] for row in rows] == [str(number) for number in range(3 * BATCH)]
    assert {row["verdict"] for row in rows} == {"ok"}
    assert len(dns.looks) == 40
    assert set(dns.looks.values()) == {1}
    assert (part.tally.rows, len(part.tally.domains)) == (3 * BATCH, 40)


async def test_looks_together_are_bounded(tmp_path: Path) -> None:
    """A list of nothing but different domains asks no more of them at a time than it may."""
    text = "address\n" + "".join(f"a@d{number}.example.jp\n" for number in range(4 * TOGETHER))
    dns = Dns()
    await written(made(tmp_path, text), dns, tmp_path)
    assert dns.most == TOGETHER


@pytest.mark.parametrize(("troubles", "verdict"), [(1, "ok"), (9, "unknown")])
async def test_domain_without_an_answer_is_asked_once_more(tmp_path: Path, troubles: int, verdict: str) -> None:
    """DNS trouble is asked about once more; what is said then holds for every row of the domain."""
    dns = Dns({"bad.example.jp": troubles})
    rows, _ = await written(made(tmp_path, "address\n" + "a@bad.example.jp\n" * 3), dns, tmp_path)
    assert [row["verdict"] for row in rows] == [verdict] * 3
    assert dns.looks == {"bad.example.jp": 2}


async def test_slow_domain_bounds_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the first row waits for its DNS, no more rows are read than may be under way, and none is written."""
    monkeypatch.setattr(run, "BATCH", batch := 10)
    rows = (BATCHES + 3) * batch
    source = made(tmp_path, "address\na@slow.example.jp\n" + "a@d.example.jp\n" * rows)
    read = 0

    class Counting(Source):
        def read(self, skip: int = 0) -> Iterator[list[str]]:
            nonlocal read
            for row in source.read(skip):
                read += 1
                yield row

    counting = Counting(**{name: getattr(source, name) for name in Source.__slots__})
    dns = Dns()
    dns.hold["slow.example.jp"] = asyncio.Event()
    dns.asked["d.example.jp"] = asyncio.Event()
    with Part(tmp_path / "out.csv", {}) as part:
        audit = Audit(counting, Findings(dns), nothing_known, today=TODAY)
        sheet = Sheet(source, source.encoding, raw=False)
        task = asyncio.create_task(audit.write(part, sheet, lambda _rows: None))
        await dns.asked["d.example.jp"].wait()
        assert (read, part.rows) == (BATCHES * batch, 0)
        dns.hold["slow.example.jp"].set()
        await task
        assert (read, part.rows) == (rows + 1, rows + 1)


async def test_state_of_the_store_counts(tmp_path: Path) -> None:
    """What is known of an address from mails to it is a reason too."""

    async def known(address: Address) -> Standing | None:
        return Standing(state=AddressState.UNDELIVERABLE) if address.local == "gone" else None

    rows, part = await written(made(tmp_path, "address\ngone@d.example.jp\nb@d.example.jp\n"), NoDns(), tmp_path, known)
    assert [row["reasons"] for row in rows] == ["known_undeliverable", ""]
    assert part.tally.verdicts == {Verdict.WARN: 1, Verdict.OK: 1}


async def test_without_dns_text_and_lists_alone_count(tmp_path: Path) -> None:
    """Without DNS no domain is called missing, and a service that ended is a warning."""
    text = "address\n\na@nowhere.invalid\na b@docomo.ne.jp\ntaro@gmial.com\n　\nx@goo.jp\n"
    rows, part = await written(made(tmp_path, text), NoDns(), tmp_path)
    assert [(row["verdict"], row["reasons"].split()[:1]) for row in rows] == [
        ("ok", []),
        ("reject", ["syntax"]),
        ("warn", ["typo_domain"]),
        ("reject", ["syntax"]),
        ("warn", ["discontinued_domain"]),
    ]
    assert rows[2]["suggestion"] == "taro@gmail.com"
    assert (part.rows, part.tally.rows, part.tally.empty) == (6, 5, 1)
