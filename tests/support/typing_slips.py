"""What becomes of a word when a finger slips once: the typos that the rules of suggestions are measured with."""

_ROWS = (("1234567890-", 0.0), ("qwertyuiop", 0.5), ("asdfghjkl", 0.75), ("zxcvbnm,.", 1.25))
_PLACES = {key: (row, column + offset) for row, (keys, offset) in enumerate(_ROWS) for column, key in enumerate(keys)}


def beside(key: str) -> list[str]:
    """Return the keys around a key."""
    row, column = _PLACES[key]
    near = [other for other, (r, c) in _PLACES.items() if abs(r - row) <= 1 and abs(c - column) <= 1]
    return [other for other in near if other != key]


def slips(word: str) -> set[str]:
    """Return the word with a letter left out, doubled, swapped, or with a key beside it, instead of it or as well."""
    found = set()
    for at, letter in enumerate(word):
        before, after = word[:at], word[at + 1 :]
        found |= {before + after, before + letter + letter + after}
        found |= {before + other + after for other in beside(letter)}
        found |= {before + pair + after for other in beside(letter) for pair in (other + letter, letter + other)}
        if after:
            found.add(before + after[0] + letter + after[1:])
    return found - {word}
