"""`mailsvc doctor` from outside (CONTRACT 1), and the same look at the start of a service in production."""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from mailsvc.cli import main
from mailsvc.signing.keys import KeyRing
from tests.support.dns_zone import DnsServer, No, Zone
from tests.support.sender import HELO, IP, IP6, SENDER, healthy_zone, txt, with_txt
from tests.support.service import Service, free_port
from tests.support.settings import PRODUCTION

SEVERITIES = ["error", "warning", "unknown", "info", "ok"]
IDENTITY = {
    "SENDER": f"no-reply@{SENDER}",
    "HELO": HELO,
    "SOURCE_ADDRESSES": f"{IP},{IP6}",
    "ALLOW_PRIVATE_MX": "true",
    "RECEIVER": "127.0.0.1:2525",
}


class Ended(NamedTuple):
    """How the command ended."""

    code: int
    stdout: str
    stderr: str


Doctor = Callable[..., Awaitable[Ended]]


def with_key(folder: Path, zone: Any) -> Zone:
    """Make a key that signs, and publish it; the policy file would be fetched from the Internet."""
    ring = KeyRing(folder / "dkim", SENDER)
    key = ring.activate(ring.new("rsa-sha256", time.time()).selector, published=None)
    zone[key.name] = {"TXT": [txt(key.value)]}
    zone[f"_mta-sts.{SENDER}"] = No.NXDOMAIN
    return {**zone}


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Doctor:
    """Run the command on a folder, in a thread: the zone is served by this one."""

    async def run(*arguments: str, **settings: str) -> Ended:
        for name, value in Service(folder=tmp_path, settings=IDENTITY | settings).environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["mailsvc", "doctor", *arguments])
        code = await asyncio.to_thread(exit_code)
        printed = capsys.readouterr()
        return Ended(code, printed.out, printed.err)

    return run


def exit_code() -> int:
    """Run the command line to its end."""
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code or 0
    assert isinstance(code, int)
    return code


async def test_sound_identity_exits_0_and_prints_the_list_of_the_contract(tmp_path: Path, doctor: Doctor) -> None:
    """`--json` is a list of objects with exactly four members; a sound identity is told so with exit 0."""
    async with DnsServer(zone=with_key(tmp_path, healthy_zone())) as server:
        result = await doctor("--json", "--dns", server.address)
    found = json.loads(result.stdout)
    assert (result.code, result.stderr) == (0, "")
    assert {tuple(finding) for finding in found} == {("check", "severity", "evidence", "publish")}
    assert [f["check"] for f in found if f["severity"] == "warning"] == ["bounce.tls"]  # no certificate is configured
    assert not [f for f in found if f["severity"] in ("error", "unknown")]
    assert [f["severity"] for f in found] == sorted((f["severity"] for f in found), key=SEVERITIES.index)


async def test_error_exits_1_and_shows_what_to_publish(tmp_path: Path, doctor: Doctor) -> None:
    """People see the worst first, each with its evidence and the line to publish, and the totals last."""
    zone = with_key(tmp_path, healthy_zone())
    with_txt(SENDER)(zone)
    async with DnsServer(zone=zone) as server:
        result = await doctor(DNS=server.address)
    lines = result.stdout.splitlines()
    assert result.code == 1
    assert lines[0].startswith(f"error    spf.envelope     {SENDER} has no SPF record")
    assert f'publish: {SENDER}. IN TXT "v=spf1 ip4:{IP} ip6:{IP6} -all"' in result.stdout
    assert lines[-1].startswith("1 error, 1 warning, ")


async def test_dns_in_trouble_exits_0_and_says_that_it_does_not_know(tmp_path: Path, doctor: Doctor) -> None:
    """A resolver that refuses is no error of ours, and stderr says that this is no health either."""
    zone = dict.fromkeys([*with_key(tmp_path, healthy_zone()), "example.jp", "default._bimi.example.jp"], No.REFUSED)
    async with DnsServer(zone={**zone}) as server:
        result = await doctor("--json", "--dns", server.address)
    found = json.loads(result.stdout)
    assert result.code == 0
    assert len([f for f in found if f["severity"] == "unknown"]) > 10
    assert "could not be looked at" in result.stderr


@pytest.mark.parametrize("arguments", [("--dns", "nowhere"), ("--dns", "192.0.2.1:0"), ("extra",), ("--dns",)])
async def test_wrong_use_exits_2_with_one_line(doctor: Doctor, arguments: tuple[str, ...]) -> None:
    """What is no server, and what the command does not take, is refused before anything is asked."""
    result = await doctor(*arguments)
    assert (result.code, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)


async def test_doctor_leaves_no_trace(tmp_path: Path, doctor: Doctor) -> None:
    """In a fresh development folder it answers sensibly, and makes neither folder, key nor secret."""
    async with DnsServer(zone={}) as server:
        result = await doctor("--json", "--dns", server.address, SENDER="no-reply@mail.example.jp")
    found = {finding["check"]: finding for finding in json.loads(result.stdout)}
    assert result.code == 1
    assert found["dkim.keys"]["severity"] == "error"
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240  the command has ended


async def counted(client: httpx2.AsyncClient) -> str:
    """Return the metrics once the first look is over."""
    while True:
        text = (await client.get("/metrics")).text
        if "mailsvc_doctor{" in text:
            return text
        await asyncio.sleep(0.1)


async def test_service_in_production_logs_and_counts_what_is_found(tmp_path: Path) -> None:
    """The start is not held up by a broken record; the log names it, and the metric counts it by check and severity."""
    zone = with_key(tmp_path, healthy_zone())
    with_txt(f"_dmarc.{SENDER}", "v=DMARC1; p=none; rua=mailto:reports@example.jp")(zone)
    port = free_port()
    async with DnsServer(zone=zone) as server:
        named = {
            name.removeprefix("MAILSVC_"): value for name, value in PRODUCTION.items() if name != "MAILSVC_SECRET_KEYS"
        }
        here = {"DNS": server.address, "METRICS": f"127.0.0.1:{port}", "RECEIVER": "", "SOURCE_ADDRESSES": ""}
        async with (
            Service(folder=tmp_path, settings=named | IDENTITY | here) as service,
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
        ):
            async with asyncio.timeout(20):
                text = await counted(client)
            assert 'mailsvc_doctor{check="dmarc.policy",severity="warning"} 1.0' in text
            assert 'mailsvc_doctor{check="spf.envelope",severity="ok"} 1.0' in text
            assert 'severity="unknown"' not in text
            logged = [json.loads(line) for line in service.printed.splitlines() if '"doctor.' in line]
    (line,) = logged
    assert (line["event"], line["level"], line["check"]) == ("doctor.warning", "warning", "dmarc.policy")
    assert "asks for none" in line["evidence"]
    assert "reports@example.jp" not in service.printed
