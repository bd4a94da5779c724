"""How long a question that got no answer is not asked again, walked against the retry moments of a mail."""

import pytest

from mailsvc.dns import DnsTrouble, troubles
from mailsvc.dns.troubles import Troubles
from mailsvc.domain.retry import next_attempt_at
from tests.support.domain import NOW, attempt, message

QUESTION = ("example.jp", "MX")
TROUBLE = DnsTrouble("no answer from DNS for example.jp (MX): LifetimeTimeout")


def _remembered_for(noted: Troubles, now: float) -> float:
    """Return how many seconds a trouble noted now is remembered, to a tenth."""
    noted.note(QUESTION, TROUBLE, now)
    return next(tenths / 10 for tenths in range(1000) if noted.remembered(QUESTION, now + tenths / 10) is None)


def test_trouble_is_remembered_twice_as_long_each_time_up_to_half_a_minute() -> None:
    """A question asked as soon as it may be is asked less and less often, and every half minute at the least."""
    noted, now, lengths = Troubles(), 1000.0, []
    for _ in range(7):
        lengths.append(_remembered_for(noted, now))
        now += lengths[-1]
    assert lengths == [1.5, 3, 6, 12, 24, 30, 30]


@pytest.mark.parametrize(("quiet", "length"), [(31.4, 3), (31.6, 1.5)])
def test_trouble_after_a_quiet_while_is_a_first_one(quiet: float, length: float) -> None:
    """The doubling ends half a minute after a trouble was remembered last."""
    noted = Troubles()
    noted.note(QUESTION, TROUBLE, 1000.0)
    assert _remembered_for(noted, 1000.0 + quiet) == length


def test_answer_ends_the_doubling() -> None:
    """A question that was answered has no trouble, and its next one is a first one."""
    noted = Troubles()
    noted.note(QUESTION, TROUBLE, 1000.0)
    noted.over(QUESTION)
    assert noted.remembered(QUESTION, 1000.0) is None
    assert not noted.lately(QUESTION, 1000.0)
    assert _remembered_for(noted, 1001.0) == 1.5


def test_remembered_trouble_tells_what_it_was_and_that_nobody_was_asked() -> None:
    """The operator reads of a mail that met it why there was no answer, and that none was sought."""
    noted = Troubles()
    noted.note(QUESTION, TROUBLE, 1000.0)
    remembered = noted.remembered(QUESTION, 1001.0)
    assert str(remembered).startswith(str(TROUBLE))
    assert "not asked again yet" in str(remembered)


def test_other_question_has_no_trouble() -> None:
    """Trouble with AAAA says nothing of A."""
    noted = Troubles()
    noted.note(("mx.example.jp", "AAAA"), TROUBLE, 1000.0)
    assert noted.remembered(("mx.example.jp", "A"), 1000.0) is None
    assert not noted.lately(("mx.example.jp", "A"), 1000.0)


def test_troubles_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends codes to invented domains pushes out old troubles, and fills no memory."""
    monkeypatch.setattr(troubles, "SIZE", 3)
    noted = Troubles()
    for number in (0, 1, 2, 0, 3, 4):
        noted.note((f"d{number}.example.jp", "MX"), TROUBLE, 1000.0)
    assert [number for number in range(5) if noted.lately((f"d{number}.example.jp", "MX"), 1000.0)] == [0, 3, 4]


@pytest.mark.parametrize("look_up", [0.0, 0.9, 1.5, 5.0, 6.5, 10.0])
@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_retry_of_a_lone_mail_always_asks_again(look_up: float, jitter: float) -> None:
    """However long a look-up takes to fail, no retry of the mail that met it falls into the time it is remembered."""
    noted, tried, tries = Troubles(), message(), 0
    at: float | None = NOW
    while at is not None:
        assert noted.remembered(QUESTION, at) is None
        tries += 1
        noted.note(QUESTION, TROUBLE, at + look_up)
        at = next_attempt_at(tried, attempt(at=at), at + look_up, jitter)
    assert tries >= 7
