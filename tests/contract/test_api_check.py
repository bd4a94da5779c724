"""`POST /v1/addresses/check` from outside: shape, verdicts, times, secrecy (CONTRACT 3.4)."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.support.api import key_with, pointers, problem
from tests.support.dns_zone import DnsServer, No, Zone
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLIC = {"A": ["8.8.8.8"]}
ZONE: Zone = {
    "docomo.ne.jp": {"MX": ["10 mx.good.jp."]},
    "ezweb.ne.jp": {"MX": ["10 mx.good.jp."]},
    "gmail.com": {"MX": ["20 mx2.good.jp.", "10 mx.good.jp."]},
    "gmial.com": {"MX": ["10 mx.good.jp."]},
    "good.jp": {"MX": ["10 mx.good.jp."]},
    "mx.good.jp": PUBLIC,
    "mx2.good.jp": PUBLIC,
    "xn--wgv71a119e.jp": PUBLIC,
    "null.jp": {"MX": ["0 ."]},
    "empty.jp": {"TXT": ['"x"']},
    "private.jp": {"A": ["10.1.2.3"]},
    "goo.jp": {"MX": ["10 mx.good.jp."]},
    "servfail.jp": No.SERVFAIL,
    "silent.jp": No.SILENCE,
}
MEMBERS = ["address", "normalized", "wire", "verdict", "reasons", "suggestions", "domain", "state", "advice"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[DnsServer]:
    """Answer DNS."""
    async with DnsServer(zone=dict(ZONE)) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(server: DnsServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run the service with that DNS."""
    async with Service(folder=tmp_path_factory.mktemp("service"), settings={"DNS": server.address}) as service:
        yield service


async def check(service: Service, address: str) -> dict[str, Any]:
    """Check an address; the answer is 200 whatever the verdict."""
    answer = await service.client.post("/v1/addresses/check", json={"address": address})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert list(found) == MEMBERS
    assert found["address"] == address
    for reason in found["reasons"]:
        assert list(reason) == ["code", "severity", "message"]
        assert all(reason["message"][language] for language in ("ja", "en"))
    return found


async def test_good_address_is_ok(service: Service) -> None:
    """Nothing is said against an address that can receive, and how to let our mail in is told."""
    found = await check(service, "taro@docomo.ne.jp")
    advice = found.pop("advice")
    assert found == {
        "address": "taro@docomo.ne.jp",
        "normalized": "taro@docomo.ne.jp",
        "wire": "taro@docomo.ne.jp",
        "verdict": "ok",
        "reasons": [],
        "suggestions": [],
        "domain": {
            "ascii": "docomo.ne.jp",
            "kind": "carrier",
            "mx": [{"preference": 10, "host": "mx.good.jp"}],
            "null_mx": False,
        },
        "state": None,
    }
    assert "受信リスト設定" in advice["ja"]
    assert "mail.example.jp" in advice["ja"]
    assert "mail.example.jp" in advice["en"]


async def test_typo_in_full_width_is_repaired_and_asked_about(service: Service) -> None:
    """The contract's example: repaired, warned of, with the address that was meant."""
    found = await check(service, "ｔａｒｏ＠gmial．com")
    assert (found["normalized"], found["wire"], found["verdict"]) == ("taro@gmial.com", "taro@gmial.com", "warn")
    assert {"typo_domain", "normalized"} <= {reason["code"] for reason in found["reasons"]}
    assert found["suggestions"] == ["taro@gmail.com"]
    assert found["domain"]["mx"] == [{"preference": 10, "host": "mx.good.jp"}]


@pytest.mark.parametrize(
    ("address", "verdict", "code"),
    [
        ("taro@gmail.com", "ok", None),
        ("taro@日本語.jp", "ok", None),
        ("taro..x@docomo.ne.jp", "ok", "nonconforming_local"),
        ("taro@goo.jp", "warn", "discontinued_domain"),
        ("taro@absent-company.co.jp", "reject", "no_such_domain"),
        ("taro@null.jp", "reject", "null_mx"),
        ("taro@empty.jp", "reject", "no_mail_host"),
        ("taro@private.jp", "reject", "mail_host_not_public"),
        ("taro@servfail.jp", "unknown", "dns_temporary"),
        ("ta ro@good.jp", "reject", "syntax"),
        ("太郎@good.jp", "reject", "smtputf8_local"),
    ],
)
async def test_each_verdict_is_given(service: Service, address: str, verdict: str, code: str | None) -> None:
    """The verdict is that of the worst reason, and the reason is named."""
    found = await check(service, address)
    assert found["verdict"] == verdict
    assert [reason["code"] for reason in found["reasons"]] == ([code] if code else [])


