"""What is counted from the event log: every attempt once (CONTRACT 3.7)."""

from collections.abc import Sequence
from typing import Any

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.outcome import Attempt, Category, Permanence
from mailsvc.telemetry.metrics import Metrics
from tests.support.domain import attempt
from tests.support.events import event

LOST = attempt(Permanence.AMBIGUOUS, category=Category.NETWORK_ERROR)
LATER = attempt(number=2)
TAKEN = attempt(Permanence.DELIVERED, number=3, category=Category.DELIVERED)


def counted(*groups: Sequence[Event]) -> dict[str, float]:
    """Return the counters after these groups of events."""
    metrics = Metrics()
    for group in groups:
        metrics.observe(group)
    lines = [line for line in metrics.exposition().decode().splitlines() if line[0] != "#" and "_total" in line]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines) if float(value)}


def attempts(*made: Attempt, **more: Any) -> dict[str, float]:
    """Return the counters of some attempts."""
    found: dict[str, float] = dict(more)
    for one in made:
        name = f'mailsvc_attempts_total{{category="{one.category}"}}'
        found[name] = found.get(name, 0.0) + 1
    if lost := sum(one.ambiguous for one in made):
        found["mailsvc_ambiguous_total"] = float(lost)
    return found


def states(*names: str) -> dict[str, float]:
    """Return the counters of messages that came to these states, once each."""
    return {f'mailsvc_messages_total{{state="{name}"}}': 1.0 for name in names}


ACCEPTED = event(EventType.MESSAGE_ACCEPTED)


def test_attempt_is_counted_once_however_many_events_carry_it() -> None:
    """Deferred, at risk, used and cancelled carry the same attempt: it is one."""
    found = counted(
        [ACCEPTED],
        [event(EventType.MESSAGE_DEFERRED, LOST)],
        [event(EventType.MESSAGE_AT_RISK, LOST)],
        [event(EventType.MESSAGE_USED, LOST)],
        [event(EventType.MESSAGE_CANCELLED, LOST)],
        [event(EventType.MESSAGE_USED, LOST, state="cancelled")],
    )
    assert found == attempts(LOST) | states("accepted", "cancelled")


def test_every_session_of_a_round_is_counted() -> None:
    """A round may be several sessions, and its one event brings all of them."""
    found = counted([ACCEPTED], [event(EventType.MESSAGE_SENT, LOST, LATER, TAKEN)])
    assert found == attempts(LOST, LATER, TAKEN) | states("accepted", "sent")


def test_events_of_one_settlement_count_its_attempt_once() -> None:
    """The last try of a message brings two events at once, at risk and expired, both with the final state."""
    found = counted(
        [ACCEPTED],
        [event(EventType.MESSAGE_AT_RISK, LATER, state="expired"), event(EventType.MESSAGE_EXPIRED, LATER)],
    )
    assert found == attempts(LATER) | states("accepted", "expired")


def test_attempts_of_an_earlier_process_are_not_counted_again() -> None:
    """After a restart the first event of an older message brings its newest attempt only, or none."""
    assert counted([event(EventType.MESSAGE_SENT, LOST, LATER, TAKEN)]) == attempts(TAKEN) | states("sent")
    assert counted([event(EventType.MESSAGE_CANCELLED, LOST)]) == states("cancelled")
    went_on = counted([event(EventType.MESSAGE_AT_RISK, LOST)], [event(EventType.MESSAGE_SENT, LOST, LATER, TAKEN)])
    assert went_on == attempts(LATER, TAKEN) | states("sent")


def test_event_about_an_address_counts_no_attempt() -> None:
    """It carries no message."""
    changed = Event(
        seq=1, id="evt_1", type=EventType.ADDRESS_CHANGED, at=0.0, message=None, challenge=None, customer=None,
        address="taro@example.jp", data={"state": "suspect"},
    )  # fmt: skip
    assert counted([changed]) == {}


def test_addresses_are_shown_by_state_and_sites_only_while_frozen() -> None:
    """Each state has its number; a site that is believed again is not shown any more."""
    metrics = Metrics()
    metrics.observe_addresses({"suspect": 3, "refused": 0}, {"google.com", "a.example"})
    metrics.observe_addresses({"suspect": 2, "refused": 1}, {"google.com"})
    text = metrics.exposition().decode()
    assert 'mailsvc_addresses{state="suspect"} 2.0' in text
    assert 'mailsvc_addresses{state="refused"} 1.0' in text
    assert 'mailsvc_flagging_frozen{destination="google.com"} 1.0' in text
    assert "a.example" not in text


def test_counter_of_late_codes_stands_at_zero() -> None:
    """`mailsvc_late_total` is there to alert on, and says what it counts."""
    text = Metrics().exposition().decode()
    assert "\nmailsvc_late_total 0.0\n" in text
    assert "# HELP mailsvc_late_total Codes whose final dot" in text
