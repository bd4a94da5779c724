"""What of a report counts: which message it names, what is new of it, what it is evidence of."""

from dataclasses import replace
from typing import Any

import pytest

from mailsvc.domain.address_state import Source, Strength
from mailsvc.domain.feedback import TOLD_MAX, Feedback, evidence, feedback, our_ids
from mailsvc.domain.outcome import Category
from mailsvc.domain.report import Action, Report, ReportSource
from tests.support.domain import NOW
from tests.support.reports import bounce, said

ID, OTHER = "msg_" + "a" * 28, "msg_" + "b" * 28
TARO = "taro@docomo.ne.jp"


def told(report: Report, known: tuple[Feedback, ...] = (), *, verified: bool = True) -> list[Feedback]:
    return feedback(report, TARO, known, at=NOW, source=ReportSource.SMTP, verified=verified)


def one(**fields: Any) -> Feedback:
    (found,) = told(bounce(said(**fields)))
    return found


@pytest.mark.parametrize(
    ("fields", "ids"),
    [
        ({}, ()),
        ({"message_id": f"{ID}@mail.example.jp"}, (ID,)),
        ({"envid": ID}, (ID,)),
        ({"message_id": f"{ID}@mail.example.jp", "envid": ID}, (ID,)),
        ({"message_id": f"{ID}@mail.example.jp", "envid": OTHER}, (ID, OTHER)),
        ({"message_id": "20261123@relay.example", "envid": ID}, (ID,)),
        ({"envid": "QQ314159"}, ()),
        ({"message_id": "20261123@relay.example"}, None),
        ({"message_id": f"x{ID}@mail.example.jp"}, None),
        ({"message_id": f"{ID.upper()}@mail.example.jp"}, None),
        ({"message_id": f"{ID}a@mail.example.jp"}, None),
    ],
)
def test_report_names_its_mail_by_message_id_or_envid(fields: dict[str, str], ids: tuple[str, ...] | None) -> None:
    """Ours are told from others'; a report that returns somebody else's mail is about none of ours."""
    assert our_ids(bounce(**fields)) == ids


def test_what_is_said_of_our_recipient_counts() -> None:
    """Of several recipients only ours is told, with all that was said; what looks like a code is masked."""
    report = bounce(
        said("hanako@docomo.ne.jp", category=Category.USER_UNKNOWN),
        said("TARO@docomo.ne.jp", cause=None, diagnostic="552 5.2.2 full 042917 x", host="mx.docomo.ne.jp"),
    )
    assert told(report) == [
        Feedback(
            at=NOW,
            action=Action.FAILED,
            category=Category.MAILBOX_FULL,
            status="5.2.2",
            reply="552 5.2.2 full ****** x",
            host="mx.docomo.ne.jp",
            source=ReportSource.SMTP,
            verified=True,
        )
    ]


@pytest.mark.parametrize(
    ("names", "verified"),
    [
        ({"recipient": TARO}, True),
        ({"recipient": None}, True),
        ({"recipient": "forwarded@elsewhere.example", "original": TARO}, True),
        ({"recipient": "forwarded@elsewhere.example"}, False),
        ({"recipient": "hanako@docomo.ne.jp", "original": "hanako@docomo.ne.jp"}, False),
    ],
)
def test_report_of_other_recipients_is_never_verified(names: dict[str, Any], verified: bool) -> None:  # noqa: FBT001
    """A mail that was forwarded accuses our address by a report that is not verified, and nobody else."""
    assert [found.verified for found in told(bounce(said(**names)))] == [verified]


def test_quoted_recipient_is_ours() -> None:
    """An address that breaks the dot rules is the same with and without quotes."""
    report = bounce(said('"taro..x"@docomo.ne.jp'))
    (found,) = feedback(report, "taro..x@docomo.ne.jp", (), at=NOW, source=ReportSource.HTTP, verified=True)
    assert found.verified


FAILED, WEAK = one(), replace(one(), verified=False)


