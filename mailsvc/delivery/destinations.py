"""Destinations: the receiving sites, how many sessions each gets, and when one asks us to slow down.

A destination is the registrable domain of a mail exchanger: thousands of domains may share one. What one of them does
to us never slows the others. While one is backed off no new session begins there, whoever had been waiting for how
long, but for a mail whose time would run out. Kept in memory: a restart begins anew.
"""

import asyncio
import time
import tomllib
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from publicsuffixlist import PublicSuffixList

from mailsvc.delivery.places import Place, Places
from mailsvc.delivery.pool import Pool
from mailsvc.delivery.shares import Shares, Standing

#: A destination that says "slow down" gets no new session for so long, doubled while it goes on (seconds).
BACK_OFF_MIN = 3.0
BACK_OFF_MAX = 60.0
#: A destination begins with so many sessions; each mail it takes allows one more, up to its profile.
FIRST = 4
#: One that is not heard of yet has so many while others that may hang hold many.
CROWDED = 1
#: After it asked us to slow down it has to take so many mails for one more.
RECOVERY = 10
#: Nobody waits for a destination beyond what leaves so much for the session (seconds).
SESSION_RESERVE = 15.0
#: Destinations remembered at most; idle ones are forgotten first.
SIZE = 10_000

#: The longest an idle connection may be kept (seconds): servers let go after five minutes, RFC 5321 4.5.3.2.7.
IDLE_MAX = 300

_OWN = Path(__file__).with_name("profiles.toml")


class ProfileError(ValueError):
    """The profiles cannot be used; one line naming file and fault."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a destination wants to be treated."""

    name: str
    sites: tuple[str, ...]  #: registrable domains of mail exchangers
    connections: int  #: sessions at one time
    mails: int  #: mails over one connection
    idle: float  #: seconds an idle connection is kept


@dataclass(frozen=True, slots=True)
class InForce:
    """How a destination is treated now."""

    sessions: int  #: at one time
    sessions_max: int  #: what that may grow to
    open: int  #: sessions under way
    waiting: int  #: mails that wait for one
    wait: float  #: seconds until a new session is welcome


