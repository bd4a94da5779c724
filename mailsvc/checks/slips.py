"""Words found by texts that are one slip of the fingers away: a letter left out, put in, exchanged or swapped.

Every word is kept under each of the texts that leaving out one letter makes of it, and a text is looked up under the
same: as many look-ups as it has letters, however many words there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What happened to a letter."""

    LEFT_OUT = auto()
    DOUBLED = auto()
    PUT_IN = auto()
    NEIGHBOUR = auto()  #: one beside it on the keyboard
    OTHER = auto()  #: any other one instead
    SWAPPED = auto()  #: with the one before it


_WHOLE = -1


@dataclass(frozen=True, slots=True)
class Slip:
    """One slip."""

    word: str  #: that was meant
    kind: Kind
    position: int  #: of the letter in the word; of the one before it where a letter was put in


class Words:
    """Words in an order of preference."""

    def __init__(self, words: Iterable[str]) -> None:
        self._order = {word: rank for rank, word in enumerate(words)}
        #: By what is left: the word, and the position of the letter that is missing, `_WHOLE` where none is.
        self._left: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for word in self._order:
            self._left[word].append((word, _WHOLE))
            for position in range(len(word)):
                self._left[_without(word, position)].append((word, position))

    def missed_by(self, text: str) -> list[Slip]:
        """Return the words that are one slip away from a text, each once, in their order."""
        found: dict[str, Slip] = {}
        for slip in self._slips(text):
            known = found.get(slip.word)
            if known is None or slip.kind.value < known.kind.value:
                found[slip.word] = slip
        return sorted(found.values(), key=lambda slip: self._order[slip.word])

    def _slips(self, text: str) -> Iterator[Slip]:
        left = self._left
        for word, position in left.get(text, ()):
            if position != _WHOLE:
                yield Slip(word, Kind.LEFT_OUT, position)
        for at in range(len(text)):
            for word, position in left.get(text[:at] + text[at + 1 :], ()):
                if (slip := _slip(text, at, word, position)) is not None:
                    yield slip


def _slip(text: str, at: int, word: str, position: int) -> Slip | None:
    """Return how a text comes from a word, where they are the same without the letter of each that is told."""
    if position == _WHOLE:
        return Slip(word, Kind.DOUBLED if at and text[at - 1] == text[at] else Kind.PUT_IN, at - 1)
    if position == at and word != text:
        return Slip(word, Kind.NEIGHBOUR if _adjoin(word[at], text[at]) else Kind.OTHER, at)
    if position == at + 1 and word[position] == text[at] and word != text:
        return Slip(word, Kind.SWAPPED, position)
    return None


def _without(text: str, position: int) -> str:
    return text[:position] + text[position + 1 :]


#: Rows of the keyboard, and how far they are set off (key widths); JIS and US alike.
_ROWS = (("1234567890-", 0.0), ("qwertyuiop", 0.5), ("asdfghjkl", 0.75), ("zxcvbnm,.", 1.25))
_KEYS = {key: (row, column + offset) for row, (keys, offset) in enumerate(_ROWS) for column, key in enumerate(keys)}


def _adjoin(one: str, other: str) -> bool:
    if one not in _KEYS or other not in _KEYS:
        return False
    (row, column), (other_row, other_column) = _KEYS[one], _KEYS[other]
    return abs(row - other_row) <= 1 and abs(column - other_column) <= 1
