"""A newer code or a cancel that comes between the record of an attempt and its runner's leaving of the gate."""

from functools import partial

import pytest

from mailsvc.domain.message import MessageState
from mailsvc.domain.outcome import Permanence
from mailsvc.domain.reply import Stage
from mailsvc.store import Store, lifecycle
from tests.support.domain import NOW, attempt
from tests.support.store import accept, accepted, asked, current


@pytest.mark.parametrize("how", ["superseded", "cancelled"])
async def test_message_whose_attempt_is_recorded_is_not_raced(store: Store, how: str) -> None:
    """Its dot was answered, so nothing is in flight: it ends at once and is never handed over again."""
    old = await accepted(store)
    assert store.gate.admit(old.id, old.fence)
    deferred = attempt(Permanence.TRANSIENT, stage=Stage.DOT)
    await store.write(partial(lifecycle.conclude, message_id=old.id, made=[deferred], now=NOW + 1))
    if how == "superseded":
        answer = (await accept(store, asked(accepted_at=NOW + 2))).answer
        assert (answer["superseded"], answer["raced"]) == ([old.id], [])
    else:
        await store.write(partial(lifecycle.cancel, message_id=old.id, now=NOW + 2))
    store.gate.leave(old.id)
    assert (await current(store, old)).state is MessageState(how)
    assert await store.write(partial(lifecycle.claim, message_id=old.id, now=NOW + 30)) is None
