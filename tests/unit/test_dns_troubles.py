"""How long a question that got no answer rests, walked against the retry moments of a mail."""

import pytest

from mailsvc.dns import troubles
from mailsvc.dns.troubles import LINGERS, REST, Troubles
from mailsvc.domain.retry import next_attempt_at
from tests.support.domain import NOW, attempt, message

QUESTION = ("example.jp", "MX")


def test_question_rests_as_long_however_often_it_was_in_trouble() -> None:
    """The rest never grows beyond what a mail with a single try left can wait for."""
    noted, now = Troubles(), 1000.0
    for _ in range(7):
        noted.note(QUESTION, now)
        assert noted.rest(QUESTION, now) == REST
        assert noted.rest(QUESTION, now + 1.0) == REST - 1.0
        assert noted.rest(QUESTION, now + REST) == 0.0
        now += REST


@pytest.mark.parametrize(("quiet", "lately"), [(LINGERS - 0.1, True), (LINGERS + 0.1, False)])
def test_trouble_is_forgotten_after_a_quiet_while(quiet: float, lately: bool) -> None:  # noqa: FBT001
    """Half a minute after its last trouble a question is one like any other."""
    noted = Troubles()
    noted.note(QUESTION, 1000.0)
    assert noted.lately(QUESTION, 1000.0 + quiet) is lately


def test_answer_ends_the_trouble() -> None:
    """A question that was answered neither rests nor counts as troubled."""
    noted = Troubles()
    noted.note(QUESTION, 1000.0)
    noted.over(QUESTION)
    assert noted.rest(QUESTION, 1000.0) == 0.0
    assert not noted.lately(QUESTION, 1000.0)


def test_other_question_has_no_trouble() -> None:
    """Trouble with AAAA says nothing of A."""
    noted = Troubles()
    noted.note(("mx.example.jp", "AAAA"), 1000.0)
    assert noted.rest(("mx.example.jp", "A"), 1000.0) == 0.0
    assert not noted.lately(("mx.example.jp", "A"), 1000.0)


def test_clock_that_begins_at_zero_has_no_trouble() -> None:
    """A question that was never in trouble does not rest, whatever the monotonic clock says."""
    assert Troubles().rest(QUESTION, 0.0) == 0.0


def test_troubles_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends codes to invented domains pushes out old troubles, and fills no memory."""
    monkeypatch.setattr(troubles, "SIZE", 3)
    noted = Troubles()
    for number in (0, 1, 2, 0, 3, 4):
        noted.note((f"d{number}.example.jp", "MX"), 1000.0)
    assert [number for number in range(5) if noted.lately((f"d{number}.example.jp", "MX"), 1000.0)] == [0, 3, 4]


@pytest.mark.parametrize("look_up", [0.0, 0.9, 1.5, 5.0, 6.5, 10.0])
@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_retry_of_a_lone_mail_asks_at_once(look_up: float, jitter: float) -> None:
    """However long a look-up takes to fail, no retry of the mail that met it falls into the rest."""
    noted, tried, tries = Troubles(), message(), 0
    at: float | None = NOW
    while at is not None:
        assert noted.rest(QUESTION, at) == 0.0
        tries += 1
        noted.note(QUESTION, at + look_up)
        at = next_attempt_at(tried, attempt(at=at), at + look_up, jitter)
    assert tries >= 7
