"""The rules by which replies and reports are classified, as they stand in ``rules.toml``.

A rule that cannot be read stops the process: `RulesError` names the rule and what is wrong with it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from mailsvc.domain.classify import Classifier, Rule, Words
from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage

_KEYS = {"name", "category", "confidence", "why", "says", "sites", "domains", "stages", "codes", "statuses", "samples"}


class RulesError(Exception):
    """The rules cannot be read; says which rule, and why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule, and what stands beside it for people and tests."""

    rule: Rule
    why: str  #: source of the knowledge
    samples: tuple[Words, ...]  #: replies of our own wording that this rule decides


@cache
def load() -> Classifier:
    """Return the classifier of the rules that come with the program; read once."""
    found = entries()
    try:
        return Classifier([entry.rule for entry in found])
    except ValueError as error:
        raise RulesError(f"rules.toml: {error}") from None


def entries(text: str | None = None) -> Sequence[Entry]:
    """Return every rule of a TOML text, by default of the one that comes with the program."""
    if text is None:
        text = (files("mailsvc.feedback") / "rules.toml").read_text("utf-8")
    try:
        rules = tomllib.loads(text).get("rule", [])
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"rules.toml: {error}") from None
    found = [_entry(number, given) for number, given in enumerate(rules, 1)]
    names = [entry.rule.name for entry in found]
    for name in names:
        if names.count(name) > 1:
            raise RulesError(f"rules.toml: two rules are named {name!r}")
    return found


def _entry(number: int, given: Mapping[str, Any]) -> Entry:
    try:
        if unknown := given.keys() - _KEYS:
            raise ValueError(f"unknown key {min(unknown)!r}")  # noqa: TRY301  told with the rule's name below
        return Entry(_rule(given), given["why"], tuple(_sample(sample) for sample in given["samples"]))
    except KeyError as error:
        raise RulesError(f"rules.toml: rule {given.get('name', number)!r}: {error} is missing") from None
    except (ValueError, TypeError) as error:
        raise RulesError(f"rules.toml: rule {given.get('name', number)!r}: {error}") from None


def _rule(given: Mapping[str, Any]) -> Rule:
    return Rule(
        name=given["name"],
        category=Category(given["category"]),
        confidence=float(given["confidence"]),
        says=tuple(given.get("says", ())),
        sites=tuple(given.get("sites", ())),
        domains=tuple(given.get("domains", ())),
        stages=frozenset(None if stage == "none" else Stage(stage) for stage in given.get("stages", ())),
        codes=frozenset(given.get("codes", ())),
        statuses=frozenset(given.get("statuses", ())),
    )


def _sample(given: str | Mapping[str, str]) -> Words:
    """Read a sample: a reply, or a table of ``reply``, ``stage``, ``host`` and ``domain``."""
    if isinstance(given, str):
        return Words.of(given)
    stage = Stage(given["stage"]) if "stage" in given else None
    return Words.of(given["reply"], stage=stage, host=given.get("host"), recipient_domain=given.get("domain"))
