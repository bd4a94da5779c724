"""Routes: what every way out is, and the one into a folder.

A route decides which server a mail is offered to; never whether to try again later. Every hand-over asks the caller's
gate directly before the mail's bytes, captured mail too. No route raises for what a peer or the network does.
"""

import asyncio
import os
from pathlib import Path
from typing import Protocol

from mailsvc.delivery.destinations import InForce
from mailsvc.delivery.envelope import Envelope
from mailsvc.delivery.handed import Handed, Round, failed
from mailsvc.delivery.session import Ended, Kind
from mailsvc.domain.reply import Reply, Stage


class Route(Protocol):
    """A way out."""

    @property
    def relays(self) -> bool:
        """Whether its 250 is a relay's, not the recipient site's."""

    async def hand_over(self, envelope: Envelope, turn: Round) -> list[Handed]:
        """Offer one mail; return the end of each session, one at least."""

    def predicted_wait(self) -> float:
        """Return the seconds that a mail taken now would wait for its first session."""

    def in_force(self, destination: str) -> InForce | None:
        """Return how a destination is treated now; None where that is not known."""

    async def close(self) -> None:
        """Let go of idle connections."""


class CaptureRoute:
    """Writes mails into a folder, for development."""

    relays = False

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder

    async def hand_over(self, envelope: Envelope, turn: Round) -> list[Handed]:
        """Write the mail as ``<envid>.eml`` once the gate says yes."""
        begun = asyncio.get_running_loop().time()
        if reason := await turn.gate(Stage.DOT):
            return [Handed(ended=Ended(kind=Kind.STOPPED, stage=Stage.DOT, reply=None, text=reason), begun=begun)]
        file = self._folder / f"{envelope.envid}.eml"
        try:
            _write(file, envelope.data)
        except OSError as error:
            text = f"cannot write to {self._folder}: {os.strerror(error.errno or 0)}"
            return [failed(Stage.DOT, text, begun=begun, host="capture")]
        reply = Reply(250, (f"2.0.0 captured as {file.name}",))
        ended = Ended(kind=Kind.ACCEPTED, stage=Stage.DOT, reply=reply, text=reply.text)
        return [Handed(ended=ended, begun=begun, host="capture")]

    def predicted_wait(self) -> float:
        """Return 0: a folder is always free."""
        return 0.0

    def in_force(self, destination: str) -> None:
        """Return nothing: a folder has no limits."""

    async def close(self) -> None:
        """Nothing is held."""


def _write(file: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all."""
    part = file.with_suffix(".part")
    part.write_bytes(data)
    part.replace(file)
