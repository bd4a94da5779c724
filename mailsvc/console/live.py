"""``/console/live``: tells open pages when to look again, as server-sent events (HTML 9.2).

Tells nothing else: a page asks for itself again. Without it, pages reload by themselves.
"""

import asyncio
from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from mailsvc.console.page import Visit
from mailsvc.console.services import Services

#: Pages look again at most so often, and at least so often (seconds).
PAUSE = 1.5
PATIENCE = 5.0
#: Open pages that are told; further ones do without.
STREAMS = 50


class Live:
    """The open pages of one process."""

    def __init__(self) -> None:
        self._open = 0

    async def stream(self, visit: Visit) -> Response:
        """Tell a page when to look again, until it is closed."""
        if self._open >= STREAMS:
            raise HTTPException(503)
        return StreamingResponse(self._ticks(visit.services), media_type="text/event-stream")

    async def _ticks(self, services: Services) -> AsyncIterator[str]:
        self._open += 1
        try:
            while not services.stopping():
                await services.changed(PATIENCE)
                yield "data: look\n\n"
                await asyncio.sleep(PAUSE)
        finally:
            self._open -= 1
