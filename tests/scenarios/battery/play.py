"""Plays stories: builds each one's site, submits its codes when it is time, and tells what its hosts took.

Any sender can be played to: it is one coroutine that submits a code.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.scenarios.battery.site import Ground, Site
from tests.scenarios.battery.story import GUARD, Story
from tests.support.smtp_peer import Mail

#: Seconds between the beginnings of two stories.
STAGGER = 0.12
#: Takes address, code and life (seconds); returns the sender's name of the message.
Submit = Callable[[str, str, float], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Sent:
    """One code that a sender was given."""

    to: str
    name: str  #: the sender's name of the message
    at: float  #: when it was submitted, monotonic seconds


@dataclass(frozen=True, slots=True)
class Played:
    """A story and what became of its codes."""

    story: Story
    site: Site
    begun: float  #: monotonic seconds
    codes: Sequence[Sent]

    def stored(self, code: Sent) -> list[Mail]:
        """Return the copies of a code that the hosts took."""
        return self.site.stored(code.to)

    def arrived_after(self, code: Sent) -> float | None:
        """Return the seconds until the first copy was taken."""
        return next((mail.at - code.at for mail in self.stored(code)), None)

    def alive(self, code: Sent) -> bool:
        """Whether it arrived with life enough to be typed."""
        after = self.arrived_after(code)
        return after is not None and after <= self.story.life - GUARD

    def dead(self, code: Sent) -> bool:
        """Whether a copy arrived with less life than that, or none."""
        return any(mail.at - code.at > self.story.life - GUARD for mail in self.stored(code))


async def play_all(stories: Sequence[Story], ground: Ground, submit: Submit) -> list[Played]:
    """Play stories side by side; each begins a moment after the one before, since a burst is no part of them."""

    async def one(number: int, story: Story) -> Played:
        await asyncio.sleep(number * STAGGER)
        played = await play(story, ground, submit)
        await asyncio.sleep(played.begun + story.lasts - time.monotonic())
        return played

    return await asyncio.gather(*(one(number, story) for number, story in enumerate(stories)))


async def play(story: Story, ground: Ground, submit: Submit) -> Played:
    """Build the story's site and submit its codes; return when the last one is submitted."""
    site = await ground.site(story.name, story.plan)
    begun = time.monotonic()

    async def one(number: int, after: float) -> Sent:
        await asyncio.sleep(begun + after - time.monotonic())
        to, at = f"code{number}@{site.domain}", time.monotonic()
        name = await submit(to, f"{random.randrange(10**6):06}", story.life)
        return Sent(to, name, at)

    codes = await asyncio.gather(*(one(number, after) for number, after in enumerate(story.submits)))
    return Played(story, site, begun, codes)


def problems(played: Played, code: Sent) -> Iterator[str]:
    """Say what is wrong with what arrived of a code."""
    story, copies = played.story, played.stored(code)
    after = played.arrived_after(code)
    if story.within is None and copies:
        yield f"arrived after {after:.1f} s, and no try should have been taken"
    if story.within is not None and after is None:
        yield "never arrived"
    if story.within is not None and after is not None and after > story.within:
        yield f"arrived after {after:.1f} s, not within {story.within:g} s"
    if played.dead(code):
        yield "was handed over dead"
    if len(copies) > story.copies:
        yield f"arrived {len(copies)} times"
