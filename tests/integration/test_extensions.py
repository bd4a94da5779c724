"""SMTP extensions through the whole service: the MAIL and RCPT lines on the wire, and the round trips of a mail."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mailsvc.domain.instant import parse_rfc3339
from tests.support.dns_zone import DnsServer, Zone
from tests.support.mx import hand_over, mx_route
from tests.support.service import Service
from tests.support.smtp_peer import Mail, SmtpPeer
from tests.support.smtp_script import Then, in_turn, say

GUARD = 20.0  # seconds of life that are left to the reader (CONTRACT 3.2)
EVERYTHING = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "DSN", "DELIVERBY", "CHUNKING")
#: Capabilities, and what they add to MAIL and RCPT; sizes, ids and seconds stand in braces.
LINES: list[tuple[tuple[str, ...], str, str]] = [
    ((), "", ""),
    (("PIPELINING",), "", ""),
    (("SIZE",), " SIZE={size}", ""),
    (("8BITMIME", "SMTPUTF8"), "", ""),
    (("DSN",), " RET=HDRS ENVID={id}", " NOTIFY={notify} ORCPT=rfc822;ta+2Bro@example.jp"),
    (("DELIVERBY",), " BY={by};R", ""),
    (("DELIVERBY 240",), " BY={by};R", ""),
    (("DELIVERBY 290",), "", ""),
    (EVERYTHING, " SIZE={size} RET=HDRS ENVID={id} BY={by};R", " NOTIFY={notify} ORCPT=rfc822;ta+2Bro@example.jp"),
]


@dataclass
class Way:
    """A service and the one server that its mails go to, over a new connection each."""

    service: Service
    peer: SmtpPeer
    notify: str

    async def send(self, capabilities: tuple[str, ...], **fields: Any) -> tuple[dict[str, Any], Mail]:
        """Mail one code to a server with such capabilities; return the message and the mail."""
        self.peer.capabilities = capabilities
        message = await self.service.outcome((await self.service.submit("ta+ro@example.jp", **fields)).json()["id"])
        assert message["state"] == "sent"
        return message, self.peer.stored[-1]


@pytest.fixture(params=["mx", "relay"])
async def way(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Way]:
    """Start a service on a route."""
    mx = request.param == "mx"
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(SmtpPeer(script={"dot": say("250 2.0.0 Ok", then=Then.CLOSE)}))
        zone: Zone = {"example.jp": {"MX": ["10 mx.example.jp."]}, "mx.example.jp": {"A": [peer.ip]}}
        dns = await stack.enter_async_context(DnsServer(zone=zone))
        own = {"MX_PORT": str(peer.port), "DNS": dns.address, "ALLOW_PRIVATE_MX": "true"}
        settings = {"ROUTE": "mx"} | own if mx else {"ROUTE": f"smtp://{peer.ip}:{peer.port}?tls=none"}
        service = await stack.enter_async_context(Service(folder=tmp_path, settings=settings))
        yield Way(service, peer, "FAILURE,DELAY" if mx else "SUCCESS,FAILURE,DELAY")


async def test_each_extension_is_used_where_it_is_offered_and_only_there(way: Way) -> None:
    """MAIL and RCPT have exactly the parameters of the extensions offered; base64 needs neither 8BITMIME nor UTF-8."""
    for capabilities, mail_adds, rcpt_adds in LINES:
        message, mail = await way.send(capabilities)
        left = parse_rfc3339(message["expires_at"]) - GUARD - time.time()
        by = re.search(rb"BY=(\d+)", mail.mail_line)
        values = {"size": len(mail.data), "id": message["id"], "notify": way.notify, "by": by and int(by[1])}
        tag = re.match(rb"MAIL FROM:<(b\+[a-z2-7]{16,}@mail\.example\.jp)>", mail.mail_line)
        assert tag, mail.mail_line
        assert mail.mail_line.decode() == f"MAIL FROM:<{tag[1].decode()}>{mail_adds.format(**values)}\r\n"
        assert mail.rcpt_line.decode() == f"RCPT TO:<ta+ro@example.jp>{rcpt_adds.format(**values)}\r\n"
        assert by is None or 0 <= int(by[1]) + 1 - left <= 10, (by, left)
        assert mail.data.isascii()


async def test_notice_has_no_time_by_which_it_is_to_be_delivered(way: Way) -> None:
    """A notice is as welcome tomorrow: it is not returned for being late."""
    way.peer.capabilities = EVERYTHING
    body = {"to": "taro@example.jp", "template": "address_changed", "context": {"changed_at": "10:20"}}
    answer = (await way.service.client.post("/v1/messages", json=body)).json()
    assert (await way.service.outcome(answer["id"]))["state"] == "sent"
    assert b"ENVID" in way.peer.stored[-1].mail_line
    assert b"BY=" not in way.peer.stored[-1].mail_line


async def test_deliver_by_is_the_time_that_is_left_when_it_is_said() -> None:
    """A mail that waited for a session asks for as much less."""
    async with (
        SmtpPeer(capabilities=("DELIVERBY",), script={"dot": in_turn(say("250 Ok", after=2.1), say("250 Ok"))}) as peer,
        mx_route({"site.example": peer.ip}, peer.port, connections=1) as route,
    ):
        await asyncio.gather(*(hand_over(route, "taro@site.example", life=100.0, deliver_by=100.0) for _ in range(2)))
    first, second = (int(mail.mail_line.partition(b"BY=")[2].partition(b";")[0]) for mail in peer.stored)
    assert first in (98, 99)
    assert 88 <= second <= 97


class _Bursts(asyncio.Protocol):
    """A server that keeps each piece it reads: what one round trip carries, as long as it fits a segment."""

    def __init__(self, pipelining: bool, read: list[bytes]) -> None:  # noqa: FBT001  the constructor of one test
        self._greeting = b"250-peer.example\r\n250 PIPELINING\r\n" if pipelining else b"250 peer.example\r\n"
        self._read = read
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 peer.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._read.append(data)
        if self._in_data:
            self._in_data = False
            self._transport.write(b"250 2.0.0 Ok\r\n")
            return
        for line in data.splitlines():
            self._in_data = line == b"DATA"
            answers = {b"EHLO": self._greeting, b"DATA": b"354 Go ahead\r\n"}
            self._transport.write(answers.get(line[:4], b"250 2.0.0 Ok\r\n"))


@pytest.mark.parametrize(("pipelining", "trips"), [(True, 2), (False, 4)])
async def test_mail_on_a_warm_connection_takes_two_round_trips(*, pipelining: bool, trips: int) -> None:
    """With PIPELINING the envelope goes out at once, then body and dot; without it each command waits."""
    read: list[bytes] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Bursts(pipelining, read), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, mx_route({"site.example": "127.0.0.1"}, port) as route:
        await hand_over(route, "taro@site.example")
        read.clear()
        await hand_over(route, "hanako@site.example")
        assert len(read) == trips, read
        envelope, (body,) = b"".join(read[:-1]), read[-1:]
    assert [line.partition(b" ")[0] for line in envelope.splitlines()] == [b"MAIL", b"RCPT", b"DATA"]
    assert body.endswith(b"\r\n.\r\n")
