"""What is counted from the event log: every attempt once (CONTRACT 3.7)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mailsvc.domain.event import Event, EventType
from mailsvc.domain.outcome import Attempt, Category, Permanence
from mailsvc.telemetry.metrics import Metrics
from tests.support.domain import NOW, attempt
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


def code(result: str, destination: str = "mx.example.jp") -> dict[str, float]:
    """Return the counter of one code that could be delivered."""
    return {f'mailsvc_codes_total{{destination="{destination}",result="{result}"}}': 1.0}


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
    assert found == attempts(LOST, LATER, TAKEN) | states("accepted", "sent") | code("on_time")


def test_events_of_one_settlement_count_its_attempt_once() -> None:
    """The last try of a message brings two events at once, at risk and expired, both with the final state."""
    found = counted(
        [ACCEPTED],
        [event(EventType.MESSAGE_AT_RISK, LATER, state="expired"), event(EventType.MESSAGE_EXPIRED, LATER)],
    )
    assert found == attempts(LATER) | states("accepted", "expired") | code("missed")


def test_attempts_of_an_earlier_process_are_not_counted_again() -> None:
    """After a restart the first event of an older message brings its newest attempt only, or none."""
    sent = states("sent") | code("on_time")
    assert counted([event(EventType.MESSAGE_SENT, LOST, LATER, TAKEN)]) == attempts(TAKEN) | sent
    assert counted([event(EventType.MESSAGE_CANCELLED, LOST)]) == states("cancelled")
    went_on = counted([event(EventType.MESSAGE_AT_RISK, LOST)], [event(EventType.MESSAGE_SENT, LOST, LATER, TAKEN)])
    assert went_on == attempts(LATER, TAKEN) | sent


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


@pytest.mark.parametrize(
    ("life", "kind", "late"),
    [(20.0, "code", 0.0), (19.999, "code", 1.0), (-5.0, "code", 1.0), (None, "code", 0.0), (19.999, "notice", 0.0)],
)
def test_code_is_late_when_its_dot_is_written_with_less_life_than_the_guard(
    life: float | None, kind: str, late: float
) -> None:
    """Twenty seconds are left to type a code, or it counts as late; what is not known, and a notice, does not."""
    handed_over_at = None if life is None else NOW + 300 - life
    ambiguous = attempt(Permanence.AMBIGUOUS, handed_over_at=handed_over_at)
    events = [event(EventType.MESSAGE_ACCEPTED), event(EventType.MESSAGE_UNKNOWN, ambiguous, is_code=kind == "code")]
    assert counted(events).get("mailsvc_late_total", 0.0) == late


def test_what_is_alerted_on_is_there_before_it_happens() -> None:
    """Prometheus sees no increase in a counter that begins with a one."""
    text = Metrics().exposition().decode()
    assert "\nmailsvc_late_total 0.0\n" in text
    assert '\nmailsvc_attempts_total{category="auth_failed"} 0.0\n' in text
    assert '\nmailsvc_feedback_total{category="reputation_blocked"} 0.0\n' in text


def test_refusal_that_is_our_fault_is_counted_by_site() -> None:
    """What we are refused for is told by site; what the recipient is to blame for is not our fault."""
    ours = attempt(category=Category.AUTH_FAILED, destination="docomo.ne.jp")
    theirs = attempt(category=Category.MAILBOX_FULL, number=2, destination="docomo.ne.jp")
    found = counted([ACCEPTED], [event(EventType.MESSAGE_DEFERRED, ours, theirs)])
    assert found['mailsvc_our_fault_total{category="auth_failed",destination="docomo.ne.jp"}'] == 1.0
    assert sum(name.startswith("mailsvc_our_fault") for name in found) == 1


def test_time_is_told_by_site_and_stage() -> None:
    """A delivery counts for the site, not for the host that took it; each stage of an attempt has its own time."""
    taken = replace(TAKEN, number=1, destination="docomo.ne.jp", seconds=(("queue", 0.002), ("transfer", 2.0)))
    metrics = Metrics()
    metrics.observe([ACCEPTED, event(EventType.MESSAGE_SENT, taken, at=NOW + 2.5)])
    metrics.observe([event(EventType.MESSAGE_USED, taken, state="sent", at=NOW + 30)])
    text = metrics.exposition().decode()
    assert 'mailsvc_delivery_seconds_sum{destination="docomo.ne.jp"} 2.5' in text
    assert 'mailsvc_stage_seconds_sum{stage="queue"} 0.002' in text
    assert 'mailsvc_stage_seconds_sum{stage="transfer"} 2.0' in text
    assert 'mailsvc_time_to_use_seconds_count{destination="docomo.ne.jp"} 1.0' in text


def test_sites_that_strangers_name_do_not_make_series_without_end() -> None:
    """However many sites take, refuse and let vanish, there are fewer than 2,000 series (RELIABILITY A48)."""
    metrics = Metrics()
    sites = [f"site-{number}.example" for number in range(300)]
    for number, site in enumerate(sites):
        tries = [attempt(category=category, number=1, destination=site) for category in Category]
        taken = replace(TAKEN, destination=site, number=len(tries) + 1, seconds=(("queue", 0.1),))
        message = {"id": f"msg_{number}"}
        metrics.observe([event(EventType.MESSAGE_ACCEPTED, **message)])
        metrics.observe([event(EventType.MESSAGE_SENT, *tries, taken, at=NOW + number % 100, **message)])
        metrics.observe([event(EventType.MESSAGE_USED, *tries, taken, state="sent", **message)])
        metrics.observe([event(EventType.MESSAGE_EXPIRED, *tries, **message)])
    metrics.observe_uses(sites, None)
    metrics.observe_addresses({}, sites)
    series = [line for line in metrics.exposition().decode().splitlines() if line[0] != "#"]
    assert any('destination="other"' in line for line in series)
    assert len(series) < 2_000


def test_part_that_works_again_is_not_shown() -> None:
    """What cannot work stands there as long as it cannot."""
    metrics = Metrics()
    metrics.observe_failing({"delivery": "no server has said a word"})
    assert 'mailsvc_failing{part="delivery"} 1.0' in metrics.exposition().decode()
    metrics.observe_failing({})
    assert "mailsvc_failing{" not in metrics.exposition().decode()
