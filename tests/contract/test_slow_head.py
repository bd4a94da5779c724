"""Heads of requests that never end, are too large, or are none."""

import asyncio
import resource
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.api import exchange, problem
from tests.support.service import Service

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_connection_whose_head_does_not_arrive_is_closed(service: Service) -> None:
    """A caller that says nothing, or half a head, holds no connection for long; others are served meanwhile."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    half_reader, half_writer = await asyncio.open_connection("127.0.0.1", service.port)
    half_writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    assert (await service.client.get("/healthz")).status_code == 200
    async with asyncio.timeout(15):
        assert await reader.read() == b""
        assert await half_reader.read() == b""
    writer.close()
    half_writer.close()


LIMIT = 16 * 1024
HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Fill: "


def head(octets: int) -> bytes:
    """Return a request whose head has so many octets."""
    return HEAD + b"a" * (octets - len(HEAD) - 4) + b"\r\n\r\n"


def resident(service: Service) -> int:
    """Return how much memory the service has (octets)."""
    assert service._process is not None
    file = Path(f"/proc/{service._process.pid}/statm")
    if not file.exists():
        pytest.skip("the system does not tell how much memory a process has")
    return int(file.read_text().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("pieces", [1, 2])
async def test_head_of_the_limit_is_taken(service: Service, pieces: int) -> None:
    """16 KiB are not too much, and each request of a connection has as many."""
    octets = head(LIMIT)
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    for _ in range(3):
        for piece in (octets[: LIMIT // pieces], octets[LIMIT // pieces :]):
            writer.write(piece)
            await asyncio.sleep(0.05)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
    writer.close()


@pytest.mark.parametrize(
    "octets",
    [
        head(LIMIT + 1),
        b"GET /" + b"a" * LIMIT,
        HEAD + b"a" * 20_000_000,
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5_000_000,
        head(100) + head(2 * LIMIT),
    ],
    ids=["one more", "target", "one header", "many headers", "second request"],
)
async def test_larger_head_is_refused_by_a_problem(service: Service, octets: bytes) -> None:
    """One octet more is 431, and so are megabytes: their sender still gets to read the answer, then the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(octets)
    answer = await reader.read()
    writer.close()
    assert b"HTTP/1.1 431 Request Header Fields Too Large\r\n" in answer
    assert b"connection: close\r\n" in answer
    assert b'"type":"/problems/request_header_too_large"' in answer


async def test_larger_head_is_not_kept(service: Service) -> None:
    """A head without end costs no memory."""
    before = resident(service)
    with suppress(ConnectionError):
        await exchange(service, HEAD, *[b"a" * 1_000_000] * 50)
    assert resident(service) - before < 10_000_000


@pytest.mark.parametrize(
    "octets",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"kanariya7 /\r\n\r\n",
        b"GET / HTTP/1.1\r\nno header\r\n\r\n",
        b"CONNECT example.jp:443 HTTP/1.1\r\nHost: example.jp\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    ],
    ids=["TLS", "words", "no header", "CONNECT", "length"],
)
async def test_what_is_no_request_is_refused_by_a_problem(service: Service, octets: bytes) -> None:
    """What the parser cannot read is `malformed` like every other refusal, and nothing of it is repeated."""
    answer = await exchange(service, octets)
    assert problem(answer, "malformed")["detail"] == "what was sent is no well-formed HTTP/1.1 request"
    assert answer.headers["connection"] == "close"


async def test_upgrade_is_passed_over_in_silence(service: Service) -> None:
    """Who asks for a WebSocket is answered in HTTP, may go on, and leaves no advice in the log."""
    upgrade = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    for _ in range(2):
        writer.write(upgrade)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200 ")
    writer.close()
    assert "pgrade" not in service.printed
