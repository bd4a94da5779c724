"""The state of an address: what may change it, by how much evidence, until when (CONTRACT 3.5).

Pure. A state is a function of the evidence that still counts: `learn` takes one more piece in, `as_of` lets go of what
has lapsed, `withdraw` takes pieces back. Our own faults, temporary trouble and what nobody can explain are no evidence.
Never decides whether a mail is sent: only ``undeliverable`` refuses a submit, and the store does that.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Stage


class AddressState(StrEnum):
    """What is known of an address."""

    UNKNOWN = "unknown"  #: no mail has reached it, and nothing is said against it
    DELIVERABLE = "deliverable"
    MAILBOX_FULL = "mailbox_full"
    REFUSED = "refused"  #: the recipient's own filter
    SUSPECT = "suspect"  #: it may not exist, or may be refusing us
    UNDELIVERABLE = "undeliverable"  #: it does not exist, said twice
    COMPLAINED = "complained"  #: the recipient called our mail spam

    @property
    def flagged(self) -> bool:
        """Whether something is wrong."""
        return self not in (AddressState.UNKNOWN, AddressState.DELIVERABLE)


class Source(StrEnum):
    """Where evidence came from."""

    SMTP = "smtp"  #: a reply while the mail was offered
    REPORT = "report"  #: a bounce or complaint that came back later
    DNS = "dns"
    USED = "used"  #: the customer entered the code
    OPERATOR = "operator"


class Strength(StrEnum):
    """How far evidence may be believed."""

    STRONG = "strong"  #: from the SMTP dialogue itself, or a report verified by tag and Message-ID or ENVID
    WEAK = "weak"  #: a report known by its tag alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One thing that was learned of an address."""

    at: float  #: when it was said
    source: Source
    strength: Strength
    category: Category  #: of a report that says ``expired`` or ``delayed``: its cause, where it names one
    stage: Stage | None = None
    reply: str | None = None  #: the site's words; at most 500 characters
    message: str | None = None  #: id of the message it is about
    destination: str | None = None  #: the site that said so; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A state, and how long it holds."""

    state: AddressState = AddressState.UNKNOWN
    since: float | None = None  #: when it began; None for ``unknown``
    until: float | None = None  #: when it ends by itself; None: it does not
    category: Category | None = None  #: what was last said for it; None while nothing is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is kept of one address."""

    standing: Standing = Standing()
    evidence: tuple[Evidence, ...] = ()  #: what counts, or counted for what does; oldest first, empty if not flagged
    passed_at: float | None = None  #: the first 250 after the newest report, while a report counts


DAY = 86400.0
WEEK = 7 * DAY
#: How long a state outlives the evidence for it (seconds).
LIFE = {
    AddressState.MAILBOX_FULL: DAY,
    AddressState.REFUSED: WEEK,
    AddressState.SUSPECT: WEEK,
    AddressState.UNDELIVERABLE: WEEK,
    AddressState.COMPLAINED: math.inf,
}
#: What a report said holds for so long after a 250 that no report contradicts (seconds).
PASSED = DAY
#: A second "does not exist" counts from so long after the first (seconds).
APART = 60.0
#: Pieces of evidence kept of one address, the newest.
KEPT = 20
#: Where several states have evidence, the first of these holds.
_WORST_FIRST = (
    AddressState.UNDELIVERABLE,
    AddressState.COMPLAINED,
    AddressState.SUSPECT,
    AddressState.REFUSED,
    AddressState.MAILBOX_FULL,
)
#: Ways to say that there is no such mailbox, certain or not.
UNKNOWNS = frozenset(
    {Category.USER_UNKNOWN, Category.DOMAIN_UNKNOWN, Category.MAILBOX_DISABLED, Category.UNKNOWN_OR_REFUSED}
)
_CLAIMS = dict.fromkeys(UNKNOWNS, AddressState.SUSPECT) | {
    Category.RECIPIENT_REFUSED: AddressState.REFUSED,
    Category.MAILBOX_FULL: AddressState.MAILBOX_FULL,
}


def claim(evidence: Evidence) -> AddressState | None:
    """Return the state that one piece of evidence is enough for, None where it says nothing of the address."""
    if evidence.category is Category.COMPLAINT:
        known = evidence.source is Source.REPORT and evidence.strength is Strength.STRONG
        return AddressState.COMPLAINED if known else None
    match evidence.source:
        case Source.SMTP | Source.REPORT:
            return _CLAIMS.get(evidence.category)
        case Source.DNS:
            return AddressState.SUSPECT if evidence.category is Category.DOMAIN_UNKNOWN else None
        case _:
            return None


