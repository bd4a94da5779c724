"""Heads of requests that never end."""

import asyncio

import pytest

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
