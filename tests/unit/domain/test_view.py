"""The JSON of a message: the shapes of the contract, and never the code or the whole address."""

import json

import pytest

from mailsvc.domain.message import MessageState, Outcome
from mailsvc.domain.outcome import Category, Permanence
from mailsvc.domain.view import accepted_view, message_view
from tests.support.domain import CODE, NOW, attempt, message


def test_queued_message_has_the_shape_of_the_contract() -> None:
    """A message that waits shows its next try and no outcome."""
    assert message_view(message(next_attempt_at=NOW + 3), []) == {
        "id": message().id,
        "state": "queued",
        "template": "login_code",
        "is_code": True,
        "locale": "ja",
        "reference": "K4HW",
        "to": "t***@docomo.ne.jp",
        "challenge": "login-1",
        "customer": "c-000123",
        "accepted_at": "2026-11-23T01:15:42.500Z",
        "expires_at": "2026-11-23T01:20:42.500Z",
        "next_attempt_at": "2026-11-23T01:15:45.500Z",
        "attempts": [],
        "outcome": None,
        "used_at": None,
        "feedback": [],
        "address": None,
    }


def test_attempt_has_the_shape_of_the_contract() -> None:
    """An attempt shows where it went, what came back, and how long each step took."""
    tried = attempt(status="4.2.0", tls="TLSv1.3", seconds=(("queue", 0.01), ("dns", 0.123456)))
    assert message_view(message(), [tried])["attempts"] == [
        {
            "number": 1,
            "at": "2026-11-23T01:15:42.500Z",
            "host": "mx.example.jp",
            "ip": "192.0.2.1",
            "destination": None,
            "stage": "rcpt",
            "handed_over_at": None,
            "reply": "450 4.2.0 try later",
            "category": "remote_temporary",
            "cause": None,
            "status": "4.2.0",
            "ambiguous": False,
            "tls": "TLSv1.3",
            "seconds": {"queue": 0.01, "dns": 0.1235},
        }
    ]


@pytest.mark.parametrize("permanence", Permanence)
def test_only_an_ambiguous_attempt_is_shown_as_such(permanence: Permanence) -> None:
    """An attempt is ambiguous when its connection was lost after the dot, and then only."""
    (view,) = message_view(message(), [attempt(permanence)])["attempts"]
    assert view["ambiguous"] is (permanence is Permanence.AMBIGUOUS)


def test_outcome_has_the_shape_of_the_contract() -> None:
    """An outcome shows state, instant, category, cause and the last words of the site."""
    outcome = Outcome(
        state=MessageState.EXPIRED, at=NOW + 300, category=Category.EXPIRED, cause=Category.GREYLISTED, reply="450 x"
    )
    ended = message(state=MessageState.EXPIRED, outcome=outcome, used_at=NOW + 60)
    view = message_view(ended, [])
    assert view["outcome"] == {
        "state": "expired",
        "at": "2026-11-23T01:20:42.500Z",
        "category": "expired",
        "cause": "greylisted",
        "reply": "450 x",
        "relayed": False,
    }
    assert (view["state"], view["used_at"]) == ("expired", "2026-11-23T01:16:42.500Z")


@pytest.mark.parametrize("state", ["superseded", "cancelled", "unknown"])
def test_outcome_without_category_shows_null(state: str) -> None:
    """Superseded, cancelled and unknown have no category."""
    ended = message(outcome=Outcome(state=MessageState(state), at=NOW))
    assert message_view(ended, [])["outcome"]["category"] is None


def test_accepted_has_the_shape_of_the_contract() -> None:
    """The answer to a submit lists what it superseded and what it races with."""
    assert accepted_view(message(), ["msg_1"], ["msg_2"]) == {
        "id": message().id,
        "state": "queued",
        "reference": "K4HW",
        "to": "t***@docomo.ne.jp",
        "accepted_at": "2026-11-23T01:15:42.500Z",
        "expires_at": "2026-11-23T01:20:42.500Z",
        "superseded": ["msg_1"],
        "raced": ["msg_2"],
        "address": None,
    }


def test_no_view_shows_the_code_or_the_address() -> None:
    """A view is plain JSON without code and without the local part."""
    shown = json.dumps([message_view(message(), [attempt()]), accepted_view(message(), [], [])])
    assert CODE not in shown
    assert "taro" not in shown
