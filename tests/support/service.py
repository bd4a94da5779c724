"""The real service as a process of its own: started with settings, killed, started again, asked over HTTP."""

import asyncio
import itertools
import os
import signal
import sys
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.support.environment import settings_in

CHECKOUT = Path(__file__).parents[2]
API_KEY = "mk_" + "t" * 43
SECRET_KEY = "dGVzdC1rZXktb2YtdGhpcnR5LXR3by1vY3RldHMhISE="
START_SECONDS = 30.0


#: Ports below those that the system gives to connections, so many for each worker: a server that is killed and comes
#: back finds its port as it left it.
_FIRST_PORT, _PORTS = 10_000, 2_500
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
_offsets = itertools.count(os.getpid())  # other runs on this machine begin elsewhere


def free_port() -> int:
    """Return a port of loopback that nobody listens on now, and that nobody else of this run is given."""
    for offset in itertools.islice(_offsets, _PORTS):
        port = _FIRST_PORT + _WORKER * _PORTS + offset % _PORTS
        with suppress(OSError), closing(create_server(("127.0.0.1", port))):
            return port
    raise RuntimeError("no port of this worker is free")


@dataclass(slots=True, kw_only=True)
class Service:
    """``mailsvc run`` on a folder; use it as ``async with Service(folder=…, settings={…}) as service``.

    What it prints is kept in ``stdout`` and ``stderr`` files of the folder, over restarts.
    """

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)  #: MAILSVC_ variables without the prefix
    port: int = field(default_factory=free_port)
    client: httpx2.AsyncClient = field(init=False)
    _process: asyncio.subprocess.Process | None = None

    def __post_init__(self) -> None:
        """Make the client."""
        self.client = httpx2.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=70, trust_env=False
        )

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The process's environment."""
        own = {
            "DATA_DIR": str(self.folder),
            "HTTP": f"127.0.0.1:{self.port}",
            "RECEIVER": "",
            "API_KEY": API_KEY,
            "SECRET_KEYS": SECRET_KEY,
            "ROUTE": "capture",
            "RATE_PER_ADDRESS": "",
        }
        clean = {name: value for name, value in os.environ.items() if name not in settings_in(os.environ)}
        return clean | {f"MAILSVC_{name}": value for name, value in (own | self.settings).items()}

    @property
    def printed(self) -> str:
        """Everything it has written to stdout and stderr."""
        return "".join((self.folder / name).read_text() for name in ("stdout", "stderr"))

    async def __aenter__(self) -> Self:
        """Start it and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it and its client."""
        await self.client.aclose()
        await self.stop()

    async def start(self) -> None:
        """Start the process and wait until it is ready."""
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "mailsvc", "run",
                cwd=self.folder, env=self.environment | {"PYTHONPATH": str(CHECKOUT)}, stdout=out, stderr=err,
            )  # fmt: skip
        async with asyncio.timeout(START_SECONDS):
            while not await self._ready():
                if self._process.returncode is not None:
                    raise RuntimeError(f"the service ended at its start:\n{self.printed}")
                await asyncio.sleep(0.02)

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; return the exit code."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
        return await self._process.wait()

    async def kill(self) -> None:
        """Kill it outright (kill -9)."""
        await self.stop(signal.SIGKILL)

    async def submit(self, to: str = "taro@example.jp", **fields: Any) -> httpx2.Response:
        """Submit a login code."""
        body = {"to": to, "template": "login_code", "code": "042917"} | fields
        headers = {"Idempotency-Key": body.pop("idempotency_key")} if "idempotency_key" in body else {}
        return await self.client.post("/v1/messages", json=body, headers=headers)

    async def outcome(self, message_id: str) -> dict[str, Any]:
        """Return a message once it is final."""
        while True:
            message: dict[str, Any] = (await self.client.get(f"/v1/messages/{message_id}?wait=30")).json()
            if message["state"] != "queued":
                return message

    async def events(self) -> list[dict[str, Any]]:
        """Return the whole event log."""
        found: list[dict[str, Any]] = []
        cursor = 0
        while True:
            page = (await self.client.get(f"/v1/events?after={cursor}&limit=1000")).json()
            found += page["events"]
            if page["next"] == cursor:
                return found
            cursor = page["next"]

    async def _ready(self) -> bool:
        try:
            return (await self.client.get("/readyz")).status_code == httpx2.codes.OK
        except httpx2.HTTPError:
            return False
