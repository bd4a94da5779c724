"""The summary page of an audit: counts and charts by verdict, reason and domain, and what to do about each reason.

One file without scripts, links, or addresses; the charts are SVG bars, and every number of theirs stands beside them.
Domains come from the list, so all of it is escaped.
"""

import base64
import hashlib
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from mailsvc.checks.audit.tally import DomainCount, Tally
from mailsvc.domain.check import Verdict

LOCALES = ("ja", "en")
#: Domains in each of the two charts.
DOMAINS = 20
#: Width of a chart in its own units, as in the template.
_WIDTH = 1000
_WORST_FIRST = tuple(reversed(Verdict))


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the page says of the audit itself."""

    list: str  #: name of the file
    finished: datetime  #: in Japan
    encoding: str
    dns: bool  #: whether it was asked


def render(tally: Tally, about: About, locale: str) -> str:
    """Return the page, in ``ja`` or ``en``."""
    words = _words()
    style = files(__package__).joinpath("page.css").read_text("utf-8")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            locale=locale,
            words=words[locale],
            style=style,
            style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            facts=_facts(tally, about, words[locale]),
            verdicts=_verdicts(tally, words, locale),
            reasons=_reasons(tally, words, locale),
            worst=[_domain(count, words, locale) for count in tally.worst(DOMAINS)],
            largest=[_domain(count, words, locale) for count in tally.largest(DOMAINS)],
            notes=_notes(tally),
        )
    )


def share(part: int, whole: int) -> str:
    """Return a part in per cent; one that is there is never shown as 0 or, unless it is all, as 100."""
    if part in (0, whole):
        return "100%" if part else "0%"
    return "<0.1%" if part * 1000 < whole else ">99.9%" if (whole - part) * 1000 < whole else f"{part / whole:.1%}"


def _facts(tally: Tally, about: About, words: Mapping[str, str]) -> dict[str, str]:
    return {
        "list": about.list,
        "finished": about.finished.strftime("%Y-%m-%d %H:%M"),
        "encoding": about.encoding,
        "dns": words["dns_asked" if about.dns else "dns_not_asked"],
        "rows": f"{tally.rows:,}",
    }


def _verdicts(tally: Tally, words: Mapping[str, Any], locale: str) -> list[dict[str, Any]]:
    return [
        {"kind": verdict.value, "label": words["verdict"][verdict][locale]}
        | _counted(tally.verdicts[verdict], tally.rows, verdict)
        for verdict in _WORST_FIRST
    ]


def _reasons(tally: Tally, words: Mapping[str, Any], locale: str) -> list[dict[str, Any]]:
    rows = []
    for code, count in tally.reasons.most_common():
        label, todo = words["reason"][code][locale]
        rows.append({"code": code, "label": label, "todo": todo} | _counted(count, tally.rows, "reason"))
    return rows


def _counted(count: int, whole: int, kind: str) -> dict[str, Any]:
    return {"count": f"{count:,}", "share": share(count, whole), "parts": _parts([(kind, count)], whole)}


def _domain(count: DomainCount, words: Mapping[str, Any], locale: str) -> dict[str, Any]:
    parts = [(verdict.value, count.verdicts[verdict]) for verdict in _WORST_FIRST]
    spoken = ", ".join(f"{words['verdict'][kind][locale]} {number:,}" for kind, number in parts)
    return {
        "domain": count.domain,
        "count": f"{count.rows:,}",
        "not_ok": f"{count.not_ok:,}",
        "share": share(count.not_ok, count.rows),
        "parts": _parts(parts, count.rows),
        "spoken": f"{count.domain}: {spoken}",
    }


def _parts(counts: Iterable[tuple[str, int]], whole: int) -> Sequence[dict[str, Any]]:
    """Return the pieces of a bar, one behind the other."""
    parts, start = [], 0.0
    for kind, count in counts:
        if count:
            parts.append({"kind": kind, "start": f"{start:g}", "width": f"{count / whole * _WIDTH:.2f}"})
            start += count / whole * _WIDTH
    return parts


def _notes(tally: Tally) -> dict[str, str]:
    counts = {"domains": len(tally.domains), "empty": tally.empty, "odd": tally.odd, "uncounted": tally.uncounted}
    return {name: f"{count:,}" for name, count in counts.items() if count or name != "uncounted"}


@cache
def _words() -> Any:
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
