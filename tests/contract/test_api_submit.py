"""`POST /v1/messages`: what is taken, what the 202 says, and every rule of a field (CONTRACT 3.1)."""

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tests.support.api import pointers, problem, until
from tests.support.ledger import message_of
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import say

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3600
NOTICE: dict[str, Any] = {"template": "address_changed", "code": None}
TOKYO = timezone(timedelta(hours=9))


def instant(text: str) -> float:
    """Read an instant of an answer, which is in UTC with milliseconds."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    return datetime.fromisoformat(text).timestamp()


def life(accepted: dict[str, Any]) -> float:
    """Return how long an accepted message lives (seconds)."""
    return round(instant(accepted["expires_at"]) - instant(accepted["accepted_at"]), 2)


async def test_accepted_message_is_described_as_the_contract_says(service: Service) -> None:
    """The 202 has every member of CONTRACT 3.1, masks the address and says where the message is to be read."""
    answer = await service.submit("taro@docomo.ne.jp", challenge="shape", customer="c-1")
    assert answer.status_code == 202
    accepted = answer.json()
    assert set(accepted) == {
        *("id", "state", "reference", "to", "accepted_at", "expires_at", "superseded", "raced", "address")
    }
    assert accepted["id"].startswith("msg_")
    assert (accepted["state"], accepted["to"], accepted["address"]) == ("queued", "t***@docomo.ne.jp", None)
    assert (accepted["superseded"], accepted["raced"]) == ([], [])
    assert abs(instant(accepted["accepted_at"]) - time.time()) < 10
    assert answer.headers["location"] == f"/v1/messages/{accepted['id']}"
    assert "idempotent-replay" not in answer.headers


async def test_references_of_a_challenge_are_readable_and_distinct(service: Service) -> None:
    """A 受付番号 has four characters that nobody mistakes, a letter among them; no other of its challenge is equal."""
    answers = [await service.submit(f"r{number}@example.jp", challenge="references") for number in range(25)]
    references = [answer.json()["reference"] for answer in answers]
    assert all(re.fullmatch(r"(?=.*[A-Z])[ACDEFGHJKMNPQRTUVWXY34679]{4}", reference) for reference in references)
    assert len(set(references)) == len(references)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"template": "login_code_reissued"}, "/challenge"),
        ({"template": "login_code_reissued", "challenge": "c"}, None),
        ({"template": "address_confirmation"}, None),
        ({"template": "address_confirmation", "code": None}, "/code"),
        (NOTICE, None),
        ({"template": "address_changed", "code": "042917"}, "/code"),
        ({"locale": "en"}, None),
        ({"locale": "en_US"}, "/locale"),
        ({"force": True}, None),
        ({"context": {}}, None),
        ({"context": {"environment": "Windows / Chrome"}}, None),
        ({"context": {"environment": "あ" * 40}}, None),
        ({"context": {"environment": "あ" * 41}}, "/context/environment"),
        ({"context": {"environment": "see http://x"}}, "/context/environment"),
        ({"context": {"environment": "www.example.jp"}}, "/context/environment"),
        ({"context": {"environment": "a@b"}}, "/context/environment"),
        ({"context": {"environment": "a＠b"}}, "/context/environment"),
        ({"context": {"environment": "code 123456"}}, "/context/environment"),
        ({"context": {"environment": "１２３４５６"}}, "/context/environment"),
        ({"context": {"environment": "a\r\nBcc: x"}}, "/context/environment"),
        ({"context": {"environment": "a\u200bb"}}, "/context/environment"),
        ({"context": {"environment": ""}}, "/context/environment"),
        ({"context": {"changed_at": "10:00"}}, "/context/changed_at"),
        ({"template": "address_confirmation", "context": {"environment": "x"}}, "/context/environment"),
        (NOTICE | {"context": {"changed_at": "11月23日 10:15"}}, None),
        (NOTICE | {"context": {"environment": "x"}}, "/context/environment"),
    ],
    ids=repr,
)
async def test_template_rules_decide(service: Service, fields: dict[str, Any], pointer: str | None) -> None:
    """Each template takes its own code, challenge, language and variables, and names the field that does not fit."""
    answer = await service.submit(**fields)
    if pointer is None:
        assert answer.status_code == 202, answer.text
    else:
        assert pointers(answer) == {pointer}


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        ({}, 300),
        ({"expires_in": 30}, 30),
        ({"expires_in": 29.99}, None),
        ({"expires_in": 299.5}, 299.5),
        ({"expires_in": 300}, 300),
        ({"expires_in": 300.01}, 300),
        ({"expires_in": 330}, 300),
        ({"expires_in": 330.01}, None),
        ({"expires_in": 0}, None),
        ({"expires_in": -300}, None),
        (NOTICE, 24 * HOUR),
        (NOTICE | {"expires_in": 1}, 1),
        (NOTICE | {"expires_in": 72 * HOUR}, 72 * HOUR),
        (NOTICE | {"expires_in": 72 * HOUR + 1}, None),
        (NOTICE | {"expires_in": 0}, None),
    ],
    ids=repr,
)
async def test_life_is_kept_within_its_bounds(service: Service, fields: dict[str, Any], seconds: float | None) -> None:
    """A code lives 30 to 300 s, asked for up to 330; a notice up to 72 h."""
    answer = await service.submit(**fields)
    if seconds is None:
        assert pointers(answer) == {"/expires_in"}
    else:
        assert life(answer.json()) == seconds


@pytest.mark.parametrize("zone", [UTC, TOKYO])
async def test_deadline_as_an_instant_is_kept(service: Service, zone: timezone) -> None:
    """An instant counts in any offset; one that lies a clock's error beyond 300 s is cut."""
    wanted = datetime.now(zone).replace(microsecond=0) + timedelta(seconds=120)
    accepted = (await service.submit(expires_at=wanted.isoformat())).json()
    assert instant(accepted["expires_at"]) == wanted.timestamp()
    far = datetime.now(zone) + timedelta(seconds=325)
    assert life((await service.submit(expires_at=far.isoformat())).json()) == 300


