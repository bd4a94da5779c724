"""The guard of the test run: nothing leaves this machine, whichever way it is tried."""

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import uvloop

from tests.support.loopback import OutsideLoopbackError

OUTSIDE = "192.0.2.1"


def connect() -> None:
    with socket.socket() as client:
        client.connect((OUTSIDE, 25))


def connect_ex() -> None:
    with socket.socket() as client:
        client.connect_ex((OUTSIDE, 25))


def send_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", (OUTSIDE, 53))


def look_up() -> None:
    socket.getaddrinfo("mx.example.jp", 25)


def look_up_old() -> None:
    socket.gethostbyname("mx.example.jp")


async def _open(host: str) -> None:
    await asyncio.open_connection(host, 25)


async def _datagrams(host: str) -> None:
    await asyncio.get_running_loop().create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=(host, 53))


async def _get() -> None:
    async with httpx2.AsyncClient(trust_env=False) as client:
        await client.get("http://mx.example.jp/")


@pytest.mark.parametrize("reach", [connect, connect_ex, send_datagram, look_up, look_up_old])
def test_socket_outside_refused(reach: Callable[[], None]) -> None:
    """A socket or a look-up that would leave the machine fails the test."""
    with pytest.raises(OutsideLoopbackError):
        reach()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize(
    "reach", [lambda: _open(OUTSIDE), lambda: _open("mx.example.jp"), lambda: _datagrams(OUTSIDE), _get]
)
def test_event_loop_outside_refused(loop: Callable[[], asyncio.AbstractEventLoop], reach: Callable[[], Any]) -> None:
    """An event loop that would leave the machine fails the test, uvloop too."""
    with pytest.raises(OutsideLoopbackError), asyncio.Runner(loop_factory=loop) as runner:
        runner.run(reach())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2"])
def test_event_loop_loopback_let_through(loop: Callable[[], asyncio.AbstractEventLoop], host: str) -> None:
    """Loopback is reached as ever."""

    async def exchange() -> bytes:
        async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 ready\r\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(greet, "127.0.0.1" if host == "localhost" else host, 0) as server:
            reader, writer = await asyncio.open_connection(host, server.sockets[0].getsockname()[1])
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
            return line

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(exchange()) == b"220 ready\r\n"
