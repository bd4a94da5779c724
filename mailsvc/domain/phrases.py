"""Phrases in the words of mail servers: found whatever the case, the punctuation, the accents and the addresses.

Pure. A phrase is a row of words: ``user (is|) unknown``, with alternatives in brackets, ``...`` for a gap of a few
words, and ``block*`` for every word that begins so. The time it takes is bounded by the lengths, whatever a server
sends. A phrase that is none raises `ValueError` when the index is made.
"""

import re
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

#: So much of a text is read (characters): its words of importance stand in front.
READ_MAX = 2_000
#: Words, or characters where words have no blanks between them, that ``...`` spans at most.
GAP_WORDS = 8
GAP_CHARS = 24
#: Scripts without blanks between words: kana, CJK ideographs, Hangul.
_UNSPACED = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_MARKS = re.compile(r"[\u0300-\u036f]")
_APOSTROPHES = re.compile(r"['’`´]")
#: An enhanced status code, with the reply code of a continued line before it.
_STATUS = re.compile(r"(?<![\w.])(?:[245]\d\d[- ])?#?([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)", re.ASCII)
#: Reply code that continues a reply (RFC 5321 4.2.1).
_CONTINUED = re.compile(r"(?<!\S)[245]\d\d-(?=\D)", re.ASCII)
_TOKEN = re.compile(r"[^\s<>()\[\]{}\"',;:|=]+")
_WORD = re.compile(r"[^\W_]+")
#: What a phrase is made of; ``~`` stands for ``...`` while it is read.
_PIECE = re.compile(r"[()|~]|[^\W_]+\*?")
#: Stands in for an address: its own words say nothing.
_ADDRESS = "addr"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A text as phrases are looked for in it."""

    spaced: str  #: words in lower case with single blanks between and around them
    words: frozenset[str]
    unspaced: str  #: the same without blanks, "" where no script needs it
    statuses: tuple[str, ...]  #: enhanced status codes that stand in the text
    domain: str | None  #: domain of the first address in the text


def prepare(text: str) -> Prepared:
    """Return a text's words; addresses, status codes and the codes of continued lines are taken out of them."""
    text = _APOSTROPHES.sub("", _unmarked(text[:READ_MAX]))
    statuses = tuple(dict.fromkeys(_STATUS.findall(text)))
    tokens = _TOKEN.findall(_CONTINUED.sub(" ", _STATUS.sub(" ", text)))
    addresses = [token for token in tokens if "@" in token]
    joined = " ".join(_ADDRESS if "@" in token else token for token in tokens)
    words = _WORD.findall(joined)
    spaced = f" {' '.join(words)} ".replace(" e mail", " email")
    return Prepared(
        spaced=spaced,
        words=frozenset(spaced.split()),
        unspaced="".join(words) if _UNSPACED.search(joined) else "",
        statuses=statuses,
        domain=addresses[0].rpartition("@")[2].rstrip(".") if addresses else None,
    )


class PhraseIndex:
    """Knows which of several groups of phrases have one in a text."""

    def __init__(self, groups: Sequence[Iterable[str]]) -> None:
        """Take the phrases of each group; raise `ValueError` for one that cannot be read."""
        read = [(group, _Phrase(row)) for group, rows in enumerate(groups) for row in rows]
        uses = Counter(word for _, phrase in read for words in phrase.needed for word in words)
        self._unspaced = [(group, phrase.pattern) for group, phrase in read if phrase.unspaced]
        self._anyway: list[tuple[int, str]] = []
        self._by_word: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for group, phrase in read:
            if phrase.unspaced:
                continue
            if not phrase.needed:
                self._anyway.append((group, phrase.pattern))
                continue
            for word in min(phrase.needed, key=lambda words: sum(uses[word] for word in words)):
                self._by_word[word].append((group, phrase.pattern))

    def look(self, text: Prepared) -> "Look":
        """Return which groups may have a phrase in the text, and the means to tell."""
        possible: dict[int, list[str]] = defaultdict(list)
        rows = set(self._anyway)
        for word in text.words & self._by_word.keys():
            rows.update(self._by_word[word])
        for group, pattern in rows:
            possible[group].append(pattern)
        unspaced: dict[int, list[str]] = defaultdict(list)
        for group, pattern in self._unspaced if text.unspaced else ():
            unspaced[group].append(pattern)
        return Look(text, possible, unspaced)


class Look:
    """A text held against an index: only the phrases whose words it has are looked for, and only when asked."""

    def __init__(self, text: Prepared, spaced: Mapping[int, list[str]], unspaced: Mapping[int, list[str]]) -> None:
        self._text = text
        self._spaced = spaced
        self._unspaced = unspaced
        #: Groups that may be in the text; no other is.
        self.possible = spaced.keys() | unspaced.keys()

    def __contains__(self, group: int) -> bool:
        """Whether a group has a phrase in the text."""
        spaced, unspaced = self._spaced.get(group, ()), self._unspaced.get(group, ())
        return any(_regex(pattern).search(self._text.spaced) for pattern in spaced) or any(
            _regex(pattern).search(self._text.unspaced) for pattern in unspaced
        )


@cache
def _regex(pattern: str) -> re.Pattern[str]:
    """Compile a pattern at its first use: most are never needed, and all of them would delay every start."""
    return re.compile(pattern)


class _Phrase:
    """A phrase as written, read by recursive descent into a regular expression without nested repetitions."""

    def __init__(self, row: str) -> None:
        self.unspaced = bool(_UNSPACED.search(row))
        cleaned = _APOSTROPHES.sub("", _unmarked(row)).replace("...", " ~ ")
        self._pieces = deque(_PIECE.findall(cleaned))
        paired = self._pieces.count("(") == self._pieces.count(")")
        pattern, self.needed = self._sequence()
        if self._pieces or not paired or not _WORD.search(cleaned):
            raise ValueError(f"phrase {row!r}: it has no word, or its brackets are no pairs")
        self.pattern = pattern if self.unspaced else f"(?<= ){pattern}"

    def _sequence(self) -> tuple[str, list[frozenset[str]]]:
        """Read up to the end of an alternative; return also sets of words, of each of which a text must have one."""
        pattern, needed = "", []
        while self._pieces and self._pieces[0] not in ("|", ")"):
            piece = self._pieces.popleft()
            if piece == "(":
                part, words = self._choice()
                needed += words
            else:
                part = self._part(piece)
                needed += [frozenset([piece])] if piece.isalnum() else []
            pattern += part
        return pattern, needed

    def _part(self, piece: str) -> str:
        if piece == "~":
            return f".{{0,{GAP_CHARS}}}?" if self.unspaced else f"(?:[^ ]+ ){{0,{GAP_WORDS}}}?"
        if self.unspaced:
            return piece.rstrip("*")
        return f"{piece[:-1]}[^ ]* " if piece.endswith("*") else f"{piece} "

    def _choice(self) -> tuple[str, list[frozenset[str]]]:
        """Read the alternatives of a bracket; a text must have a word of one of them, unless one has none to name."""
        patterns, needed = [], []
        while True:
            pattern, words = self._sequence()
            patterns.append(pattern)
            needed.append(max(words, key=lambda some: min(map(len, some)), default=frozenset()))
            if not self._pieces or self._pieces.popleft() == ")":
                break
        every = [frozenset().union(*needed)] if all(needed) else []
        return f"(?:{'|'.join(patterns)})", every


def _unmarked(text: str) -> str:
    """Return a text in lower case, compatibility forms replaced, the accents taken off Latin and Cyrillic letters."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold())))
