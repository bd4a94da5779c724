"""Reading reports in a process of its own, which may die of them: started when needed, replaced when it has died.

The process is a new interpreter (never a fork of this one). Whatever a report does there, the answer here is a `Report`
or an `Unread` that says why not; only a process that cannot be started at all is an error, and no report's fault.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mailsvc.domain.outcome import Category
from mailsvc.domain.report import Action, Kind, Report, Reported

#: Processor time that one report may take (seconds).
CPU_SECONDS = 2.0
#: Address space of the process (octets).
MEMORY = 512 * 1024 * 1024
LENGTH = 4  #: octets of a frame's length
READY = b"ready"  #: the first frame: the process is ready
#: Time that one report may take (seconds); a busy machine is no report's fault.
PATIENCE = 30.0
#: Time until a new process must be ready (seconds).
START_PATIENCE = 30.0
#: Time for a process that says nothing more to be gone (seconds).
END_PATIENCE = 1.0
#: Reports that one process reads; a leak never grows into its limit.
READ_MAX = 10_000
#: An answer is at most so large (octets).
ANSWER_MAX = 1024 * 1024
COMMAND = (sys.executable, "-P", "-m", "mailsvc.feedback.child")


class IsolationError(Exception):
    """No process can be started to read reports."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A report that was not read."""

    problem: str  #: in words that never repeat the mail
    final: bool  #: another try would end likewise


class ReportReader:
    """One process that reads one report after the other."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._process: Process | None = None
        self._read = 0

    async def read(self, mails: Sequence[bytes]) -> list[Report | Unread]:
        """Read mails in their order; those behind one that ended the process have no answer.

        Raises `IsolationError`.
        """
        if self._process is None or self._read >= READ_MAX:
            await self.close()
            await self._start()
        readings: list[Report | Unread] = []
        problem = ""
        try:
            self._send(mails)
            for _ in mails:
                async with asyncio.timeout(PATIENCE):
                    readings.append(_reading(await self._answer()))
        except TimeoutError:
            problem = f"it was not read within {PATIENCE:.0f} s"
        except (ConnectionError, asyncio.IncompleteReadError):
            problem = await self._cause()
        except (ValueError, TypeError, KeyError):
            problem = "the process that read it gave no answer of the right form"
        finally:
            if len(readings) < len(mails):  # also when this is cancelled: answers would meet the wrong mails
                await self.close()
        self._read += len(readings)
        if problem:
            readings.append(Unread(problem, final=False))
        return readings

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()

    async def _start(self) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MAILSVC_")}
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=clean, limit=ANSWER_MAX
            )
            self._read = 0
            async with asyncio.timeout(START_PATIENCE):
                if await self._answer() == READY:
                    return
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            await self.close()
            raise IsolationError(f"no process that reads reports can be started: {type(error).__name__}") from None
        await self.close()
        raise IsolationError("the process that reads reports did not say that it is ready")

    def _send(self, mails: Sequence[bytes]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        for mail in mails:
            self._process.stdin.write(len(mail).to_bytes(LENGTH, "big") + mail)

    async def _answer(self) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        length = int.from_bytes(await self._process.stdout.readexactly(LENGTH), "big")
        if length > ANSWER_MAX:
            raise ValueError
        return await self._process.stdout.readexactly(length)

    async def _cause(self) -> str:
        """Say how the process ended that says nothing more."""
        assert self._process is not None
        code = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(END_PATIENCE):
                code = await self._process.wait()
        if code == -signal.SIGPROF:
            return f"reading it took more than {CPU_SECONDS:.0f} s of processor time"
        return "it ended the process that read it" + (f" (signal {-code})" if code < 0 else "")


def _reading(answer: bytes) -> Report | Unread:
    found: Mapping[str, Any] = json.loads(answer)
    if "refused" in found:
        return Unread(str(found["refused"]), final=True)
    if "failed" in found:
        return Unread(f"reading it failed: {found['failed']}", final=False)
    return _report(found["report"])


def _report(found: Mapping[str, Any]) -> Report:
    recipients = tuple(map(_reported, found["recipients"]))
    return Report(
        **{**found, "kind": Kind(found["kind"]), "recipients": recipients, "return_paths": tuple(found["return_paths"])}
    )


def _reported(found: Mapping[str, Any]) -> Reported:
    cause = Category(found["cause"]) if found["cause"] else None
    return Reported(
        **{**found, "action": Action(found["action"]), "category": Category(found["category"]), "cause": cause}
    )
