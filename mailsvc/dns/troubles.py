"""Questions that DNS gave no answer to: each rests for a moment before it is put again (RFC 9520, RFC 2308 7).

Decides for how long. The rest is short and does not grow: a mail may have a single try left, which has to put the
question itself. It keeps many mails to one name from putting it more than once in a moment.
"""

from mailsvc.dns.answer import Question
from mailsvc.dns.bounded import Bounded

#: Seconds between the trouble and the next time the question is put; RFC 9520 3.2: at least 1 s. The tries of one
#: mail are further apart.
REST = 1.5
#: So long a question counts as troubled (seconds): nobody waits for its answer who has another one.
LINGERS = 30.0
#: Questions kept at most.
SIZE = 10_000


class Troubles:
    """When which question got no answer, if lately; the caller passes the time."""

    def __init__(self) -> None:
        self._noted: Bounded[Question, float] = Bounded(SIZE)

    def note(self, question: Question, now: float) -> None:
        """Remember that a question got no answer."""
        self._noted[question] = now

    def over(self, question: Question) -> None:
        """Forget a question: it was answered."""
        self._noted.pop(question, None)

    def rest(self, question: Question, now: float) -> float:
        """Return the seconds for which a question is not to be put yet."""
        return max(0.0, self._noted.get(question, -REST) + REST - now)

    def lately(self, question: Question, now: float) -> bool:
        """Whether the last time it was put, not long ago, a question got no answer."""
        return question in self._noted and now < self._noted[question] + LINGERS
