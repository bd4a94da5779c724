"""Words that are one slip of the fingers away from a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.checks.slips import Kind, Slip, Words

WORDS = Words(("docomo", "ocn", "dcomo", "me"))


@pytest.mark.parametrize(
    ("text", "slip"),
    [
        ("docmo", Slip("docomo", Kind.LEFT_OUT, 3)),
        ("docomoo", Slip("docomo", Kind.DOUBLED, 5)),
        ("doccomo", Slip("docomo", Kind.DOUBLED, 2)),
        ("docxomo", Slip("docomo", Kind.PUT_IN, 2)),
        ("docimo", Slip("docomo", Kind.NEIGHBOUR, 3)),
        ("docamo", Slip("docomo", Kind.OTHER, 3)),
        ("dococm", None),
        ("docoom", Slip("docomo", Kind.SWAPPED, 5)),
        ("odcomo", Slip("docomo", Kind.SWAPPED, 1)),
        ("on", Slip("ocn", Kind.LEFT_OUT, 1)),
        ("e", Slip("me", Kind.LEFT_OUT, 0)),
        ("", None),
        ("docomo.ne.jp", None),
    ],
)
def test_slip_is_recognised_by_kind_and_place(text: str, slip: Slip | None) -> None:
    """Each of the five things that a finger does; two at once are none."""
    found = [one for one in WORDS.missed_by(text) if one.word != "dcomo"]
    assert found == ([slip] if slip else [])


def test_words_come_in_their_order_and_never_the_text_itself() -> None:
    """The largest provider first; a word that is in its place is not missed."""
    assert [slip.word for slip in WORDS.missed_by("docmo")] == ["docomo", "dcomo"]
    assert [slip.word for slip in WORDS.missed_by("docomo")] == ["dcomo"]


@given(st.lists(st.text("abc", min_size=1, max_size=5), max_size=8), st.text("abc", max_size=6))
def test_same_words_are_found_as_by_comparing_with_each(words: list[str], text: str) -> None:
    """The look-up finds what the plain definition of one slip does."""
    assert {slip.word for slip in Words(words).missed_by(text)} == {word for word in words if _one_slip(word, text)}


def _one_slip(word: str, text: str) -> bool:
    """Whether the texts are different by one letter left out, put in or exchanged, or by two swapped."""
    if len(word) == len(text):
        wrong = [at for at in range(len(word)) if word[at] != text[at]]
        swapped = (
            len(wrong) == 2
            and wrong[1] == wrong[0] + 1
            and word[wrong[0]] + word[wrong[1]] == text[wrong[1]] + text[wrong[0]]
        )
        return len(wrong) == 1 or swapped
    longer, shorter = sorted((word, text), key=len, reverse=True)
    return any(longer[:at] + longer[at + 1 :] == shorter for at in range(len(longer)))
