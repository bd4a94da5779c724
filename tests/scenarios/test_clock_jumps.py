"""The wall clock jumps while codes wait: nothing is handed over late, nothing is given up early, an alarm rises."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.battery.greylist import grey
from tests.support.service import Service
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import Act, Session

LIBRARY = next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), None)
HOUR = 3600.0
JUMPS = (HOUR, -HOUR, 300.0, -300.0)

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (Debian package libfaketime)")


class Jumping(Service):
    """A service whose wall clock, and nothing else, is moved by what stands in a file."""

    def __post_init__(self) -> None:
        """Let the clock be right."""
        self.folder.mkdir()
        self.jump(0)
        super().__post_init__()

    @property
    def environment(self) -> dict[str, str]:
        """The process's environment."""
        return super().environment | {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self.folder / "clock"),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: float) -> None:
        """Set the wall clock to now and so many seconds."""
        file = self.folder / "clock.new"
        file.write_text(f"{seconds:+g}s\n")
        file.rename(self.folder / "clock")


async def test_clock_that_jumps_changes_no_deadline(tmp_path: Path) -> None:
    """Over jumps and back one code waits for its greylist and arrives; one that cannot arrive expires when it must."""
    waits = {b"short": grey(6)["rcpt"], b"long": grey(600)["rcpt"]}

    def rcpt(session: Session) -> Act:
        rule = waits[session.rcpt_line.partition(b"<")[2].partition(b"@")[0]]
        return rule if isinstance(rule, Act) else rule(session)

    async with SmtpPeer(script={"rcpt": rcpt}) as peer:
        settings = {"ROUTE": f"smtp://127.0.0.1:{peer.port}?tls=none"}
        async with Jumping(folder=tmp_path / "service", settings=settings) as service:
            jumping = asyncio.create_task(_jump(service))
            (passed, arrived), (expired, ended) = await asyncio.gather(
                _outcome(service, "short@example.jp"), _outcome(service, "long@example.jp")
            )
            await jumping
    assert (passed["state"], [mail.rcpt_line for mail in peer.stored]) == ("sent", [b"RCPT TO:<short@example.jp>\r\n"])
    assert arrived < 25
    assert expired["state"] == "expired"
    assert 20 < ended < 45  # no further try fits 35 s before the deadline: two last tries may be made


async def _outcome(service: Service, to: str) -> tuple[dict[str, Any], float]:
    """Submit a code of 60 s; return its outcome and the seconds to it."""
    begun = time.monotonic()
    answer = await service.submit(to, expires_in=60)
    return await service.outcome(answer.json()["id"]), time.monotonic() - begun


async def _jump(service: Jumping) -> None:
    """Let the clock jump and come back, and again; each time there is an alarm within 10 s."""
    for seconds in JUMPS:
        await asyncio.sleep(1.5)
        alarms = service.printed.count("clock.jumped")
        service.jump(seconds)
        async with asyncio.timeout(10):
            while service.printed.count("clock.jumped") == alarms:  # noqa: ASYNC110  a file has no event
                await asyncio.sleep(0.2)
        service.jump(0)
