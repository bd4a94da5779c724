"""Questions that DNS gave no answer to: while one is remembered nobody asks it again (RFC 9520, RFC 2308 7).

Decides for how long. The first trouble is remembered so briefly that the next retry of the mail that met it asks
again, a resolver that restarts costs seconds, and a question that is never answered costs one look-up in half a minute.
"""

from dataclasses import dataclass

from mailsvc.dns.answer import DnsTrouble, Question
from mailsvc.dns.bounded import Bounded

#: A first trouble is remembered for so long (seconds), shorter than two tries of a mail are apart; RFC 9520 3.2: at
#: least 1 s. Each further one is remembered for twice as long, up to the longest.
FIRST = 1.5
LONGEST = 30.0
#: So long after that (seconds) a question still counts as troubled; then its next trouble is a first one.
LINGERS = 30.0
#: Questions kept at most.
SIZE = 10_000


@dataclass(frozen=True, slots=True)
class _Noted:
    text: str
    lasts: float  #: seconds
    until: float


class Troubles:
    """What went wrong lately, by question; the caller passes the time."""

    def __init__(self) -> None:
        self._noted: Bounded[Question, _Noted] = Bounded(SIZE)

    def note(self, question: Question, trouble: DnsTrouble, now: float) -> None:
        """Remember that a question got no answer."""
        lasts = min(2 * self._noted[question].lasts, LONGEST) if self.lately(question, now) else FIRST
        self._noted[question] = _Noted(str(trouble), lasts, now + lasts)

    def over(self, question: Question) -> None:
        """Forget a question: it was answered."""
        self._noted.pop(question, None)

    def remembered(self, question: Question, now: float) -> DnsTrouble | None:
        """Return the trouble because of which a question is not to be asked now, if any."""
        noted = self._noted.get(question)
        if noted is None or noted.until <= now:
            return None
        return DnsTrouble(f"{noted.text}; that was a moment ago, and it is not asked again yet")

    def lately(self, question: Question, now: float) -> bool:
        """Whether the last time it was asked, not long ago, a question got no answer."""
        noted = self._noted.get(question)
        return noted is not None and now < noted.until + LINGERS
