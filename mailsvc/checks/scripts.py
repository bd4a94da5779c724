"""The scripts that a label of a domain is written in: a mixture is a spoof (``dоcomo`` with a Cyrillic о).

Japanese, Chinese and Korean are written in several scripts together with Latin letters; nothing else is
(UTS 39 5.2, Highly Restrictive). The script of a letter is the first word of its Unicode name: the standard library
has no other table of it.
"""

import unicodedata

_TOGETHER = (
    {"LATIN", "CJK", "HIRAGANA", "KATAKANA"},
    {"LATIN", "CJK", "BOPOMOFO"},
    {"LATIN", "CJK", "HANGUL"},
)
_KANA = {"HIRAGANA", "KATAKANA"}
_LONG_VOWEL = "ー"


def is_of_one_script(label: str) -> bool:
    """Whether the letters of a label, in Unicode, belong together; a long-vowel mark has to follow a kana."""
    scripts = {_script(letter) for letter in label if unicodedata.category(letter) in {"Ll", "Lo", "Lu"}}
    follows = all(before == _LONG_VOWEL or _script(before) in _KANA for before in _before_long_vowels(label))
    return follows and (len(scripts) <= 1 or any(scripts <= together for together in _TOGETHER))


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _before_long_vowels(label: str) -> list[str]:
    return [before for before, mark in zip(f" {label}", label, strict=False) if mark == _LONG_VOWEL]
