"""When the second route is taken: after which words, from when on, and that each short life leaves time for it."""

from dataclasses import replace

import pytest

from mailsvc.domain.classify import FORM_REFUSED, UNSENDABLE
from mailsvc.domain.fallback import alone_until, begins_at, is_next, leave_by, of_recipient
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope
from mailsvc.domain.reply import Stage
from tests.support.domain import NOW, attempt, message

CODE = message()
STAGES = [(Stage.RCPT, Scope.RECIPIENT), (Stage.DATA, Scope.MESSAGE), (Stage.DOT, Scope.MESSAGE)]
OF_RECIPIENT = {
    Category.USER_UNKNOWN, Category.DOMAIN_UNKNOWN, Category.MAILBOX_DISABLED, Category.MAILBOX_FULL,
    Category.RECIPIENT_REFUSED, Category.UNKNOWN_OR_REFUSED,
}  # fmt: skip
#: What a reply can mean beside that.
OF_OTHERS = [
    Category.REPUTATION_BLOCKED, Category.AUTH_FAILED, Category.RATE_LIMITED, Category.SPAM_BLOCKED,
    Category.CONTENT_REJECTED, Category.MESSAGE_TOO_LARGE, Category.REMOTE_ERROR, Category.REMOTE_TEMPORARY,
]  # fmt: skip

BUSY = attempt(ip="192.0.2.1", status="4.2.1")
GREY = attempt(ip="192.0.2.1", category=Category.GREYLISTED, status="4.2.0")
TROUBLE = attempt(ip="192.0.2.1", status="4.3.0")
NO_ANSWER = attempt(ip="192.0.2.1", scope=Scope.SESSION, category=Category.NETWORK_ERROR)
OTHER_DEAD = replace(NO_ANSWER, ip="192.0.2.2")
REFUSED_US = attempt(Permanence.PERMANENT, scope=Scope.HOST, category=Category.REPUTATION_BLOCKED)
REFUSED_MAIL = attempt(Permanence.PERMANENT, scope=Scope.MESSAGE, category=Category.CONTENT_REJECTED)
DENIED = attempt(Permanence.PERMANENT, category=Category.REMOTE_ERROR, status="5.7.1")
FULL = attempt(ip="192.0.2.1", category=Category.MAILBOX_FULL, status="4.2.2")
LOST = attempt(Permanence.AMBIGUOUS, scope=Scope.SESSION, category=Category.NETWORK_ERROR)
STOPPED = attempt(Permanence.STOPPED, scope=Scope.MESSAGE, category=Category.UNKNOWN)


def second(tried: Attempt) -> Attempt:
    """Return the attempt as one by the second route."""
    return replace(tried, fallback=True, ip="192.0.2.9")


#: The attempts, and whether the next goes by the second route: before 15 s have passed, and after.
NEXT: list[tuple[list[Attempt], bool, bool]] = [
    ([], False, False),
    ([NO_ANSWER], False, True),
    ([TROUBLE], False, True),
    ([attempt(category=Category.RATE_LIMITED)], False, True),
    ([attempt(category=Category.REPUTATION_BLOCKED)], False, True),
    ([attempt(category=Category.AUTH_FAILED, status="4.1.8")], False, True),
    ([second(NO_ANSWER)], False, False),
    ([NO_ANSWER, second(NO_ANSWER), NO_ANSWER], False, True),
    ([GREY], False, False),
    ([BUSY], False, False),
    ([FULL], False, False),
    ([GREY, OTHER_DEAD], False, False),
    ([BUSY, OTHER_DEAD], False, False),
    ([GREY, NO_ANSWER], False, True),
    ([BUSY, NO_ANSWER], False, True),
    ([FULL, NO_ANSWER], False, False),
    ([GREY, STOPPED], False, False),
    ([second(GREY)], True, True),
    ([NO_ANSWER, second(GREY)], True, True),
    ([STOPPED], False, False),
    ([second(STOPPED)], True, True),
    ([REFUSED_US], True, True),
    ([REFUSED_MAIL], True, True),
    ([DENIED], True, True),
    ([GREY, DENIED], True, True),
    ([NO_ANSWER, second(DENIED)], False, False),
    ([NO_ANSWER, second(DENIED), NO_ANSWER], False, False),
    ([attempt(Permanence.PERMANENT, category=Category.USER_UNKNOWN)], False, False),
    ([attempt(Permanence.PERMANENT, category=Category.REMOTE_ERROR, status="5.2.0")], False, False),
    ([LOST], False, False),
    ([second(LOST)], True, True),
    ([LOST, NO_ANSWER], False, False),
    ([LOST, REFUSED_US], False, False),
]


@pytest.mark.parametrize(("tries", "early", "late"), NEXT)
def test_second_route_is_taken_after_what_says_nothing_of_the_recipient(
    tries: list[Attempt],
    early: bool,  # noqa: FBT001  parameters
    late: bool,  # noqa: FBT001
) -> None:
    """What concerns the recipient, waits, or may have arrived stays on its route; what concerns us changes it."""
    assert is_next(CODE, tries, NOW + 14.9) is early
    assert is_next(CODE, tries, NOW + 15) is late


@pytest.mark.parametrize(("stage", "scope"), STAGES)
@pytest.mark.parametrize("permanence", [Permanence.PERMANENT, Permanence.TRANSIENT])
@pytest.mark.parametrize("category", sorted(OF_RECIPIENT))
def test_word_on_the_recipient_rules_the_second_route_out_at_any_stage(
    stage: Stage, scope: Scope, permanence: Permanence, category: Category
) -> None:
    """`550 5.1.1` to DATA or the dot is said of the recipient as it is to RCPT; nor does a later fault change that."""
    said = attempt(permanence, stage=stage, scope=scope, category=category)
    for tries in ([said], [said, OTHER_DEAD], [said, NO_ANSWER]):
        assert begins_at(CODE, tries, NOW + 20) is None
        assert is_next(CODE, tries, NOW + 20) is False


