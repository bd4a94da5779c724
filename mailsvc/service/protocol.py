"""How a connection speaks HTTP: uvicorn's protocol, with bounds on the head of a request and refusals as problems.

What cannot be read is answered by a problem document, and the connection ends: the other side sees its end at once,
and whatever it still sends is thrown away until it closes, for a close with octets unread would cut off the answer.
"""

import asyncio
import http

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mailsvc.api.problems import Problem

#: Seconds that the head of a request may take to arrive, and that a refused connection may stay.
HEAD_PATIENCE = 5.0
#: Octets of the head of a request at most.
HEAD_LIMIT = 16 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """One connection; a head that is too slow closes it, one that is too large is answered 431."""

    _timer: asyncio.TimerHandle | None = None
    _head: int | None = 0  # octets of the head that is arriving; None while a body is
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own types
        """Give the first head its time."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Hand octets to the parser, never more of a head than it may have."""
        while data and not self._refused:
            room = len(data) if self._head is None else HEAD_LIMIT - self._head
            piece, data = data[:room], data[room:]
            if self._head is not None:
                self._head += len(piece)
            super().data_received(piece)
            if self._head == HEAD_LIMIT:
                self._refuse("request_header_too_large", f"the head of a request has at most {HEAD_LIMIT} octets")

    def on_message_begin(self) -> None:
        """Give a head its time."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """Go on to the body."""
        self._head = None
        self._head_is_here()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect the next head."""
        self._head = 0
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timer."""
        self._head_is_here()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  uvicorn's words are not for callers
        """Answer what the parser cannot read."""
        self._refuse("malformed", "what was sent is no well-formed HTTP/1.1 request")

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if no upgrade had been asked for (RFC 9110 7.8); uvicorn would log how to install one."""

    def _refuse(self, name: str, detail: str) -> None:
        if self._refused:
            return
        self._refused = True
        answer = Problem(name, detail, headers={"Connection": "close"}).response()
        status = f"HTTP/1.1 {answer.status_code} {http.HTTPStatus(answer.status_code).phrase}".encode()
        headers = [b"%b: %b" % header for header in (*self.server_state.default_headers, *answer.raw_headers)]
        self.transport.write(b"\r\n".join([status, *headers, b"", bytes(answer.body)]))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._await_head()

    def _await_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_PATIENCE, self.transport.close)

    def _head_is_here(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
