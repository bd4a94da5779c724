"""From what a server says, or does not say, to a category and a verdict: category, permanence, scope.

Which words mean what is given in as rules, the first that matches wins; permanence and scope follow from reply code and
stage alone. Never fails: what no rule knows is told by the reply code. ``hard`` never follows from a code alone, nor
from what was said before a recipient was named (CONTRACT 3.3).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from mailsvc.domain.outcome import Category, Permanence, Scope, Verdict
from mailsvc.domain.phrases import PhraseIndex, Prepared, prepare
from mailsvc.domain.reply import Reply, Stage

_STAGES = tuple(Stage)
_BEFORE_MAIL = frozenset(_STAGES[: _STAGES.index(Stage.MAIL)])
#: Nothing has been said of a recipient yet.
_BEFORE_RCPT = _BEFORE_MAIL | {Stage.MAIL}
#: What only a reply to RCPT, DATA or the dot can say.
_OF_THE_RECIPIENT = frozenset(
    {
        Category.USER_UNKNOWN,
        Category.DOMAIN_UNKNOWN,
        Category.MAILBOX_DISABLED,
        Category.MAILBOX_FULL,
        Category.UNKNOWN_OR_REFUSED,
    }
)
#: What a temporary reply cannot mean: the far system has a lasting fault.
_OF_THE_SYSTEM = frozenset({Category.REMOTE_ERROR, Category.UNKNOWN})
_ACCEPTED = 2  # RFC 5321 4.2.1: a 3yz has no place after the dot
_CLOSING = 421  # RFC 5321 4.2.3: the server closes the channel, whatever the command was
#: Reply code and enhanced status code in front of a text, RFC 5321 4.2, RFC 2034 4.
_HEAD = re.compile(
    r"\s*(?:(?:smtp|x-[\w-]{1,20});\s*)?([2-5]\d\d)(?:[\s-]\s*(?:#?([245]\.\d{1,3}\.\d{1,3})(?!\.?\d))?|$)",
    re.ASCII | re.IGNORECASE,
)
#: What a reply code says by itself (RFC 5321 4.2.1), and how far it may be believed.
_BY_CLASS = {"4": Category.REMOTE_TEMPORARY, "5": Category.REMOTE_ERROR}
_BARE = 0.2
_NO_RULE = "reply code"

DELIVERED = Verdict(Category.DELIVERED, Permanence.DELIVERED, Scope.MESSAGE)
AMBIGUOUS = Verdict(Category.NETWORK_ERROR, Permanence.AMBIGUOUS, Scope.SESSION)
NETWORK_ERROR = Verdict(Category.NETWORK_ERROR, Permanence.TRANSIENT, Scope.SESSION)
STOPPED = Verdict(Category.UNKNOWN, Permanence.STOPPED, Scope.MESSAGE)
#: The finished bytes did not pass our own check: nothing leaves, and a repeat would be the same bytes.
UNSENDABLE = Verdict(Category.CONTENT_REJECTED, Permanence.PERMANENT, Scope.MESSAGE)
#: A carrier address with a dot out of place was refused for the way it is written, RFC 5321 4.2.3: 500, 501, 553.
FORM_REFUSED = Verdict(Category.REMOTE_ERROR, Permanence.PERMANENT, Scope.SESSION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a rule reads."""

    text: str  #: what was said, on one line
    code: int | None = None  #: reply code, RFC 5321 4.2
    status: str | None = None  #: enhanced status code, RFC 3463
    stage: Stage | None = None  #: of the SMTP dialogue; None: not known
    host: str | None = None  #: who said it, lower case
    recipient_domain: str | None = None  #: of the address it is about, lower case

    @classmethod
    def of(
        cls, said: str, *, stage: Stage | None = None, host: str | None = None, recipient_domain: str | None = None
    ) -> Self:
        """Take a reply of one or more lines apart; a code or status that it does not begin with is None."""
        head = _HEAD.match(said)
        return cls(
            text=" ".join((said[head.end() :] if head else said).split()),
            code=int(head[1]) if head else None,
            status=head[2] if head else None,
            stage=stage,
            host=host.lower() if host else None,
            recipient_domain=recipient_domain.lower() if recipient_domain else None,
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """What words mean."""

    category: Category
    confidence: float  #: 0 to 1
    rule: str  #: name of the rule that says so
    status: str | None = None  #: enhanced status code: the one given, else the first that stands in the text


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Conditions, all of which must be met, and what then holds; an empty condition is met by everything."""

    name: str
    category: Category
    confidence: float
    says: tuple[str, ...] = ()  #: the text has one of these phrases, see `domain.phrases`
    sites: tuple[str, ...] = ()  #: the host or the recipient's domain is one of these or below it
    domains: tuple[str, ...] = ()  #: the recipient's domain is one of these or below it, where it is known
    stages: frozenset[Stage | None] = frozenset()  #: None: the stage is not known
    codes: frozenset[str] = frozenset()  #: ``550``; ``5xx`` for a whole class; ``none`` without code and status
    statuses: frozenset[str] = frozenset()  #: ``5.1.1``; ``x.1.1`` for any class; ``x.1.x`` for a whole subject

    def holds(self, facts: "_Facts") -> bool:
        """Whether the conditions other than the phrases are met."""
        if facts.stage in _BEFORE_RCPT and self.category in _OF_THE_RECIPIENT:
            return False
        return (
            (not self.stages or facts.stage in self.stages)
            and (not self.codes or not self.codes.isdisjoint(facts.codes))
            and (not self.statuses or not self.statuses.isdisjoint(facts.statuses))
            and (not self.sites or _is_below(facts.host, self.sites) or _is_below(facts.domain, self.sites))
            and (not self.domains or facts.domain is None or _is_below(facts.domain, self.domains))
        )


class _Facts:
    """What the conditions of a rule are held against, beside the text."""

    __slots__ = ("codes", "domain", "host", "kind", "stage", "status", "statuses")

    def __init__(self, words: Words, text: Prepared) -> None:
        told = [status for status in (words.status, *text.statuses) if status]
        self.status = told[0] if told else None
        self.statuses = {form for status in told for form in _forms(status)}
        self.kind = str(words.code or self.status or "")[:1]
        self.codes = {f"{self.kind}xx", str(words.code)} if self.kind else {"none"}
        self.stage = words.stage
        self.host = words.host
        self.domain = words.recipient_domain or text.domain


class Classifier:
    """Finds the category of words by rules; made once, used for every reply and report."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take the rules in their order; raise `ValueError` for a phrase that is none."""
        self._rules = rules
        self._index = PhraseIndex([rule.says for rule in rules])
        self._wordless = {number for number, rule in enumerate(rules) if not rule.says}

    def find(self, words: Words) -> Finding:
        """Return what words mean: by the first rule that matches, else by the class of the reply code."""
        text = prepare(words.text)
        facts = _Facts(words, text)
        look = self._index.look(text)
        for number in sorted(look.possible | self._wordless):
            rule = self._rules[number]
            if rule.holds(facts) and (not rule.says or number in look):
                return Finding(rule.category, rule.confidence, rule.name, facts.status)
        category = _BY_CLASS.get(facts.kind, Category.UNKNOWN)
        return Finding(category, _BARE, _NO_RULE, facts.status)

    def verdict(self, reply: Reply, stage: Stage, host: str | None = None) -> Verdict:
        """Say what a server's reply at a stage means for the message and for the next try."""
        if reply.code // 100 == _ACCEPTED and stage is Stage.DOT:
            return DELIVERED
        scope = _scope(reply, stage)
        lasting = reply.permanent and scope is not Scope.HOST
        words = Words(
            text=" ".join(reply.lines),
            code=reply.code,
            status=reply.enhanced,
            stage=stage,
            host=host.lower() if host else None,
        )
        category = self.find(words).category
        if lasting:
            return Verdict(category, Permanence.PERMANENT, scope)
        softened = Category.REMOTE_TEMPORARY if category in _OF_THE_SYSTEM else category
        return Verdict(softened, Permanence.TRANSIENT, scope)


def _scope(reply: Reply, stage: Stage) -> Scope:
    if reply.code == _CLOSING or stage in _BEFORE_MAIL or reply.positive:
        return Scope.HOST
    return Scope.RECIPIENT if stage is Stage.RCPT else Scope.MESSAGE


def _forms(status: str) -> Iterable[str]:
    """Return the ways in which a rule may name a status."""
    _, subject, detail = status.split(".")
    return status, f"x.{subject}.{detail}", f"x.{subject}.x"


def _is_below(host: str | None, sites: Iterable[str]) -> bool:
    return host is not None and any(host == site or host.endswith(f".{site}") for site in sites)
