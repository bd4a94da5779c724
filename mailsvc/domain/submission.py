"""A submit request that has passed every check of its fields, and the deadline it asks for (CONTRACT 3.1)."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailsvc.domain.address import Address
from mailsvc.domain.message import CODE_LIFE_MAX, CODE_LIFE_MIN, CODE_LIFE_SKEW, NOTICE_LIFE_MAX
from mailsvc.domain.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is to be mailed, to whom, until when."""

    api_key: str  #: id of the key that submits
    address: Address
    template: str
    is_code: bool
    locale: str
    code: Secret | None
    challenge: str | None
    customer: str | None
    context: Mapping[str, str]
    accepted_at: float
    expires_at: float
    force: bool


class DeadlineError(ValueError):
    """The asked life is out of bounds; the message says which are the bounds."""


def expiry(expires_at: float, *, is_code: bool, now: float) -> float:
    """Return the deadline for an asked one; raise `DeadlineError` when it is too near or too far.

    A code asked for up to 30 s more than its longest life is cut to that, for clocks that differ.
    """
    life = expires_at - now
    if is_code:
        if not CODE_LIFE_MIN <= life <= CODE_LIFE_MAX + CODE_LIFE_SKEW:
            raise DeadlineError(f"must be {CODE_LIFE_MIN:.0f} to {CODE_LIFE_MAX + CODE_LIFE_SKEW:.0f} s ahead")
        return min(expires_at, now + CODE_LIFE_MAX)
    if not 0 < life <= NOTICE_LIFE_MAX:
        raise DeadlineError(f"must be ahead by up to {NOTICE_LIFE_MAX / 3600:.0f} h")
    return expires_at
