"""A mail is kept, the line is lost, and the repeat is refused: nobody may be told that it failed."""

from pathlib import Path

from tests.support.ledger import Ledger, collect
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import Act, Script, Then, in_turn, say


async def test_mail_that_was_kept_and_is_then_refused_ends_as_unknown(tmp_path: Path) -> None:
    """The server keeps the first copy without a reply and calls the second one a duplicate: the end is unknown."""
    ledger = Ledger()
    script: Script = {"dot": in_turn(Act(then=Then.RESET, stores=True), say("554 5.7.1 duplicate mail"))}
    async with (
        SmtpPeer(script=script) as peer,
        Service(folder=tmp_path, settings={"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}) as service,
    ):
        ledger.record((await service.submit()).json())
        (id_,) = ledger.accepted
        message = await service.outcome(id_)
        found = await collect(service, peer.stored)
    assert (message["state"], message["outcome"]["category"]) == ("unknown", None)
    assert [attempt["ambiguous"] for attempt in message["attempts"]] == [True, False]
    assert ledger.violations(found) == []
