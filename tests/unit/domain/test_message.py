"""Messages: which states are final, and the instants that follow from a message's life."""

from dataclasses import fields

import pytest

from mailsvc.domain.message import Message, MessageState, Revocation
from tests.support.domain import CODE, NOW, message


def test_every_state_but_queued_is_final() -> None:
    """A message that is not queued has ended, in one of the six ways of the contract."""
    assert [state for state in MessageState if not state.final] == [MessageState.QUEUED]
    assert {state.value for state in MessageState if state.final} == {
        *("sent", "failed", "expired", "superseded", "cancelled", "unknown"),
    }


@pytest.mark.parametrize("why", Revocation)
def test_every_revocation_is_the_state_it_ends_in(why: Revocation) -> None:
    """Why a message was revoked is the name of the final state."""
    assert MessageState(why).final


@pytest.mark.parametrize(("is_code", "guard"), [(True, 20.0), (False, 0.0)])
def test_hand_over_ends_before_the_guard_of_a_code(is_code: bool, guard: float) -> None:  # noqa: FBT001  a parameter
    """A code is handed over with 20 s of life or more, a notice until its deadline."""
    assert message(is_code=is_code).hand_over_by == NOW + 300 - guard


def test_half_life_lies_between_acceptance_and_deadline() -> None:
    """A message is at risk after half of its life."""
    assert message(expires_at=NOW + 100).half_life == NOW + 50


def test_message_repr_hides_the_code() -> None:
    """Whatever prints a message or a part of it does not print the code."""
    printed = [repr(message()), str(message()), *(repr(getattr(message(), field.name)) for field in fields(Message))]
    assert not any(CODE in text for text in printed)