@pytest.mark.parametrize(("stage", "scope"), STAGES)
@pytest.mark.parametrize("category", OF_OTHERS)
def test_refusal_of_us_or_of_the_mail_calls_for_the_second_route_at_any_stage(
    stage: Stage, scope: Scope, category: Category
) -> None:
    """A permanent one at once, a temporary one from 15 s after acceptance on; at RCPT, too."""
    refused = attempt(Permanence.PERMANENT, stage=stage, scope=scope, category=category, status="5.7.1")
    assert begins_at(CODE, [refused], NOW + 1) == NOW + 1
    put_off = attempt(stage=stage, scope=scope, category=category, status="4.7.1")
    assert begins_at(CODE, [put_off], NOW + 1) == NOW + 15
    assert begins_at(CODE, [put_off], NOW + 20) == NOW + 20


@pytest.mark.parametrize(
    "tries",
    [
        [GREY],
        [BUSY],
        [STOPPED],
        [LOST, NO_ANSWER],
        [second(NO_ANSWER)],
        [NO_ANSWER, second(NO_ANSWER), NO_ANSWER],
        [NO_ANSWER, second(DENIED)],
        [second(DENIED), REFUSED_US],
        [attempt(Permanence.PERMANENT, host=None, scope=UNSENDABLE.scope, category=UNSENDABLE.category)],
    ],
)
def test_plan_is_kept_where_the_second_route_was_tried_or_is_not_for_this(tries: list[Attempt]) -> None:
    """Only a first try by the second route, or one after a refusal by the first, has a moment of its own."""
    assert begins_at(CODE, tries, NOW + 20) is None


def test_second_route_that_was_in_trouble_is_asked_again_after_a_refusal_by_the_first() -> None:
    """The end of the message would be the alternative."""
    assert begins_at(CODE, [NO_ANSWER, second(NO_ANSWER), REFUSED_US], NOW + 45) == NOW + 45


@pytest.mark.parametrize(
    ("life", "alone", "leaves"),
    [(30, 10 / 3, 20 / 3), (40, 20 / 3, 40 / 3), (50, 10, 20), (65, 15, 30), (90, 15, 55), (300, 15, 265)],
)
def test_first_route_is_alone_for_15_seconds_or_a_third_of_the_usable_life(
    life: float, alone: float, leaves: float
) -> None:
    """A code of 30 s can be handed over for 10: the second route begins after 3.3 of them, or has the last 3.3."""
    row = message(expires_at=NOW + life)
    assert alone_until(row) == pytest.approx(NOW + alone, abs=1e-3)
    assert leave_by(row) == pytest.approx(NOW + leaves, abs=1e-3)


@pytest.mark.parametrize("life", range(30, 301, 5))
def test_second_route_is_tried_in_any_life_even_if_the_first_try_took_all_it_may(life: float) -> None:
    """Whenever a try by the first route ends that gives way in time, the second one has 3 s at least."""
    row = message(expires_at=NOW + life)
    for ended in (NOW + 0.3, alone_until(row), leave_by(row)):
        at = begins_at(row, [NO_ANSWER], ended)
        assert at == max(ended, alone_until(row))
        assert is_next(row, [NO_ANSWER], at)


def test_second_route_is_not_begun_without_time_for_it() -> None:
    """Less than 3 s before the mail must be handed over nothing is begun."""
    assert begins_at(CODE, [REFUSED_US], NOW + 277) == NOW + 277
    assert begins_at(CODE, [REFUSED_US], NOW + 277.1) is None


@pytest.mark.parametrize(
    ("category", "scope", "status", "expected"),
    [
        (Category.REMOTE_TEMPORARY, Scope.RECIPIENT, "4.2.1", True),
        (Category.REMOTE_TEMPORARY, Scope.RECIPIENT, "4.1.0", True),
        (Category.REMOTE_TEMPORARY, Scope.RECIPIENT, "4.3.0", False),
        (Category.REMOTE_TEMPORARY, Scope.RECIPIENT, "4.7.1", False),
        (Category.REMOTE_TEMPORARY, Scope.RECIPIENT, None, False),
        (Category.REMOTE_TEMPORARY, Scope.HOST, "4.2.1", False),
        (Category.REMOTE_ERROR, Scope.MESSAGE, "5.1.0", True),
        (Category.REMOTE_ERROR, Scope.RECIPIENT, "5.7.1", False),
        (Category.RATE_LIMITED, Scope.RECIPIENT, "5.2.2", False),
        (Category.MAILBOX_FULL, Scope.MESSAGE, None, True),
        (FORM_REFUSED.category, FORM_REFUSED.scope, "5.1.3", False),
    ],
)
def test_category_says_whom_it_is_about_else_the_status_code(
    category: Category,
    scope: Scope,
    status: str | None,
    expected: bool,  # noqa: FBT001  a parameter
) -> None:
    """RFC 3463: the subjects 1 and 2 of a status are address and mailbox, the others are system, way and policy."""
    assert of_recipient(attempt(category=category, scope=scope, status=status)) is expected


def test_categories_of_the_recipient_are_six() -> None:
    """Each further category has to be put on one side."""
    assert {category for category in Category if category.of_recipient} == OF_RECIPIENT
