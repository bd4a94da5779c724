"""An undeliverable address refuses mails, but for one proof an hour and with force."""

from typing import Any

import pytest

from mailsvc.store import Store, address_states
from mailsvc.store.address_states import PROOF_INTERVAL, AddressUndeliverable
from mailsvc.store.submit import Submitted, submit
from tests.support.addresses import HOUR, TARO, nobody, resubmit
from tests.support.domain import NOW
from tests.support.store import accept, asked, count, notice, together


@pytest.mark.parametrize("request_", [asked, notice])
async def test_undeliverable_address_refuses_every_mail(store: Store, request_: Any) -> None:
    """Codes and notices are refused with the note, and nothing of them is stored."""
    await nobody(store, 0)
    await nobody(store, 60)
    before = [await count(store, table) for table in ("messages", "events", "challenges")]
    with pytest.raises(AddressUndeliverable) as caught:
        await accept(store, request_(accepted_at=NOW + 70))
    assert caught.value.note["state"] == "undeliverable"
    assert "変更手続き" in caught.value.note["guidance"]["ja"]
    assert [await count(store, table) for table in ("messages", "events", "challenges")] == before


async def test_force_mails_an_undeliverable_address(store: Store) -> None:
    """With force the mail goes out, and the answer still says what is wrong; it takes no proof away."""
    await nobody(store, 0)
    await nobody(store, 60)
    assert (await resubmit(store, 70, force=True)).answer["address"]["state"] == "undeliverable"
    assert (await resubmit(store, 61 + PROOF_INTERVAL)).message is not None


async def test_one_submit_an_hour_passes_as_proof(store: Store) -> None:
    """The first after an hour passes, then one an hour, counted from the one that passed."""
    await nobody(store, 0)
    await nobody(store, 60)
    passed = []
    for minute in range(0, 300, 10):
        try:
            await resubmit(store, 61 + 60 * minute)
            passed.append(minute)
        except AddressUndeliverable:
            pass
    assert passed == [60, 120, 180, 240]


async def test_proof_passes_once_however_many_ask_together(store: Store) -> None:
    """Of many submits in one transaction one is let through."""
    await nobody(store, 0)
    await nobody(store, 60)
    request = asked(accepted_at=NOW + 61 + PROOF_INTERVAL, challenge=None)
    done = await together(store, *[lambda tx: submit(tx, request, (), None)] * 10)
    assert sum(isinstance(one, Submitted) for one in done) == 1
    assert sum(isinstance(one, AddressUndeliverable) for one in done) == 9


async def test_proof_that_was_rolled_back_is_still_to_be_had(store: Store) -> None:
    """A submit that is refused for its rate does not use the hour up."""
    await nobody(store, 0)
    await nobody(store, 60)
    request = asked(accepted_at=NOW + 61 + PROOF_INTERVAL, challenge=None)
    (limited,) = await together(store, lambda tx: submit(tx, request, ((1, 2 * PROOF_INTERVAL),), None))
    assert type(limited).__name__ == "RateLimited"
    assert (await accept(store, request)).message is not None


async def test_hour_begins_anew_with_the_state(store: Store) -> None:
    """A proof of an earlier time does not count for an address that was cleared and is undeliverable again."""
    for start in (0, 2 * HOUR):
        await nobody(store, start)
        await nobody(store, start + 60)
        with pytest.raises(AddressUndeliverable):
            await resubmit(store, start + 61 + PROOF_INTERVAL - 1)
        assert (await resubmit(store, start + 61 + PROOF_INTERVAL)).message is not None
        await store.write(lambda tx: address_states.clear(tx, TARO.identity, "x", NOW))
