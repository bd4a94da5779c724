"""The ledger of a fault run: reconciles every 202 with its outcome, the event log, and the mails a peer stored.

It knows nothing of the service but its public surface. A test records each 202 before it does anything else with it,
and asks for `violations` when the dust has settled: sentences that name the message and what does not hold.
"""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailsvc.domain.instant import parse_rfc3339
from tests.support.service import Service
from tests.support.smtp_peer import Mail

FINAL = frozenset({"sent", "failed", "expired", "superseded", "cancelled", "unknown"})
#: Seconds after its deadline, or after the service was back, by which an outcome is known (CONTRACT 3.2).
AFTER_DEADLINE = 15.0
AFTER_RETURN = 30.0
#: Copies of one mail that may ever leave.
COPIES_MAX = 2
_MESSAGE_ID = re.compile(rb"^Message-ID: <(msg_[a-z]+)@", re.MULTILINE)
_PAGE = 500

View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """What is there after a run."""

    messages: Mapping[str, View]  #: by id, as ``GET /v1/messages`` shows them
    events: Sequence[View]  #: the whole log
    mails: Sequence[Mail]  #: stored by the peer

    @property
    def copies(self) -> Mapping[str, list[Mail]]:
        """The stored mails by message."""
        found = defaultdict(list)
        for mail in self.mails:
            found[message_of(mail)].append(mail)
        return found


@dataclass(slots=True)
class Ledger:
    """What was promised; `record` comes before anything else that is done with a 202."""

    accepted: dict[str, View] = field(default_factory=dict)  #: the 202 of each message
    accepted_at: dict[str, float] = field(default_factory=dict)  #: when each 202 was first seen, monotonic seconds
    keys: dict[str, set[str]] = field(default_factory=dict)  #: the messages that each idempotency key was answered with
    back_at: float = 0.0  #: when the service was last ready again, Unix seconds

    def record(self, answer: View, key: str | None = None) -> None:
        """Note a 202."""
        self.accepted_at.setdefault(answer["id"], time.monotonic())
        self.accepted.setdefault(answer["id"], answer)
        if key is not None:
            self.keys.setdefault(key, set()).add(answer["id"])

    def violations(self, found: Found) -> list[str]:
        """Return what does not hold."""
        log: dict[str, list[View]] = defaultdict(list)
        for event in found.events:
            if event["message"] is not None:
                log[event["message"]].append(event)
        copies = found.copies
        return [
            *self._unknown_mails(log, copies),
            *self._keys(found),
            *self._superseded(found, copies),
            *(
                f"{message_id} {problem}"
                for message_id in dict.fromkeys([*self.accepted, *log])
                for problem in self._message(found.messages.get(message_id), log[message_id], copies[message_id])
            ),
        ]

    def _message(self, view: View | None, events: Sequence[View], copies: Sequence[Mail]) -> Iterator[str]:
        if view is None:
            yield "was accepted and is lost"
        elif view["state"] not in FINAL:
            yield "has no outcome"
        else:
            yield from _events(view, events)
            yield from self._late(view)
            yield from _attempts(view)
            yield from _copies(view, copies)

    def _late(self, view: View) -> Iterator[str]:
        latest = max(parse_rfc3339(view["expires_at"]) + AFTER_DEADLINE, self.back_at + AFTER_RETURN)
        over = parse_rfc3339(view["outcome"]["at"]) - latest
        if over > 0:
            yield f"had its outcome {over:.1f} s too late"

    def _keys(self, found: Found) -> Iterator[str]:
        """Each key made one message, whoever saw the answer: its submits name the key as ``customer`` too."""
        made = Counter(event["customer"] for event in found.events if event["type"] == "message.accepted")
        for key, ids in self.keys.items():
            if len(ids) > 1 or made[key] > 1:
                yield f"key {key} made {max(len(ids), made[key])} messages"

    def _superseded(self, found: Found, copies: Mapping[str, list[Mail]]) -> Iterator[str]:
        for newer, answer in self.accepted.items():
            for old in answer["superseded"]:
                if found.messages[old]["state"] != "superseded":
                    yield f"{old} is {found.messages[old]['state']}, and {newer} says superseded"
                if any(mail.at > self.accepted_at[newer] for mail in copies[old]):
                    yield f"{old} was handed over after the 202 of {newer}"

    def _unknown_mails(self, log: Mapping[str, Any], copies: Mapping[str, Any]) -> Iterator[str]:
        for message_id in copies.keys() - log.keys():
            yield f"{message_id} was mailed and is not in the event log"


def ambiguous(view: View) -> int:
    """Count the attempts of a message that may have left a copy."""
    return sum(attempt["ambiguous"] for attempt in view["attempts"])


def message_of(mail: Mail) -> str:
    """Return the id of a mail's message."""
    (found,) = _MESSAGE_ID.findall(mail.data.partition(b"\r\n\r\n")[0])
    return str(found.decode())


async def collect(service: Service, mails: Sequence[Mail]) -> Found:
    """Ask a service for everything."""
    messages: dict[str, View] = {}
    cursor: str | None = ""
    while cursor is not None:
        query = f"/v1/messages?limit={_PAGE}" + (f"&cursor={cursor}" if cursor else "")
        page = (await service.client.get(query)).json()
        messages |= {view["id"]: view for view in page["messages"]}
        cursor = page["next"]
    return Found(messages, await service.events(), mails)


def _events(view: View, events: Sequence[View]) -> Iterator[str]:
    types = [event["type"].removeprefix("message.") for event in events]
    outcomes = [type_ for type_ in types if type_ in FINAL]
    if outcomes != [view["state"]]:
        yield f"is {view['state']}, and its events say {', '.join(outcomes) or 'nothing'}"
    if types.count("accepted") != 1:
        yield f"has {types.count('accepted')} events of its acceptance"


def _attempts(view: View) -> Iterator[str]:
    numbers = [attempt["number"] for attempt in view["attempts"]]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"has the attempts {numbers}"
    if view["state"] == "unknown" and not ambiguous(view):
        yield "is unknown without an ambiguous attempt"
    if view["state"] in ("failed", "expired") and ambiguous(view):
        yield f"is {view['state']}, and a copy may have arrived"


def _copies(view: View, copies: Sequence[Mail]) -> Iterator[str]:
    sent = view["state"] == "sent"
    if sent and not copies:
        yield "is sent and was never stored"
    if len(copies) > ambiguous(view) + sent:
        yield f"is {view['state']} after {ambiguous(view)} ambiguous attempts, and was stored {len(copies)} times"
    if len(copies) > COPIES_MAX:
        yield f"was stored {len(copies)} times"
    if len({(mail.rcpt_line, mail.raw) for mail in copies}) > 1:
        yield "was stored in copies that differ"
