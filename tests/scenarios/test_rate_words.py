"""The rules reach the routes of a running service: a site that speaks of our rate is left alone for a while."""

from pathlib import Path

from mailsvc.delivery.destinations import BACK_OFF_MIN
from mailsvc.domain.instant import parse_rfc3339
from tests.scenarios.test_address_states import ground, mail
from tests.support.smtp_script import say


async def test_site_that_speaks_of_our_rate_gets_no_session_for_a_while(tmp_path: Path) -> None:
    """450 with words about our rate, not only 421, holds the next mail to the same site back."""
    async with ground(tmp_path) as (service, peer):
        peer.script = {"rcpt": say("450 4.7.0 Rate limit exceeded, too many messages from your address")}
        first = (await service.submit("taro@docomo.ne.jp")).json()["id"]

        async def tried() -> dict[str, str] | None:
            attempts = (await service.client.get(f"/v1/messages/{first}")).json()["attempts"]
            return attempts[0] if attempts else None

        while (deferred := await tried()) is None:
            continue
        peer.script = {}
        second = await mail(service, "hanako@docomo.ne.jp")
        assert (second["state"], deferred["category"]) == ("sent", "rate_limited")
        apart = parse_rfc3339(second["attempts"][0]["at"]) - parse_rfc3339(deferred["at"])
        assert apart >= BACK_OFF_MIN - 0.1
