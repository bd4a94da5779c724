"""Whether a site wants less of us: what `Destination.slow_down` is told after.

Decides by the reply alone, in the words of the one classifier.
"""

from collections.abc import Callable

from mailsvc.delivery.handed import CLOSING, Handed
from mailsvc.delivery.session import Kind
from mailsvc.domain.outcome import Category, Verdict
from mailsvc.domain.reply import Reply, Stage

#: Says what a reply means, given its stage and who gave it.
Judge = Callable[[Reply, Stage, str | None], Verdict]
_OF_MAILBOX = "2"  # RFC 3463 3.3: the subject of a status code


def wants_less(handed: Handed, judge: Judge) -> bool:
    """Whether a site wants less of us: by a 421, or by words about our rate under any code.

    How fast one mailbox may be written to is no matter of the site's other users.
    """
    ended = handed.ended
    if ended.reply is None or ended.kind not in (Kind.REFUSED, Kind.DEFERRED):
        return False
    if ended.reply.code == CLOSING:
        return True
    of_mailbox = (ended.reply.enhanced or "").split(".")[1:2] == [_OF_MAILBOX]
    return not of_mailbox and judge(ended.reply, ended.stage, handed.host).category is Category.RATE_LIMITED
