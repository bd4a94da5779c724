"""The deadline a caller may ask for."""

import pytest

from mailsvc.domain.secret import Secret
from mailsvc.domain.submission import DeadlineError, expiry
from tests.support.domain import CODE
from tests.support.store import asked

HOUR = 3600.0
NOW = 1_795_396_542.0
TAKEN = [
    # code, asked life, life given
    (True, 30, 30),
    (True, 299.5, 299.5),
    (True, 300, 300),
    (True, 300.5, 300),
    (True, 330, 300),
    (False, 0.5, 0.5),
    (False, 24 * HOUR, 24 * HOUR),
    (False, 72 * HOUR, 72 * HOUR),
]
REFUSED = [
    *((True, life, "must be 30 to 330 s ahead") for life in (-10, 0, 29.5, 330.5, HOUR)),
    *((False, life, "must be ahead by up to 72 h") for life in (-10, 0, 72 * HOUR + 0.5)),
]


@pytest.mark.parametrize(("is_code", "life", "given"), TAKEN)
def test_expiry_within_bounds_is_taken_and_cut(is_code: bool, life: float, given: float) -> None:  # noqa: FBT001  a parameter
    """A code may ask for 30 to 330 s and lives 300 s at most, a notice for up to 72 h."""
    assert expiry(NOW + life, is_code=is_code, now=NOW) == NOW + given


@pytest.mark.parametrize(("is_code", "life", "words"), REFUSED)
def test_expiry_out_of_bounds_names_them(is_code: bool, life: float, words: str) -> None:  # noqa: FBT001  a parameter
    """A deadline that is too near or too far is refused with the bounds."""
    with pytest.raises(DeadlineError) as caught:
        expiry(NOW + life, is_code=is_code, now=NOW)
    assert str(caught.value) == words


@pytest.mark.parametrize("life", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("is_code", [True, False])
def test_expiry_that_is_no_instant_is_refused(is_code: bool, life: float) -> None:  # noqa: FBT001  a parameter
    """Not-a-number and the infinities are out of bounds."""
    with pytest.raises(DeadlineError):
        expiry(NOW + life, is_code=is_code, now=NOW)


def test_submission_repr_hides_the_code() -> None:
    """What prints a request does not print its code."""
    assert CODE not in repr(asked(code=Secret(CODE)))
