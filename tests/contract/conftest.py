"""One running service per test file, delivering to a scripted peer; tests of a file share both and clean up."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def peer() -> AsyncIterator[SmtpPeer]:
    """Listen as the relay; a test that scripts it calls for `scripted`."""
    async with SmtpPeer() as peer:
        yield peer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(peer: SmtpPeer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """Run the service, relaying to the peer."""
    settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}
    async with Service(folder=tmp_path_factory.mktemp("service"), settings=settings) as service:
        yield service


@pytest_asyncio.fixture(loop_scope="module")
async def scripted(peer: SmtpPeer) -> AsyncIterator[SmtpPeer]:
    """Let a test script the peer, and have it behave well again afterwards."""
    yield peer
    peer.script = {}
