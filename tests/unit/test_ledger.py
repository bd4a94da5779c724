"""The ledger of the fault runs finds each kind of violation: without that, a clean run would say nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.ledger import Found, Ledger
from tests.support.smtp_peer import Mail

ID, OLD = "msg_new", "msg_old"
Change = Callable[[Ledger, Found], object]


def mail(message_id: str, at: float = 1.0, text: bytes = b"text") -> Mail:
    """Return a stored mail of a message."""
    raw = b"Message-ID: <" + message_id.encode() + b"@mail.example.jp>\r\n\r\n" + text + b"\r\n.\r\n"
    return Mail(b"MAIL", b"RCPT", raw, at, 1, tls=False, stored=True)


def view(message_id: str, state: str, *, ambiguous: int = 0) -> dict[str, Any]:
    """Return a final message."""
    attempts = [{"number": number, "ambiguous": True} for number in range(1, ambiguous + 1)]
    attempts += [{"number": ambiguous + 1, "ambiguous": False}]
    times = {"expires_at": "2026-11-23T01:20:00Z", "outcome": {"at": "2026-11-23T01:15:01Z"}}
    return {"id": message_id, "state": state, "attempts": attempts} | times


def event(message_id: str, type_: str) -> dict[str, Any]:
    """Return an event."""
    return {"message": message_id, "type": f"message.{type_}", "customer": f"key of {message_id}"}


def history() -> tuple[Ledger, Found]:
    """Return a run in which all went well: a code was sent, and superseded an older one."""
    ledger = Ledger()
    ledger.record({"id": OLD, "superseded": [], "raced": []}, key=f"key of {OLD}")
    ledger.record({"id": ID, "superseded": [OLD], "raced": []})
    ledger.accepted_at |= {OLD: 0.1, ID: 0.5}
    events = [event(OLD, "accepted"), event(OLD, "superseded"), event(ID, "accepted"), event(ID, "sent")]
    return ledger, Found({OLD: view(OLD, "superseded"), ID: view(ID, "sent")}, events, [mail(ID)])


def put(message_id: str, state: str, **changes: Any) -> Change:
    """Have another state, told by its event too."""

    def change(_: Ledger, found: Found) -> None:
        found.messages[message_id] = view(message_id, state, **changes)  # type: ignore[index]
        found.events[:] = [*(e for e in found.events if e["message"] != message_id)]  # type: ignore[index]
        found.events.extend([event(message_id, "accepted"), event(message_id, state)])  # type: ignore[attr-defined]

    return change


def both(*changes: Change) -> Change:
    """Do several changes."""
    return lambda ledger, found: [change(ledger, found) for change in changes]


def mailed(*mails: Mail) -> Change:
    """Have the peer store further mails."""
    return lambda _, found: found.mails.extend(mails)  # type: ignore[attr-defined]


def unmailed(_: Ledger, found: Found) -> None:
    """Have the peer store nothing."""
    found.mails.clear()  # type: ignore[attr-defined]


def logged(message_id: str, type_: str) -> Change:
    """Have a further event."""
    return lambda _, found: found.events.append(event(message_id, type_))  # type: ignore[attr-defined]


def numbered(number: int) -> Change:
    """Have the first attempt called by another number."""
    return lambda _, found: found.messages[ID]["attempts"][0].update(number=number)


@pytest.mark.parametrize(
    "change",
    [
        lambda _, __: None,
        both(put(ID, "sent", ambiguous=1), mailed(mail(ID))),
        put(ID, "unknown", ambiguous=1),
        both(put(OLD, "superseded", ambiguous=1), mailed(mail(OLD, at=0.2))),
    ],
    ids=["as told", "repeated", "unknown, stored", "superseded before its repeat"],
)
def test_ledger_run_without_fault_finds_nothing(change: Change) -> None:
    """What the contract allows is no violation."""
    ledger, found = history()
    change(ledger, found)
    assert ledger.violations(found) == []


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        (lambda _, found: found.messages.pop(ID), "msg_new was accepted and is lost"),
        (put(ID, "queued"), "msg_new has no outcome"),
        (logged(ID, "expired"), "msg_new is sent, and its events say sent, expired"),
        (lambda _, found: found.events.pop(), "msg_new is sent, and its events say nothing"),
        (logged(ID, "accepted"), "msg_new has 2 events of its acceptance"),
        (logged("msg_more", "accepted"), "msg_more was accepted and is lost"),
        (
            lambda _, found: found.messages[ID]["outcome"].update(at="2026-11-23T01:20:15.500Z"),
            "msg_new had its outcome 0.5 s too late",
        ),
        (numbered(2), "msg_new has the attempts [2]"),
        (both(put(ID, "unknown"), unmailed), "msg_new is unknown without an ambiguous"),
        (both(put(ID, "failed", ambiguous=1), unmailed), "msg_new is failed, and a copy may have arrived"),
        (both(put(ID, "expired", ambiguous=1), unmailed), "msg_new is expired, and a copy may have arrived"),
        (unmailed, "msg_new is sent and was never stored"),
        (mailed(mail(ID)), "msg_new is sent after 0 ambiguous attempts, and was stored 2 times"),
        (both(put(ID, "sent", ambiguous=2), mailed(mail(ID), mail(ID))), "msg_new was stored 3 times"),
        (both(put(ID, "sent", ambiguous=1), mailed(mail(ID, text=b"other"))), "msg_new was stored in copies that"),
        *(
            (put(ID, state), f"msg_new is {state} after 0 ambiguous attempts, and was stored 1 times")
            for state in ("failed", "expired", "cancelled", "superseded")
        ),
        (mailed(mail("msg_none")), "msg_none was mailed and is not in the event log"),
        (put(OLD, "sent"), "msg_old is sent, and msg_new says superseded"),
        (
            both(put(OLD, "superseded", ambiguous=1), mailed(mail(OLD, at=0.6))),
            "msg_old was handed over after the 202 of msg_new",
        ),
        (
            lambda ledger, _: ledger.record({"id": ID, "superseded": [], "raced": []}, key=f"key of {OLD}"),
            "key key of msg_old made 2 messages",
        ),
        (logged(OLD, "accepted"), "key key of msg_old made 2 messages"),
    ],
)
def test_ledger_violation_is_found(change: Change, violation: str) -> None:
    """Each kind of violation is named, with the message."""
    ledger, found = history()
    change(ledger, found)
    assert any(line.startswith(violation) for line in ledger.violations(found)), ledger.violations(found)


def test_ledger_outcome_after_the_service_was_away_has_thirty_seconds() -> None:
    """An outcome may be late by as much as the service was down, and 30 s."""
    ledger, found = history()
    found.messages[ID]["outcome"]["at"] = "2026-11-23T01:31:00Z"
    assert any("too late" in line for line in ledger.violations(found))
    ledger.back_at = 1795396542.5 + 15 * 60
    assert ledger.violations(found) == []
