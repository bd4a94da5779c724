"""Domains that are probably another one, written wrongly.

First the lists: what is known to be typed wrongly, and what is real although it looks so. Then rules, each careful not
to suspect a domain that may exist: an ending put behind a whole domain, one slip away from a mail provider (the shorter
its name, the fewer kinds of slips are believed), dots and hyphens elsewhere, another ending behind a provider's name,
and, whatever the domain, an ending that does not exist. Pure; the lists are read once.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mailsvc.checks.endings import with_real_ending
from mailsvc.checks.slips import Kind, Slip, Words

#: Where more domains than these may have been meant, nothing is said.
INTENDED_MAX = 2

#: Endings of providers, the longer ones first.
_ENDINGS = (".ne.jp", ".or.jp", ".co.jp", ".jp", ".com", ".net")
#: What people put behind a provider's name instead; the last of them is nothing at all.
_WRONG_ENDINGS = (*_ENDINGS, ".ac.jp", ".com.jp", ".ne", ".co", "")
#: Labels that people put behind a whole domain.
_ADDED = frozenset(("ne", "co", "or", "jp", "com", "net"))
#: Names that are a provider's whatever ending they have.
_KNOWN_NAMES = """
docomo ezweb softbank i.softbank ymobile y-mobile uqmobile rakumail gmail yahoo icloud outlook hotmail
biglobe nifty plala so-net asahi-net
"""

#: There is a real domain beside nearly every short one: with so many letters or fewer not every slip is believed.
_SHORT = 5
_FEW = frozenset((Kind.DOUBLED, Kind.NEIGHBOUR, Kind.SWAPPED))
_MANY = _FEW | {Kind.LEFT_OUT, Kind.PUT_IN}
_ALL = frozenset(Kind)

_DATA = files("mailsvc.checks") / "data"
#: What the evidence of a trap says.
_TRAP = "MX-TRAP"


@dataclass(frozen=True, slots=True)
class Typo:
    """What is probably wrong with a domain."""

    intended: tuple[str, ...]  #: domains that may have been meant, likeliest first
    trap: bool = False  #: it takes strangers' mail


class Typos:
    """Knows what was meant."""

    def __init__(self, providers: Iterable[str], others: Iterable[str], listed: Mapping[str, Typo]) -> None:
        """Take providers, the largest first; others that are real (``*.`` for all sub-domains); known typos."""
        named = tuple(providers)
        real = (*named, *others)
        self.providers = frozenset(named)
        self._real = frozenset(domain for domain in real if not domain.startswith("*."))
        self._families = tuple(domain[1:] for domain in real if domain.startswith("*."))
        self._listed = listed
        telling = [domain for domain in named if _slips_in_name(domain)]
        self._words = Words(telling)
        self._bare = _grouped((_bare(domain), domain) for domain in telling)
        names = frozenset(_KNOWN_NAMES.split())
        self._names = _grouped((name, domain) for domain in named if (name := _name(domain)) in names)

    def of(self, domain: str) -> Typo | None:
        """Return what is wrong with a domain in lower case; None where nothing is suspected."""
        if (listed := self._listed.get(domain)) is not None:
            return listed
        if domain in self._real or domain.endswith(self._families):
            return None
        rules = (self._lengthened, self._slipped, self._divided, self._swapped, self._ending)
        intended = next(filter(None, (rule(domain) for rule in rules)), ())
        return Typo(tuple(intended)) if 0 < len(intended) <= INTENDED_MAX else None

    def _lengthened(self, domain: str) -> Sequence[str]:
        """``docomo.ne.jp.jp``, ``gmail.com.ne.jp``."""
        labels = domain.split(".")
        while len(labels) > 2 and labels.pop() in _ADDED:  # noqa: PLR2004  a domain has two
            if (shorter := ".".join(labels)) in self.providers:
                return (shorter,)
        return ()

    def _slipped(self, domain: str) -> Sequence[str]:
        return [slip.word for slip in self._words.missed_by(domain) if _is_believed(slip)]

    def _divided(self, domain: str) -> Sequence[str]:
        """``docomonejp``, ``i.cloud.com``, ``ezweb-ne.jp``."""
        return self._bare.get(_bare(domain), ())

    def _swapped(self, domain: str) -> Sequence[str]:
        """``docomo.co.jp``, ``i.softbank.com``, ``gmail``."""
        for ending in _WRONG_ENDINGS:
            if domain.endswith(ending) and (known := self._names.get(domain.removesuffix(ending))):
                return known
        return ()

    def _ending(self, domain: str) -> Sequence[str]:
        """``example.co.jo``, ``example.con``, and whatever else is wrong then."""
        if (mended := with_real_ending(domain)) is None:
            return ()
        further = self.of(mended)
        return further.intended if further else (mended,)


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped = defaultdict(list)
    for key, domain in pairs:
        grouped[key].append(domain)
    return dict(grouped)


def _bare(domain: str) -> str:
    return domain.replace(".", "").replace("-", "")


def _name(domain: str) -> str:
    """Return what stands before the ending."""
    return next(domain.removesuffix(ending) for ending in _ENDINGS if domain.endswith(ending))


def _slips_in_name(domain: str) -> frozenset[Kind]:
    """Return the kinds of slips that are believed in the name of a provider; where none is, none in its ending is."""
    name = _name(domain)
    letters, ending = len(_bare(name)), domain.removeprefix(name)
    if letters > _SHORT:
        return _ALL
    if letters == _SHORT and ending != ".jp":
        return _MANY
    if ending == ".ne.jp":  # few names, and most of them are providers'
        return _FEW | {Kind.PUT_IN}
    return frozenset() if ending == ".com" else _FEW


def _is_believed(slip: Slip) -> bool:
    return slip.position >= len(_name(slip.word)) or slip.kind in _slips_in_name(slip.word)


@cache
def load() -> Typos:
    """Return the one that knows the lists that come with the program; read once."""
    return Typos(_lines("providers.txt"), _lines("other-domains.txt"), _listed())


def _lines(name: str) -> list[str]:
    lines = (_DATA / name).read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _listed() -> dict[str, Typo]:
    rows = csv.DictReader((_DATA / "typo-domains.csv").read_text("utf-8").splitlines())
    return {row["typo"]: Typo(tuple(row["intended"].split()), trap=_TRAP in row["evidence"]) for row in rows}