@pytest.mark.parametrize(
    ("known", "said_now", "verified", "new"),
    [
        ((), {}, True, True),
        ((FAILED,), {}, True, False),
        ((FAILED,), {"category": Category.USER_UNKNOWN}, True, False),
        ((FAILED,), {}, False, False),
        ((FAILED,), {"action": Action.DELAYED}, True, True),
        ((WEAK,), {}, True, True),
        ((WEAK,), {}, False, False),
        ((WEAK,), {"category": Category.RECIPIENT_REFUSED}, False, True),
        ((WEAK, FAILED), {"category": Category.RECIPIENT_REFUSED}, False, False),
        ((), {"action": Action.REPLIED}, True, False),
    ],
)
def test_message_is_told_the_same_once(
    known: tuple[Feedback, ...],
    said_now: dict[str, Any],
    verified: bool,  # noqa: FBT001
    new: bool,  # noqa: FBT001
) -> None:
    """A verified report says each action once; one that is not says each category once, and nothing after that one."""
    assert bool(told(bounce(said(**said_now)), known, verified=verified)) is new


def test_much_is_told_of_no_message() -> None:
    """A report with a thousand recipients, or a thousand reports, tell a bounded number of things."""
    report = bounce(*(said(None, category=category, action=action) for category in Category for action in Action))
    assert len(told(report, verified=False)) == TOLD_MAX
    assert told(report, tuple(told(report, verified=False))) == []


@pytest.mark.parametrize(
    ("action", "category", "cause", "proves"),
    [
        (Action.FAILED, Category.MAILBOX_FULL, None, Category.MAILBOX_FULL),
        (Action.FAILED, Category.USER_UNKNOWN, None, Category.USER_UNKNOWN),
        (Action.FAILED, Category.AUTH_FAILED, None, Category.AUTH_FAILED),
        (Action.FAILED, Category.EXPIRED, Category.MAILBOX_FULL, Category.MAILBOX_FULL),
        (Action.FAILED, Category.EXPIRED, None, Category.EXPIRED),
        (Action.DELAYED, Category.DELAYED, Category.MAILBOX_FULL, Category.MAILBOX_FULL),
        (Action.DELAYED, Category.MAILBOX_FULL, None, Category.MAILBOX_FULL),
        (Action.DELAYED, Category.DELAYED, Category.USER_UNKNOWN, None),
        (Action.DELAYED, Category.DELAYED, None, None),
        (Action.DELIVERED, Category.DELIVERED, None, None),
        (Action.COMPLAINED, Category.COMPLAINT, None, Category.COMPLAINT),
    ],
)
def test_feedback_is_evidence_of_what_lasts(
    action: Action, category: Category, cause: Category | None, proves: Category | None
) -> None:
    """What a site has given up on counts by its cause, a delay only as a full mailbox."""
    found = evidence(one(action=action, category=category, cause=cause), ID)
    assert (found.category if found else None) is proves
    if found:
        assert (found.source, found.strength, found.at, found.message) == (Source.REPORT, Strength.STRONG, NOW, ID)


def test_unverified_feedback_is_weak_evidence() -> None:
    """How well a report is known goes with what it says."""
    found = evidence(WEAK, ID)
    assert found is not None
    assert found.strength is Strength.WEAK


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("category", Category)
def test_only_a_failure_is_hard(action: Action, category: Category) -> None:
    """`hard` is true for two categories, and never for a delay."""
    hard = action is Action.FAILED and category in (Category.USER_UNKNOWN, Category.DOMAIN_UNKNOWN)
    assert replace(FAILED, action=action, category=category).hard is hard


def test_report_on_authentication_is_no_evidence_of_a_complaint() -> None:
    """RFC 6591: our mail did not authenticate; the recipient has said nothing."""
    found = evidence(
        one(action=Action.COMPLAINED, category=Category.COMPLAINT, cause=Category.AUTH_FAILED, recipient=TARO), ID
    )
    assert found is not None
    assert found.category is Category.AUTH_FAILED
