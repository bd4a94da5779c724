"""`/v1/events`: one log, read behind a cursor (CONTRACT 3.6, pull)."""

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.api import pointers, problem
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import in_turn, say

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def page(service: Service, query: str = "") -> dict[str, Any]:
    """Read one page."""
    answer = await service.client.get(f"/v1/events?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def end(service: Service) -> int:
    """Return the cursor behind everything."""
    events = await service.events()
    return int(events[-1]["seq"]) if events else 0


async def test_event_carries_its_message_in_full(service: Service) -> None:
    """An event has every member of CONTRACT 3.6, the whole address, and as data the message as it stood then."""
    start = await end(service)
    message = await service.outcome(
        (await service.submit("taro@docomo.ne.jp", challenge="c", customer="k")).json()["id"]
    )
    accepted, sent = (await page(service, f"after={start}"))["events"]
    assert set(sent) == {"seq", "id", "type", "at", "message", "challenge", "customer", "address", "data"}
    assert (accepted["type"], sent["type"]) == ("message.accepted", "message.sent")
    assert sent["id"].startswith("evt_")
    assert sent["id"] != accepted["id"]
    assert sent["message"] == message["id"]
    assert (sent["challenge"], sent["customer"], sent["address"]) == ("c", "k", "taro@docomo.ne.jp")
    assert sent["data"] == message
    assert accepted["data"]["state"] == "queued"
    assert "042917" not in json.dumps([accepted, sent])


async def test_events_of_a_message_keep_their_order(service: Service, scripted: SmtpPeer) -> None:
    """Accepted, deferred, superseded or used: each change is one event, in the order in which it happened."""
    start = await end(service)
    scripted.script = {"rcpt": in_turn(say("450 4.2.0 later"), say("250 2.1.5 Ok"))}
    old = (await service.submit(challenge="order")).json()["id"]
    await page(service, f"after={start}&types=message.deferred&wait=30")
    new = (await service.submit(challenge="order", code="111222")).json()["id"]
    await service.outcome(new)
    await service.client.post(f"/v1/messages/{new}/used")
    await service.client.post(f"/v1/messages/{new}/used")
    events = (await page(service, f"after={start}"))["events"]
    types = {of: [event["type"] for event in events if event["message"] == of] for of in (old, new)}
    assert types[old] == ["message.accepted", "message.deferred", "message.superseded"]
    assert types[new] == ["message.accepted", "message.sent", "message.used"]
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})


async def test_pages_join_without_gap_or_repeat(service: Service) -> None:
    """Read one by one or all at once, the log is the same, and its end answers with the cursor that was given."""
    start = await end(service)
    for _ in range(4):
        await service.outcome((await service.submit()).json()["id"])
    whole = await page(service, f"after={start}")
    cursor, singly = start, []
    while (single := await page(service, f"after={cursor}&limit=1"))["events"]:
        singly += single["events"]
        cursor = single["next"]
    assert singly == whole["events"]
    assert (cursor, single["log"]) == (whole["next"], whole["log"])
    assert (await page(service, f"after={cursor}"))["next"] == cursor


async def test_filtered_page_moves_its_cursor_past_what_it_leaves_out(service: Service) -> None:
    """`types` chooses, and `next` has passed the rest too: nothing is read twice."""
    start = await end(service)
    await service.outcome((await service.submit()).json()["id"])
    filtered = await page(service, f"after={start}&types=message.accepted,message.used")
    assert [event["type"] for event in filtered["events"]] == ["message.accepted"]
    assert filtered["next"] == await end(service)
    assert (await page(service, f"after={start}&types=address.changed"))["next"] == filtered["next"]


async def test_wait_answers_with_the_first_event(service: Service) -> None:
    """A long poll at the end of the log is answered by the next event, not at the end of its seconds."""
    start = await end(service)
    poll = asyncio.create_task(page(service, f"after={start}&wait=60"))
    await asyncio.sleep(0.2)
    assert not poll.done()
    message = (await service.submit()).json()["id"]
    assert (await poll)["events"][0]["message"] == message


async def test_wait_passes_over_events_of_other_types(service: Service) -> None:
    """A long poll for one type sleeps through the others, and its cursor has passed them when it ends."""
    start = await end(service)
    poll = asyncio.create_task(page(service, f"after={start}&wait=1&types=message.failed"))
    await service.outcome((await service.submit()).json()["id"])
    found = await poll
    assert (found["events"], found["next"]) == ([], await end(service))


async def test_cursor_beyond_the_end_stays(service: Service) -> None:
    """A cursor that is ahead, as after a restore, is not moved back; `log` tells that it belongs elsewhere."""
    far = await page(service, f"after={2**63 - 1}")
    assert (far["events"], far["next"]) == ([], 2**63 - 1)
    assert far["log"] == (await page(service))["log"]


async def test_cursor_behind_what_is_kept_is_gone(service: Service) -> None:
    """Deleted events are not passed over unseen: 410 names the oldest cursor behind which nothing is missing."""
    for _ in range(2):
        await service.outcome((await service.submit()).json()["id"])
    kept = (await service.events())[3:]
    await service.stop()
    with closing(sqlite3.connect(service.folder / "mailsvc.db")) as store, store:
        store.execute("DELETE FROM events WHERE seq < ?", (kept[0]["seq"],))
    await service.start()
    gone = problem(await service.client.get("/v1/events?after=0"), "cursor_expired")
    assert (await page(service, f"after={gone['oldest']}"))["events"] == kept


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        *((f"after={value}", "after") for value in ("-1", "x", "1.5", str(2**63), "9" * 30)),
        *((f"limit={value}", "limit") for value in ("0", "1001", "x")),
        *((f"wait={value}", "wait") for value in ("-1", "61", "nan")),
        *(
            (f"types={value}", "types")
            for value in ("", "message", "message.sent,", "message.sent,nosuch", "MESSAGE.SENT")
        ),
    ],
)
async def test_wrong_query_is_named(service: Service, query: str, pointer: str) -> None:
    """A parameter out of bounds, or a type that does not exist, is refused by name."""
    assert pointers(await service.client.get(f"/v1/events?{query}")) == {pointer}