class Destination:
    """One receiving site."""

    def __init__(
        self, name: str, profile: Profile, *, first: int | None = None, back_off_max: float = BACK_OFF_MAX
    ) -> None:
        """``first`` is the number of sessions it begins with, ``back_off_max`` the longest wait (seconds)."""
        self.name = name
        self.profile = profile
        self.standing = Standing.GOOD if profile.sites else Standing.NEW
        self.places = Places(min(first or FIRST, profile.connections))
        self.pool = Pool(self.places)
        self._back_off_max = back_off_max
        self._not_before = 0.0
        self._back_off = 0.0
        self._well = 0

    @property
    def idle(self) -> bool:
        """Whether nothing is open there, and nobody waits."""
        return self.places.idle and self.pool.empty

    @property
    def in_force(self) -> InForce:
        """How it is treated now."""
        places = self.places
        return InForce(places.limit, self.profile.connections, places.taken, places.waiting, self.wait())

    @asynccontextmanager
    async def place(self, by: float, shares: Shares) -> AsyncIterator[Place]:
        """Hold one of its places, and one of the process, once a session is welcome; instants are the event loop's.

        Yields the one of its own. Raises `TimeoutError` when there is none by ``by``.
        """
        while True:
            await asyncio.sleep(self._held_back(by))
            self._fit(crowded=shares.crowded)
            async with self.places.at(by) as place, shares.at(self.standing, by):
                if self._held_back(by) == 0.0:  # it may have said "slow down" to others meanwhile
                    yield place
                    return

    def _fit(self, *, crowded: bool) -> None:
        """Set how many sessions it has as long as it is not heard of, by whether others that may hang hold many."""
        if self.standing is Standing.NEW:
            self.places.resize(min(CROWDED if crowded else FIRST, self.profile.connections))

    def _held_back(self, by: float) -> float:
        """Return how long a session for a mail that must be handed over ``by`` has to wait."""
        spare = by - SESSION_RESERVE - asyncio.get_running_loop().time()
        return max(0.0, min(self.wait(), spare))

    def wait(self) -> float:
        """Return the seconds until a new session is welcome."""
        return max(0.0, self._not_before - time.monotonic())

    def slow_down(self) -> None:
        """Note that it asked for less: wait, and come with half as many sessions."""
        if self.wait() == 0.0:  # the others that were under way heard the same: one step
            self._back_off = min(max(self._back_off * 2, BACK_OFF_MIN), self._back_off_max)
            self._not_before = time.monotonic() + self._back_off
            self.answered()
            self._narrow()
        self._well = 0

    def led_nowhere(self) -> None:
        """Note a session that no word about the mail came of: come with half as many."""
        self.standing = Standing.FAILING
        self._narrow()

    def answered(self) -> None:
        """Note a session that came to a word about the mail, but a refusal or deferral: that is no reason for more."""
        self._fit(crowded=False)
        self.standing = Standing.GOOD

    def went_well(self) -> None:
        """Note a mail that was taken: come with one more."""
        self.answered()
        self._well += 1
        if self._back_off and self._well < RECOVERY:
            return
        self._well, self._back_off = 0, 0.0
        self.places.widen(self.profile.connections)

    def _narrow(self) -> None:
        self.places.resize(max(1, self.places.limit // 2))
        self.pool.trim()


class Destinations:
    """All destinations, by the mail exchanger."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        """Take profiles; the last one is the default."""
        self._profiles = {site: profile for profile in reversed(profiles) for site in profile.sites}
        self._default = profiles[-1]
        self._known: OrderedDict[str, Destination] = OrderedDict()

    def of(self, host: str) -> Destination:
        """Return the destination of a mail exchanger's name."""
        site = _site(host)
        known = self._known.get(site)
        if known is None:
            profile = self._profiles.get(site, self._default)
            known = self._known[site] = Destination(site, profile)
            self._forget()
        self._known.move_to_end(site)
        return known

    def in_force(self, name: str) -> InForce | None:
        """Return how a destination is treated now; None where it is not known."""
        known = self._known.get(name)
        return known.in_force if known else None

    async def close(self) -> None:
        """Say QUIT on idle connections."""
        await asyncio.gather(*(destination.pool.close() for destination in self._known.values()))

    def _forget(self) -> None:
        for site in list(self._known)[: max(0, len(self._known) - SIZE)]:
            if self._known[site].idle:
                del self._known[site]


def load_profiles(own: Path | None = None) -> list[Profile]:
    """Return the profiles, a company's own in front, the default last; raise `ProfileError`."""
    files = [file for file in (own, _OWN) if file is not None]
    documents = [(file, _read(file)) for file in files]
    found = [_profile(file, entry) for file, document in documents for entry in document.get("profile", ())]
    defaults = [
        _profile(file, {"name": "default", "sites": [], **document["default"]})
        for file, document in documents
        if "default" in document
    ]
    return [*found, defaults[0]]


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _site(host: str) -> str:
    """Return the registrable domain of a host, the host itself where it has none."""
    return _suffixes().privatesuffix(host.lower()) or host.lower()


def _read(file: Path) -> dict[str, Any]:
    """Return a document of ``[default]`` and ``[[profile]]`` tables."""
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ProfileError(f"{file}: {error}") from None
    profiles = document.get("profile", [])
    well = isinstance(profiles, list) and all(
        isinstance(table, dict) for table in [document.get("default", {}), *profiles]
    )
    if not well or document.keys() - {"default", "profile"}:
        raise ProfileError(f"{file}: found {', '.join(document)}, expected the tables [default] and [[profile]]")
    return document


def _profile(file: Path, entry: dict[str, Any]) -> Profile:
    names = {field.name for field in fields(Profile)}
    where = f"{file}: profile {entry.get('name', '?')}"
    if entry.keys() != names:
        raise ProfileError(f"{where} must have {', '.join(sorted(names))}")
    if any(type(entry[name]) is not int or entry[name] < 1 for name in ("connections", "mails")):
        raise ProfileError(f"{where}: connections and mails must be whole numbers from 1")
    if type(entry["idle"]) not in (int, float) or not 1 <= entry["idle"] <= IDLE_MAX:
        raise ProfileError(f"{where}: idle must be a number of seconds from 1 to {IDLE_MAX}")
    sites = entry["sites"]
    if not isinstance(sites, list) or not all(isinstance(site, str) and _site(site) == site for site in sites):
        raise ProfileError(f"{where}: sites must be a list of registrable domains in lower case, like docomo.ne.jp")
    return Profile(**entry | {"sites": tuple(sites)})
