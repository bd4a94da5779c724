"""``mailsvc audit``: what `mailsvc check` says, for every address of a customer list; needs no service.

Prints no address: what is said of a row stands in OUT alone. Exits 0 when every row has its answer, whatever it is.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from mailsvc.checks.audit.encodings import NAMES, UTF8_MARKED, ListError
from mailsvc.checks.audit.findings import Findings, NoDns
from mailsvc.checks.audit.page import LOCALES, About, render, share
from mailsvc.checks.audit.part import Part, PartError, interrupted, write_whole
from mailsvc.checks.audit.run import Audit
from mailsvc.checks.audit.sheet import Sheet
from mailsvc.checks.audit.source import Form, Source, survey
from mailsvc.checks.audit.tally import Tally
from mailsvc.cli.failure import INTERRUPTED, WRONG_USE, Failure, failures
from mailsvc.cli.known import known_to
from mailsvc.cli.progress import progress
from mailsvc.domain.check import ReasonCode, Verdict
from mailsvc.service.check_room import day_in_japan, make_domains
from mailsvc.settings import Settings, load_settings
from mailsvc.templates.layout import JST

#: Domains that ``--json`` names.
DOMAINS = 100


def audit(
    given: Annotated[Path, typer.Argument(metavar="IN.csv", help="CSV with a header.", show_default=False)],
    *,
    out: Annotated[Path, typer.Option(metavar="OUT.csv", help="Gets the answers; OUT.html gets the summary.")],
    column: Annotated[str | None, typer.Option(help="Column of the addresses: name, or number from 1.")] = None,
    encoding: Annotated[str | None, typer.Option(help=f"{', '.join(NAMES)}; found out when absent.")] = None,
    bom: Annotated[bool, typer.Option("--bom", help="Write UTF-8 with a byte order mark, for Excel.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Leave cells as they are that a spreadsheet would run.")] = False,
    dns: Annotated[bool, typer.Option("--dns/--no-dns", help="Look the domains up.")] = True,
    locale: Annotated[str, typer.Option(help="Language of the summary page: ja or en.")] = "ja",
    force: Annotated[bool, typer.Option("--force", help="Overwrite OUT.csv and OUT.html.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Begin anew where an audit was interrupted.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Check every address of a list; go on where that was interrupted."""
    _expect("--encoding", encoding, (None, *NAMES))
    _expect("--locale", locale, LOCALES)
    page = _page_beside(given, out, force=force)
    with failures(), _faults_of(given):
        settings = load_settings()
        source = survey(given, Form(encoding=encoding, column=column))
        written = UTF8_MARKED if bom else source.encoding
        about = {"list": source.digest, "column": source.column, "read": str(source.encoding), "written": str(written)}
        with Part(out, about | {"raw": raw, "dns": dns}, anew=restart) as part:
            _write(source, Sheet(source, written, raw=raw), part, settings, dns=dns)
            finished = datetime.fromtimestamp(time.time(), JST)
            shown = About(list=given.name, finished=finished, encoding=str(source.encoding), dns=dns)
            write_whole(page, render(part.tally, shown, locale).encode())
            part.publish()
    summary = _summary(part.tally, out, page)
    print(json.dumps(summary) if as_json else _shown(summary))


def _expect(option: str, found: str | None, expected: tuple[str | None, ...]) -> None:
    if found not in expected:
        raise Failure(f"{option}: found something else, expected one of {', '.join(filter(None, expected))}", WRONG_USE)


def _page_beside(given: Path, out: Path, *, force: bool) -> Path:
    """Return where the summary page goes; nothing is overwritten that nobody said may be."""
    page = out.with_suffix(".html")
    if page == out or given.resolve() in (out.resolve(), page.resolve()):
        raise Failure("--out: expected a file other than IN.csv and OUT.html", WRONG_USE)
    ours = (out,) if interrupted(out) else (out, page)
    there = [file for file in ours if file.exists()]
    if there and not force:
        raise Failure(f"{there[0]} is there already; --force overwrites it", WRONG_USE)
    return page


@contextmanager
def _faults_of(given: Path) -> Iterator[None]:
    """Turn what is wrong with the list or the part into one line."""
    try:
        yield
    except ListError as error:
        raise Failure(f"{given}: {error}", WRONG_USE) from None
    except PartError as error:
        raise Failure(str(error), WRONG_USE) from None


def _write(source: Source, sheet: Sheet, part: Part, settings: Settings, *, dns: bool) -> None:
    """Write the rows that the part does not have yet."""
    going_on = f"; goes on behind row {part.rows:,}" if part.rows else ""
    print(f"{source.rows:,} rows in {source.encoding}{going_on}", file=sys.stderr)
    try:
        with known_to(settings) as known, progress("audit", part.rows, source.rows) as tell:
            domains = make_domains(settings, known.took_mail) if dns else NoDns()
            audit = Audit(source, Findings(domains), known.standing, today=day_in_japan(time.time()))
            uvloop.run(audit.write(part, sheet, tell))
    except KeyboardInterrupt:
        line = f"stopped behind row {part.rows:,} of {source.rows:,}; the same command goes on from there"
        raise Failure(line, INTERRUPTED) from None
    if source.changed:
        raise ListError("has changed while it was read; begin anew with --restart")
    silent = part.tally.reasons[ReasonCode.DNS_TEMPORARY]
    if silent * 2 > part.tally.rows:
        print("DNS gave no answer for most addresses; does MAILSVC_DNS name a working resolver?", file=sys.stderr)


def _summary(tally: Tally, out: Path, page: Path) -> dict[str, Any]:
    return {
        "rows": tally.rows,
        "verdicts": {verdict.value: tally.verdicts[verdict] for verdict in Verdict},
        "reasons": dict(tally.reasons.most_common()),
        "empty": tally.empty,
        "odd": tally.odd,
        "domains": [{"domain": count.domain, "rows": count.rows} | count.verdicts for count in tally.largest(DOMAINS)],
        "out": str(out),
        "page": str(page),
    }


def _shown(summary: dict[str, Any]) -> str:
    """Return the summary as a table."""
    lines = [f"{summary['rows']:>11,}  addresses", ""]
    for counts in (summary["verdicts"], summary["reasons"]):
        lines += [f"{count:>11,}  {share(count, summary['rows']):>6}  {name}" for name, count in counts.items()]
        lines.append("")
    return "\n".join((*lines, summary["out"], summary["page"]))
