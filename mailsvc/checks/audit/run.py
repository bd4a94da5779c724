"""The audit: rows in, rows with their answers out, in their order and in bounded memory.

Some thousands of rows are under way at a time, in batches, so that a domain whose DNS is slow holds up nothing but
what stands behind it for long. A row is told what ``mailsvc check`` says of its address. Ends with what reading or
writing raises; what was written until then is kept, and the next run goes on from there.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from datetime import date
from itertools import islice

from mailsvc.checks.audit.findings import Findings
from mailsvc.checks.audit.part import Part
from mailsvc.checks.audit.sheet import Row, Sheet
from mailsvc.checks.audit.source import Source
from mailsvc.checks.audit.tally import Answer, Tally
from mailsvc.checks.check import Checked, Known, judged
from mailsvc.checks.lists import of_domain
from mailsvc.checks.reading import Reading, read
from mailsvc.domain.check import DomainFinding

#: Rows that are checked together, and batches under way.
BATCH = 500
BATCHES = 64
#: Seconds after which what was written is kept.
KEEP_EVERY = 10.0

_Answered = list[tuple[Row, Answer | None]]


class Audit:
    """Answers the rows of a list."""

    def __init__(self, source: Source, findings: Findings, known: Known, *, today: date) -> None:
        """``today`` is the day in Japan."""
        self._source = source
        self._findings = findings
        self._known = known
        self._today = today

    async def write(self, part: Part, sheet: Sheet, progress: Callable[[int], None]) -> None:
        """Write what the part does not have yet; ``progress`` is told how many rows it has, after each batch."""
        loop = asyncio.get_running_loop()
        if not part.octets:
            part.add(sheet.head(), 0)
        kept = loop.time()
        async with aclosing(self._in_order(_batches(self._source.read(skip=part.rows)))) as batches:
            async for answered in batches:
                octets = sheet.rows(answered)
                self._count(answered, part.tally)
                part.add(octets, len(answered))
                progress(part.rows)
                if loop.time() - kept > KEEP_EVERY:
                    part.keep()
                    kept = loop.time()

    def _count(self, answered: _Answered, tally: Tally) -> None:
        for row, answer in answered:
            if answer:
                tally.add(answer, odd=len(row) != len(self._source.header))

    async def _in_order(self, batches: Iterator[list[Row]]) -> AsyncGenerator[_Answered, None]:
        under_way = deque(asyncio.create_task(self._answered(batch)) for batch in islice(batches, BATCHES))
        try:
            while under_way:
                yield await under_way.popleft()
                under_way.extend(asyncio.create_task(self._answered(batch)) for batch in islice(batches, 1))
        finally:
            for task in under_way:
                task.cancel()

    async def _answered(self, rows: list[Row]) -> _Answered:
        texts = [_cell(row, self._source.column) if row else None for row in rows]
        readings = [None if text is None else read(text) for text in texts]
        domains = {one.address.domain.lower() for one in readings if one and one.address}
        findings = await self._findings.of(domains)
        return [
            (row, await self._answer(reading, findings) if reading else None)
            for row, reading in zip(rows, readings, strict=True)
        ]

    async def _answer(self, reading: Reading, findings: Mapping[str, DomainFinding]) -> Answer:
        address = reading.address
        if address is None:
            return _answer_of(Checked(reading=reading, reasons=reading.reasons, suggestions=reading.suggestions))
        listed = of_domain(address, today=self._today)
        return _answer_of(judged(reading, listed, findings[address.domain.lower()], await self._known(address)))


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _cell(row: Row, column: int) -> str:
    return row[column] if column < len(row) else ""


def _answer_of(checked: Checked) -> Answer:
    address = checked.reading.address
    return Answer(
        verdict=checked.verdict,
        reasons=tuple(reason.code for reason in checked.reasons),
        suggestions=checked.suggestions,
        wire=address.wire if address else None,
        domain=checked.domain.ascii if checked.domain else None,
        empty=not checked.reading.normalized,
    )
