"""Fetching an MTA-STS policy: from the address that our DNS names, over HTTPS that would convince any sender."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme

from mailsvc.checks.sender.https import POLICY_MAX, PolicyUnreachable, PolicyWrong, fetch_policy
from mailsvc.dns import NoSuchDomain
from mailsvc.dns.answer import Records
from tests.support.service import free_port

HOST = "mta-sts.mail.example.jp"
CA = trustme.CA()


async def ask(name: str, type_: str) -> Records:
    """Answer that the policy host is on loopback."""
    if name != HOST:
        raise NoSuchDomain(name)
    return Records(("127.0.0.1",) if type_ == "A" else (), 60.0)


@asynccontextmanager
async def site(
    answer: bytes | None, *, name: str = HOST, tls: bool = True, requests: list[bytes] | None = None
) -> AsyncIterator[int]:
    """Serve one answer, or none at all, over TLS; yield the port, and end when every connection has."""
    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = asyncio.Event()
        ended.append(end)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if requests is not None:
                requests.append(head)
            if answer is not None:
                writer.write(answer)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        end.set()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(name).configure_cert(context)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context if tls else None)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for event in ended:
        await event.wait()


async def fetched(port: int, host: str = HOST) -> str:
    """Fetch with our own authority trusted."""
    trusted = ssl.create_default_context()
    CA.configure_trust(trusted)
    return await fetch_policy(ask, host, port=port, trusted=trusted)


async def test_policy_is_fetched_by_name_from_the_address_dns_gives() -> None:
    """The request names the policy host, though it goes to the address that the asked resolver has."""
    requests: list[bytes] = []
    body = b"version: STSv1\r\nmode: none\r\nmax_age: 60\r\n"
    async with site(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body), requests=requests) as port:
        assert await fetched(port) == body.decode()
    assert requests[0].startswith(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
    assert f"\r\nhost: {HOST}\r\n".encode() in requests[0].lower()


@pytest.mark.parametrize(
    ("answer", "name", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", HOST, "answers 404"),
        (b"HTTP/1.1 301 Moved\r\nLocation: https://example.jp/\r\nContent-Length: 0\r\n\r\n", HOST, "answers 301"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * (POLICY_MAX + 1), HOST, "is longer than"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "www.example.jp", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
async def test_site_that_no_sender_would_believe_is_wrong(answer: bytes, name: str, reason: str) -> None:
    """Another status, a redirect, too long an answer, another name's certificate: senders have no policy."""
    async with site(answer, name=name) as port:
        with pytest.raises(PolicyWrong, match=reason):
            await fetched(port)


async def test_host_without_address_is_wrong() -> None:
    """A policy host that DNS does not know serves nobody."""
    with pytest.raises(PolicyWrong, match="has no address"):
        await fetched(1, "mta-sts.example.com")


async def test_site_that_does_not_answer_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused or silent connection may be our own network's doing: nothing is said of the policy."""
    monkeypatch.setattr("mailsvc.checks.sender.https.STEP_TIMEOUT", 0.2)
    with pytest.raises(PolicyUnreachable):
        await fetched(free_port())

    async with site(None, tls=False) as port:  # takes the connection, and says nothing to the handshake
        with pytest.raises(PolicyUnreachable, match="Timeout"):
            await fetched(port)
