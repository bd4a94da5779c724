"""Rate limits per recipient address (``MAILSVC_RATE_PER_ADDRESS``)."""

from collections.abc import Sequence

#: ``(count, seconds)``: at most so many within any window of so many seconds.
Limits = Sequence[tuple[int, float]]


def retry_after(limits: Limits, accepted: Sequence[float], now: float) -> float | None:
    """Return the seconds to wait before one more fits every limit, None when it fits now.

    ``accepted`` are the earlier instants, newest first.
    """
    waits = [
        accepted[count - 1] + seconds - now
        for count, seconds in limits
        if len(accepted) >= count and accepted[count - 1] + seconds > now
    ]
    return max(waits, default=None)