@pytest.mark.parametrize(
    "text",
    [
        *("", "tomorrow", "2026-11-23", "2026-11-23T10:20:00", "2026-11-23 10:20:00+09:00", "2026-W48-1T10:20:00Z"),
        *("2026-13-01T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T10:20:00+99:99", "２０２６-11-23T10:20:00Z"),
        *("2001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59"),
    ],
)
async def test_deadline_that_is_none_is_refused(service: Service, text: str) -> None:
    """A text that is no instant with an offset, or one long past or far off, is named."""
    assert pointers(await service.submit(expires_at=text)) == {"/expires_at"}


async def test_two_deadlines_are_refused(service: Service) -> None:
    """`expires_at` and `expires_in` at once are 422, since nobody knows which one was meant."""
    at = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    assert pointers(await service.submit(expires_at=at, expires_in=60)) == {"/expires_in"}


async def test_newer_code_supersedes_older_ones_of_its_challenge(service: Service, scripted: SmtpPeer) -> None:
    """Older codes that wait are superseded, all of them; notices of the challenge stay out of it on both sides."""
    scripted.script = {"rcpt": say("450 4.2.0 later")}
    first = (await service.submit(challenge="chain")).json()
    second = (await service.submit(challenge="chain", code="111222")).json()
    notice = (await service.submit(challenge="chain", **NOTICE)).json()
    third = (await service.submit(challenge="chain", code="333444", template="login_code_reissued")).json()
    assert second["superseded"] == [first["id"]]
    assert (notice["superseded"], third["superseded"], third["raced"]) == ([], [second["id"]], [])
    for message, state in ((first, "superseded"), (second, "superseded"), (notice, "queued"), (third, "queued")):
        assert (await service.client.get(f"/v1/messages/{message['id']}")).json()["state"] == state
    for message in (notice, third):
        await service.client.post(f"/v1/messages/{message['id']}/cancel")


async def test_code_past_its_dot_is_raced(service: Service, scripted: SmtpPeer) -> None:
    """A code whose final dot is in flight is listed as raced, not as superseded, and ends as what came back."""
    scripted.script = {"dot": say("250 2.0.0 Ok", after=1.0)}
    old = (await service.submit(challenge="race")).json()
    await until(lambda: any(message_of(mail) == old["id"] for mail in scripted.mails))
    new = (await service.submit(challenge="race", code="111222")).json()
    assert (new["superseded"], new["raced"]) == ([], [old["id"]])
    assert (await service.outcome(old["id"]))["state"] == "sent"


async def test_known_refusals_name_no_problem_that_does_not_exist(service: Service) -> None:
    """An empty object is refused for what is missing, not for what it never had."""
    answer = await service.client.post("/v1/messages", json={})
    assert pointers(answer) == {"/to", "/template"}
    assert "code" not in problem(answer, "invalid_request")["detail"]
