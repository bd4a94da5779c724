"""Counting right and wrong answers: of mails that came back, and of single replies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


class Answer(Protocol):
    """What a classifier says of one recipient."""

    @property
    def recipient(self) -> str | None:
        """The address, None where it names none."""

    @property
    def category(self) -> str:
        """A category of the contract."""

    @property
    def hard(self) -> bool:
        """Whether the address cannot exist."""


@dataclass(slots=True)
class Score:
    """Sums over a collection."""

    mails: int = 0  #: that are bounces, complaints or auto-replies
    found: int = 0  #: of those, recognised as one
    others: int = 0  #: mails that are none
    false_alarms: int = 0  #: of those, taken for one
    recipients: int = 0  #: that people see in the mails; for replies: the replies
    named: int = 0  #: of those, named by the answer
    accepted: int = 0  #: of those, with a category that people accept
    exact: int = 0  #: of those, with the first one
    false_hard: int = 0  #: called nonexistent where people do not
    misses: list[str] = field(default_factory=list)

    def mail(self, name: str, expected: Sequence[Mapping[str, Any]], answers: Sequence[Answer]) -> None:
        """Count one mail: what people see in it, and what was answered."""
        if not expected:
            self.others += 1
            self.false_alarms += bool(answers)
            self.misses += [f"{name}: false alarm: {answer.recipient}, {answer.category}" for answer in answers]
            return
        self.mails += 1
        self.found += bool(answers)
        for entry in expected:
            self._recipient(name, entry, answers, alone=len(expected) == 1)

    def _recipient(self, name: str, entry: Mapping[str, Any], answers: Sequence[Answer], *, alone: bool) -> None:
        right = {entry["recipient"], *entry.get("recipient_accept", ())}
        of_it = [answer for answer in answers if answer.recipient in right or entry["recipient"] is None]
        self.named += bool(of_it)
        if not of_it:
            seen = ", ".join(str(answer.recipient) for answer in answers) or "nothing"
            self.misses.append(f"{name}: recipient {entry['recipient']}, found {seen}")
        self.answer(name, entry, of_it[0] if of_it else answers[0] if alone and answers else None)

    def answer(self, name: str, entry: Mapping[str, Any], answer: Answer | None) -> None:
        """Count one recipient or reply: ``category``, ``accept`` and ``hard`` of the entry are what people say."""
        self.recipients += 1
        if answer is None:
            self.misses.append(f"{name}: {entry['category']}, found nothing")
            return
        accepted = {entry["category"], *entry.get("accept", ())}
        self.accepted += answer.category in accepted
        self.exact += answer.category == entry["category"]
        self.false_hard += answer.hard and not entry["hard"]
        if answer.category not in accepted or (answer.hard and not entry["hard"]):
            self.misses.append(f"{name}: {' or '.join(sorted(accepted))}, found {answer.category}")

    def rows(self) -> Iterable[tuple[str, str]]:
        """Return what was counted, in words."""
        if self.mails:
            yield "bounces found", _share(self.found, self.mails)
            yield "recipients named", _share(self.named, self.recipients)
        yield "category, accepted", _share(self.accepted, self.recipients)
        yield "category, exact", _share(self.exact, self.recipients)
        yield "wrongly called nonexistent", str(self.false_hard)
        if self.mails:
            yield "false alarms", f"{self.false_alarms} of {self.others}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} % ({part} of {whole})" if whole else "none"
