"""A receiver that verifies as the reference page says takes each event once, and nothing else (A35)."""

import json
import random
import time
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from mailsvc.domain.secret import Secret
from mailsvc.webhooks.sender import Signer
from tests.support.webhook_receiver import OTHER_SECRET, SECRET
from tests.support.webhooks import ReferenceReceiver

EVENTS = 2000


def signed(number: int, now: float, *secrets: str) -> tuple[dict[str, str], bytes]:
    """Return head and body as mailsvc sends them."""
    body = json.dumps({"seq": number, "id": f"evt_{number}", "data": {"state": "sent", "to": "t***@例え.jp"}})
    return Signer([Secret(secret) for secret in secrets or (SECRET,)]).headers(
        f"evt_{number}", body, now
    ), body.encode()


def test_replays_changed_bodies_and_swapped_ids_are_refused() -> None:
    """2,000 events are taken once each; as replays, with a changed body, under another's id they are not."""
    receiver, now = ReferenceReceiver(), time.time()
    sent = [signed(number, now) for number in range(EVENTS)]
    assert all(receiver.take(*one) for one in sent)
    assert not any(receiver.take(*one) for one in sent)
    for number, (headers, body) in enumerate(sent):
        other, _ = sent[number - 1]
        swapped = headers | {"webhook-id": other["webhook-id"]}
        later = headers | {"webhook-timestamp": str(int(now) + 1)}
        place = random.randrange(len(body))
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        for forged in ((swapped, body), (later, body), (other, body), (headers, changed)):
            with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
                receiver.take(*forged)
    assert len(receiver.events) == EVENTS


@pytest.mark.parametrize("shift", [-301, 301])
def test_old_and_future_requests_are_refused(shift: int) -> None:
    """What was signed more than five minutes ago, or ahead, is no delivery of now."""
    with pytest.raises(WebhookVerificationError):
        ReferenceReceiver().take(*signed(1, time.time() + shift))


def test_either_secret_verifies_while_they_rotate() -> None:
    """A receiver with the old, the new or both secrets takes what both have signed, one with neither does not."""
    sent = signed(1, time.time(), SECRET, OTHER_SECRET)
    for secrets in ((SECRET,), (OTHER_SECRET,), (OTHER_SECRET, SECRET)):
        assert ReferenceReceiver(secrets).take(*sent)
    with pytest.raises(WebhookVerificationError):
        ReferenceReceiver(("whsec_" + "AAAA" * 8,)).take(*sent)


def test_instant_is_signed_as_the_head_says_it() -> None:
    """The signature is over the head's whole seconds, in UTC, whatever the fraction."""
    headers, body = signed(1, 1795396542.987)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers["webhook-timestamp"] == "1795396542"
    assert headers["webhook-signature"] == Webhook(SECRET).sign("evt_1", at, body.decode())