def learn(record: Record, new: Evidence, now: float) -> Record:
    """Return what is known after one more piece of evidence; evidence of nothing leaves the record as it is."""
    record = as_of(record, now)
    if new.source in (Source.USED, Source.OPERATOR):
        return _settled(record.standing, (), None, now)
    if new.source is Source.SMTP and new.category is Category.DELIVERED:
        reported = [known for known in record.evidence if known.source is Source.REPORT]
        last = max((known.at for known in reported), default=0.0)
        passed_at = max(new.at, last) if record.passed_at is None else record.passed_at
        return _settled(record.standing, reported, passed_at, now)
    if claim(new) is None or any(_outweighs(known, new) for known in record.evidence):
        return record
    others = (known for known in record.evidence if _subject(known) != _subject(new))
    newest = sorted((*others, new), key=lambda known: known.at)[-KEPT:]
    return _settled(record.standing, newest, None if new.source is Source.REPORT else record.passed_at, now)


def withdraw(record: Record, gone: Collection[Evidence], now: float) -> Record:
    """Return what is known without some of the evidence."""
    record = as_of(record, now)
    left = [known for known in record.evidence if known not in gone]
    return record if len(left) == len(record.evidence) else _settled(record.standing, left, record.passed_at, now)


def as_of(record: Record, now: float) -> Record:
    """Return what is known at an instant, after what has lapsed until then."""
    while (until := record.standing.until) is not None and until <= now:
        record = _settled(record.standing, record.evidence, record.passed_at, until)
    return record


@dataclass(frozen=True, slots=True)
class _Claim:
    state: AddressState
    evidence: Evidence
    until: float


def _settled(before: Standing, evidence: Iterable[Evidence], passed_at: float | None, now: float) -> Record:
    kept = tuple(known for known in evidence if now < _useful_until(known, passed_at))
    claims = [one for one in _claims(kept, passed_at) if now < one.until]
    if not claims:
        # An address that was flagged, or took a mail, is deliverable until somebody says otherwise.
        stays = before.state is AddressState.DELIVERABLE
        return Record(standing=before if stays else Standing(state=AddressState.DELIVERABLE, since=now))
    state = min((one.state for one in claims), key=_WORST_FIRST.index)
    decisive = [one for one in claims if one.state is state]
    until = max(one.until for one in decisive)
    standing = Standing(
        state=state,
        since=before.since if before.state is state else now,
        until=None if until == math.inf else until,
        category=max(decisive, key=lambda one: one.evidence.at).evidence.category,
    )
    reported = any(known.source is Source.REPORT for known in kept)
    return Record(standing=standing, evidence=kept, passed_at=passed_at if reported else None)


def _claims(evidence: Sequence[Evidence], passed_at: float | None) -> Iterator[_Claim]:
    for known in evidence:
        state = claim(known)
        assert state is not None  # nothing else is kept
        yield _Claim(state, known, _until(known, state, passed_at))
        if any(_confirms(known, first) for first in evidence):
            yield _Claim(AddressState.UNDELIVERABLE, known, _until(known, AddressState.UNDELIVERABLE, passed_at))


def _confirms(second: Evidence, first: Evidence) -> bool:
    """Whether two messages found that the address does not exist, the second while the first still counted."""
    hard = all(known.category.hard and known.strength is Strength.STRONG for known in (first, second))
    apart = APART <= second.at - first.at < LIFE[AddressState.SUSPECT]
    return hard and apart and None not in (first.message, second.message) and first.message != second.message


def _until(evidence: Evidence, state: AddressState, passed_at: float | None) -> float:
    """Return when evidence stops to count for a state, by age or because mails went through since it was reported."""
    by_age = evidence.at + LIFE[state]
    disproved = evidence.source is Source.REPORT and state is not AddressState.COMPLAINED
    if disproved and passed_at is not None and evidence.at <= passed_at:
        return min(by_age, passed_at + PASSED)
    return by_age


def _useful_until(evidence: Evidence, passed_at: float | None) -> float:
    """Return how long evidence is needed: a first "does not exist" as long as a second one may rest on it."""
    state = claim(evidence)
    assert state is not None
    until = _until(evidence, state, passed_at)
    aged = until == evidence.at + LIFE[state]
    return until + LIFE[AddressState.UNDELIVERABLE] if aged and evidence.category.hard else until


def _subject(evidence: Evidence) -> tuple[Source, Category, str | None]:
    """Return what makes two pieces of evidence one: a message says the same thing once."""
    return evidence.source, evidence.category, evidence.message


def _outweighs(known: Evidence, new: Evidence) -> bool:
    """Whether the same was known already, from better evidence."""
    return _subject(known) == _subject(new) and (known.strength, new.strength) == (Strength.STRONG, Strength.WEAK)
