"""Webhooks in the console: what is parked is seen, sent again, and noted."""

import asyncio
from pathlib import Path

from tests.support.console import post, signed_in
from tests.support.service import Service
from tests.support.webhook_receiver import OK, Act, WebhookReceiver


async def test_parked_events_are_sent_again_and_noted(tmp_path: Path) -> None:
    """An operator sees why an event was not taken, at its message too, and has one or all sent again."""
    async with (
        WebhookReceiver(script=lambda _event: Act(422)) as receiver,
        Service(folder=tmp_path, settings={"WEBHOOKS": receiver.setting()}) as service,
        signed_in(service) as client,
    ):
        message_id = (await service.submit()).json()["id"]
        await service.outcome(message_id)
        async with asyncio.timeout(15):
            # Those of the sample mail of development may come first.
            while "message.sent" not in (page := (await client.get("/console/webhooks")).text):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            while "message.sent" not in (await client.get(f"/console/messages/{message_id}")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert "422" in page
        assert page.count('name="event"') >= 2
        assert "message.sent" in (await client.get(f"/console/messages/{message_id}")).text
        receiver.script = lambda _event: OK
        answer = await post(client, "/webhooks/replay", url=receiver.url)
        assert answer.headers["location"] == "/console/webhooks?notice=replayed"
        answer = await post(client, "/webhooks/replay", url=receiver.url)
        assert answer.headers["location"] == "/console/webhooks?notice=nothing_parked"
        await service.client.post("/v1/webhooks/replay", json={"after": 0})
        log = (await client.get("/console/actions")).text
        assert log.count("Webhook events sent again") == 3
        assert "after 0" in log
        async with asyncio.timeout(15):
            while sum(got.status == 200 for got in receiver.got) < 2:  # noqa: ASYNC110  it only notes what comes
                await asyncio.sleep(0.05)
