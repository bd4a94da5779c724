"""The process's clock: Unix seconds that never jump.

A deadline of five minutes must survive a wall clock that is set back or forward meanwhile (RELIABILITY P14), so time
advances with a monotonic clock from what the wall showed at the start: one that goes on while the machine is suspended,
where there is one, for codes age in their sleep. Small corrections of the wall are followed; a jump is not, until it
has lasted longer than any code lives.
"""

import time

#: A difference up to this is the wall clock being disciplined: followed at once (seconds).
STEP = 1.0
#: A larger one is followed when it has lasted so long: no code that was accepted before is still alive (seconds).
JUMP_PATIENCE = 360.0


class Clock:
    """``now()`` in Unix seconds; ``discipline()`` is to be called about every second."""

    def __init__(self) -> None:
        self._offset = time.time() - _elapsed()
        self._jumped_at: float | None = None

    def now(self) -> float:
        """Return the present instant."""
        return _elapsed() + self._offset

    def discipline(self) -> float:
        """Follow the wall clock where it moved a little; return by how much it is off (seconds, 0 while it is not)."""
        difference = time.time() - self.now()
        if abs(difference) <= STEP:
            self._offset += difference
            self._jumped_at = None
            return 0.0
        began = self._jumped_at = self._jumped_at or _elapsed()
        if _elapsed() - began > JUMP_PATIENCE:
            self._offset += difference
            self._jumped_at = None
        return difference


if hasattr(time, "CLOCK_BOOTTIME"):

    def _elapsed() -> float:
        """Return seconds since the machine's start, its sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:
    _elapsed = time.monotonic
