"""Identifiers: order and form of ids, references, tags and return paths."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.identifier import REFERENCE_ALPHABET, new_id, new_reference, new_tag, return_path, tag_of
from tests.support.domain import NOW

TAG = "abcdefghijklmnop234567ab"
BOUNCES = "bounce.example.jp"


def test_id_has_prefix_and_28_letters() -> None:
    """An id is its prefix and letters only, since the mail has one six-digit number; no two are equal."""
    ids = [new_id("msg", NOW) for _ in range(1000)]
    assert all(re.fullmatch(r"msg_[a-p]{28}", id_) for id_ in ids)
    assert len(set(ids)) == 1000


@given(st.floats(0, 10**11), st.floats(0.001, 10**9))
def test_id_of_a_later_millisecond_sorts_later(at: float, more: float) -> None:
    """Ids sort by the millisecond in which they were made."""
    earlier, later = int(at * 1000), int((at + more) * 1000)
    if earlier < later < 1 << 48:
        assert new_id("msg", at) < new_id("msg", at + more)


def test_reference_has_four_clear_characters_and_a_letter() -> None:
    """A reference has four characters of the contract's alphabet, at least one of them a letter."""
    assert REFERENCE_ALPHABET == "ACDEFGHJKMNPQRTUVWXY34679"
    references = {new_reference() for _ in range(5000)}
    assert all(re.fullmatch(rf"[{REFERENCE_ALPHABET}]{{4}}", reference) for reference in references)
    assert not any(reference.isdigit() for reference in references)
    assert set("".join(references)) == set(REFERENCE_ALPHABET)


def test_reference_is_none_of_those_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reference that is taken, and one of digits only, is thrown again."""
    throws = iter("AAAA" + "3467" + "AAAC")
    monkeypatch.setattr("secrets.choice", lambda _: next(throws))
    assert new_reference(frozenset({"AAAA"})) == "AAAC"


def test_tag_has_80_random_bits_or_more_in_lower_case_base32() -> None:
    """A tag has 24 characters of base32, each of which differs between tags."""
    tags = [new_tag() for _ in range(500)]
    assert all(re.fullmatch(r"[a-z2-7]{24}", tag) for tag in tags)
    assert all(len(set(column)) > 16 for column in zip(*tags, strict=True))


def test_return_path_is_read_back_whatever_its_case() -> None:
    """The envelope sender of a tag gives that tag again, however a server writes it."""
    path = return_path(TAG, BOUNCES)
    assert path == f"b+{TAG}@{BOUNCES}"
    assert {tag_of(spelling, "Bounce.example.jp") for spelling in (path, path.upper(), path.title())} == {TAG}


@pytest.mark.parametrize(
    "path",
    [
        "", "@", f"@{BOUNCES}", f"b+@{BOUNCES}", f"{TAG}@{BOUNCES}", f"b-{TAG}@{BOUNCES}", f"b+{TAG}@example.jp",
        f"b+{TAG}", f"b+{TAG[1:]}@{BOUNCES}", f"b+{TAG}a@{BOUNCES}", f"b+{TAG[1:]}1@{BOUNCES}", f"b+b+{TAG}@{BOUNCES}",
        f"b+{TAG}@x@{BOUNCES}", f"b+{TAG}\n@{BOUNCES}", f"b+{TAG}@{BOUNCES}.", f" b+{TAG}@{BOUNCES}",
    ],
)  # fmt: skip
def test_tag_of_any_other_address_is_none(path: str) -> None:
    """An address that is not of our form, to the character, has no tag."""
    assert tag_of(path, BOUNCES) is None


def test_tag_of_takes_no_character_that_only_lowers_to_ascii() -> None:
    """A Kelvin sign is no k, although its lower case is."""
    assert tag_of(f"b+{TAG[1:]}\u212a@{BOUNCES}", BOUNCES) is None
