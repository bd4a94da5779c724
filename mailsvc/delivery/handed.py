"""What a route gives back, and what it is given: one mail's round of sessions.

A round is what one try of a message makes of a route: usually one session, more where a host gets nowhere and the next
one is asked at once. Decides nothing but whether a round goes on.
"""

import math
from dataclasses import dataclass, replace

from mailsvc.delivery.session import Deadlines, Ended, Gate, Kind, Timeouts
from mailsvc.domain.outcome import Verdict
from mailsvc.domain.reply import Stage

#: A session that ended at one of these has not said a word about the mail.
_BEFORE_MAIL = frozenset({Stage.DNS, Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})
#: RFC 5321 4.2.3: the server closes the channel; it wants less from us, not another try next door.
CLOSING = 421


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One mail's round: until when, and who may stop it. Instants are the event loop's."""

    gate: Gate
    hand_over_by: float  #: nothing is handed over later
    answer_by: float  #: the reply to the dot is awaited until then at most
    repeat_by: float | None = None  #: later than this no repeat of the mail begins; None: it is not repeated
    stay_with: str | None = None  #: address of the host that deferred the recipient before: greylists know it
    give_way: float = math.inf  #: no session begins later: the second route is to have its turn
    offer_by: float = math.inf  #: a session that has not come to the dot by then ends, for the same reason
    hosts: int = 30  #: so many are asked at most

    @property
    def begin_by(self) -> float:
        """When the last session may begin."""
        return min(self.give_way, self.hand_over_by)

    def deadlines(self, timeouts: Timeouts, now: float) -> Deadlines:
        """Return the deadlines of a session that begins now."""
        deadlines = Deadlines.begin(
            timeouts, now=now, hand_over_by=self.hand_over_by, answer_by=self.answer_by, repeat_by=self.repeat_by
        )
        return replace(deadlines, before_dot=min(deadlines.before_dot, self.offer_by))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """One session's end, and where it took place."""

    ended: Ended
    begun: float  #: when it began, on the event loop's clock
    host: str | None = None
    ip: str | None = None
    destination: str | None = None  #: the receiving site; None where none was found, and for a relay
    dns: float | None = None  #: seconds that name resolution took
    verdict: Verdict | None = None  #: where the route knows more than the end tells

    @property
    def round_goes_on(self) -> bool:
        """Whether the next host is to be asked at once: this one said nothing about the mail."""
        ended = self.ended
        if ended.reply is not None and ended.reply.code == CLOSING:
            return False
        return ended.kind is Kind.FAILED or (
            ended.kind in (Kind.REFUSED, Kind.DEFERRED) and ended.stage in _BEFORE_MAIL
        )

    @property
    def host_in_trouble(self) -> bool:
        """Whether another host may do better next time: this one got nowhere, or is in temporary trouble of its own."""
        ended = self.ended
        closing = ended.reply is not None and ended.reply.code == CLOSING
        own_trouble = ended.kind is Kind.DEFERRED and (closing or ended.stage is not Stage.RCPT)
        return self.round_goes_on or own_trouble or ended.kind is Kind.AMBIGUOUS


def failed(stage: Stage, text: str, *, begun: float, host: str | None = None, verdict: Verdict | None = None) -> Handed:
    """Return the end of a round that came to no session."""
    ended = Ended(kind=Kind.FAILED, stage=stage, reply=None, text=text)
    return Handed(ended=ended, begun=begun, host=host, verdict=verdict)