async def test_wire_is_what_is_mailed(service: Service) -> None:
    """An international domain is told in A-labels, a carrier's old address in quotes, and nothing of what is none."""
    assert (await check(service, "taro@日本語.jp"))["wire"] == "taro@xn--wgv71a119e.jp"
    assert (await check(service, "taro..x@docomo.ne.jp"))["wire"] == '"taro..x"@docomo.ne.jp'
    found = await check(service, "no address")
    assert (found["wire"], found["domain"], found["state"], found["advice"]) == (None, None, None, None)


async def test_service_that_ended_is_rejected_without_mail_host(service: Service) -> None:
    """`discontinued_domain` is a warning only while mail can arrive."""
    found = await check(service, "taro@mail.goo.ne.jp")
    assert found["verdict"] == "reject"
    severities = {reason["code"]: reason["severity"] for reason in found["reasons"]}
    assert severities == {"discontinued_domain": "reject", "no_such_domain": "reject"}


async def test_dns_that_hangs_is_answered_within_five_seconds(service: Service) -> None:
    """Silence of a name server is `unknown` in time, and keeps no other check waiting."""
    async with asyncio.timeout(5):
        slow = asyncio.create_task(check(service, "taro@silent.jp"))
        await asyncio.sleep(0.1)
        async with asyncio.timeout(1):
            assert (await check(service, "hanako@docomo.ne.jp"))["verdict"] == "ok"
        assert (await slow)["verdict"] == "unknown"


@pytest.mark.parametrize(
    "address",
    [
        *("", " ", "@", "@@", "\x00", "\r\n", "a@\x00.jp", "taro@[127.0.0.1]", "taro@127.0.0.1", "<a@good.jp>"),
        *("あ" * 4000, "a" * 10_000 + "@good.jp", "taro@" + "a." * 3000 + "jp", "@" * 5000, "taro@xn--.jp"),
        *("taro@good.jp\r\nRCPT TO:<x@good.jp>", "\u202etaro@good.jp", "taro@good.jp\u200b", "💴@💴.jp", "a@b..jp"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_odd_input_is_answered(service: Service, address: str) -> None:
    """Whatever is typed into a form is a 200 with a verdict, repeated as it came."""
    assert (await check(service, address))["verdict"] in {"ok", "warn", "unknown", "reject"}


async def test_known_states_are_told(service: Service) -> None:
    """An address that took a mail is told as deliverable."""
    assert (await check(service, "jiro@good.jp"))["state"] is None
    message = (await service.submit("jiro@good.jp")).json()
    assert (await service.outcome(message["id"]))["state"] == "sent"
    assert (await check(service, "JIRO@good.jp"))["state"] == "deliverable"


@pytest.mark.parametrize(
    ("body", "wrong"),
    [({}, "/address"), ({"address": 1}, "/address"), ({"address": None}, "/address"), ({"address": "x", "a": 1}, "/a")],
)
async def test_body_of_another_shape_is_refused(service: Service, body: dict[str, Any], wrong: str) -> None:
    """Only the body's shape can be wrong, never the address."""
    assert pointers(await service.client.post("/v1/addresses/check", json=body)) == {wrong}


async def test_only_scope_check_lets_in(service: Service) -> None:
    """A form's key can check and nothing else."""
    key = await key_with(service, "check")
    body = {"address": "taro@good.jp"}
    assert (await service.client.post("/v1/addresses/check", json=body, headers=key)).status_code == 200
    problem(await service.client.post("/v1/addresses/state", json=body, headers=key), "forbidden")


async def test_open_check_outlives_the_process_and_is_in_no_log(service: Service) -> None:
    """What DNS left open is kept; no address that was checked stands in the log."""
    assert (await check(service, "kept-secret@servfail.jp"))["verdict"] == "unknown"
    await service.kill()
    await service.start()
    assert b"kept-secret@servfail.jp" in b"".join(
        path.read_bytes() for path in service.folder.iterdir() if path.name.startswith("mailsvc.db")
    )
    assert "kept-secret" not in service.printed
    assert "servfail.jp" not in service.printed


async def test_check_is_documented_with_an_example(service: Service) -> None:
    """The OpenAPI document has the request, every member of the answer, and an example of both."""
    document = (await service.client.get("/openapi.json")).json()
    operation = document["paths"]["/v1/addresses/check"]["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/CheckRequest")
    view = document["components"]["schemas"]["CheckView"]
    assert list(view["properties"]) == MEMBERS
    assert set(view["examples"][0]) == set(MEMBERS)
    assert "kind" in json.dumps(document["components"]["schemas"]["DomainView"])
