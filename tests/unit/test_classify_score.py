"""The scoring of classifications: what counts as found, named, accepted, exact, wrongly hard, a false alarm."""

from dataclasses import dataclass
from typing import Any

import pytest

from bench.classify.score import Score


@dataclass(frozen=True)
class Said:
    """One answer."""

    recipient: str | None
    category: str
    hard: bool = False


GONE = {"recipient": "a@x.example", "category": "user_unknown", "accept": ["recipient_refused"], "hard": True}
FULL = {"recipient": "b@x.example", "recipient_accept": ["c@x.example"], "category": "mailbox_full", "hard": False}
NOBODY = {"recipient": None, "category": "complaint", "hard": False}
CASES: list[tuple[list[dict[str, Any]], list[Said], dict[str, int]]] = [
    ([GONE], [Said("a@x.example", "user_unknown", hard=True)], {"found": 1, "named": 1, "accepted": 1, "exact": 1}),
    ([GONE], [Said("a@x.example", "recipient_refused")], {"found": 1, "named": 1, "accepted": 1}),
    ([GONE], [Said("a@x.example", "spam_blocked")], {"found": 1, "named": 1}),
    ([GONE], [Said("d@x.example", "user_unknown")], {"found": 1, "accepted": 1, "exact": 1}),
    ([GONE], [], {}),
    ([FULL], [Said("c@x.example", "mailbox_full")], {"found": 1, "named": 1, "accepted": 1, "exact": 1}),
    ([FULL], [Said("b@x.example", "user_unknown", hard=True)], {"found": 1, "named": 1, "false_hard": 1}),
    ([NOBODY], [Said("b@x.example", "complaint")], {"found": 1, "named": 1, "accepted": 1, "exact": 1}),
    ([GONE, FULL], [Said("a@x.example", "user_unknown")], {"found": 1, "named": 1, "accepted": 1, "exact": 1}),
    ([], [], {}),
    ([], [Said(None, "unknown")], {"false_alarms": 1}),
]


@pytest.mark.parametrize(("expected", "answers", "counted"), CASES)
def test_mail_is_counted(expected: list[dict[str, Any]], answers: list[Said], counted: dict[str, int]) -> None:
    """Each recipient counts once; a wrong address spoils only its name where the mail is about one recipient."""
    score = Score()
    score.mail("mail", expected, answers)
    names = ("found", "named", "accepted", "exact", "false_hard", "false_alarms")
    assert {name: getattr(score, name) for name in names} == dict.fromkeys(names, 0) | counted
    assert (score.mails, score.others, score.recipients) == (bool(expected), not expected, len(expected))
    right = bool(expected) and score.named == score.accepted == len(expected)
    assert right or bool(score.misses) or not (expected or answers)
