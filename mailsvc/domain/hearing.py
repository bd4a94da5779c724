"""What an attempt says of its recipient.

Pure. The recipient's site speaks of the recipient, and not before RCPT; that a domain does not exist DNS says.
"""

from mailsvc.domain.address_state import Evidence, Source, Strength, claim
from mailsvc.domain.outcome import Attempt, Category, Permanence, Scope
from mailsvc.domain.reply import Stage

#: Where the recipient's site speaks of the recipient; what it says before that is about us.
_OF_RECIPIENT = frozenset({Stage.DNS, Stage.RCPT, Stage.DATA, Stage.DOT})


def speaks(attempt: Attempt) -> bool:
    """Whether the recipient's site said something about this mail or its recipient."""
    said = attempt.scope in (Scope.MESSAGE, Scope.RECIPIENT) and attempt.permanence is not Permanence.STOPPED
    return said and attempt.stage in _OF_RECIPIENT


def evidence_of(attempt: Attempt, message: str) -> Evidence | None:
    """Return what an attempt says of its recipient, None where it says nothing.

    A temporary refusal is evidence of a full mailbox only.
    """
    lasting = attempt.permanence is Permanence.PERMANENT or attempt.category is Category.MAILBOX_FULL
    evidence = Evidence(
        at=attempt.ended_at,
        source=Source.DNS if attempt.stage is Stage.DNS else Source.SMTP,
        strength=Strength.STRONG,
        category=attempt.category,
        stage=attempt.stage,
        reply=attempt.reply,
        message=message,
        destination=attempt.destination,
    )
    if attempt.permanence is Permanence.DELIVERED:
        return evidence
    return evidence if speaks(attempt) and lasting and claim(evidence) else None
