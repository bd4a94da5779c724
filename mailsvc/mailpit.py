"""A client of Mailpit, the catcher that shows a developer the mails of a development service.

Reads and deletes what Mailpit caught and sets its chaos; never sends a mail. Tolerant: unknown fields are ignored,
missing ones are empty, so that it works with the versions before and after v1.30.5. Proxies of the environment are
not used: Mailpit is a neighbour. Whatever goes wrong is a `MailpitError` that names the request.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx2

#: Where Mailpit answers when nothing is configured.
DEFAULT_URL = "http://127.0.0.1:8025"
#: Where Mailpit takes mail when nothing is configured.
SMTP = ("localhost", 1025)
#: Seconds for one request; the probe's is short, since it delays the start of a development service.
TIMEOUT = 5.0
PROBE_TIMEOUT = 0.5


class MailpitError(Exception):
    """Mailpit did not answer, or not as asked; the message names method and path."""


@dataclass(frozen=True, slots=True)
class Info:
    """What Mailpit says of itself."""

    version: str  #: ``dev`` where it was built from source
    messages: int  #: number of messages it keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One line of the list."""

    id: str  #: Mailpit's own id, for the other calls
    message_id: str  #: Message-ID without angle brackets
    sender: str  #: address of the From header
    to: tuple[str, ...]  #: addresses of the To header
    subject: str
    size: int  #: octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail(Summary):
    """One message, decoded."""

    return_path: str  #: envelope sender without angle brackets
    text: str  #: the text part, lines ended by CR LF
    html: str  #: the HTML part, empty where there is none


@dataclass(frozen=True, slots=True)
class Fault:
    """How often one SMTP command fails."""

    code: int  #: reply code, 400 to 599
    probability: int  #: per cent


class Mailpit:
    """One Mailpit, by the URL of its page; an async context manager."""

    def __init__(self, base_url: str = DEFAULT_URL, *, timeout: float = TIMEOUT) -> None:
        self._http = httpx2.AsyncClient(base_url=f"{base_url.rstrip('/')}/api/v1", timeout=timeout, trust_env=False)

    @staticmethod
    async def answering(base_url: str = DEFAULT_URL, *, timeout: float = PROBE_TIMEOUT) -> bool:  # noqa: ASYNC109  httpx2's own
        """Whether a Mailpit answers there within ``timeout`` seconds."""
        try:
            async with Mailpit(base_url, timeout=timeout) as mailpit:
                return bool((await mailpit.info()).version)
        except MailpitError:
            return False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def info(self) -> Info:
        """Return version and number of messages."""
        answer = await self._object("GET", "/info")
        return Info(str(answer.get("Version") or ""), int(answer.get("Messages") or 0))

    async def messages(self, limit: int = 50) -> list[Summary]:
        """Return the newest messages first."""
        return _summaries(await self._object("GET", "/messages", params={"limit": limit}))

    async def search(self, query: str, limit: int = 50) -> list[Summary]:
        """Return what fits a query such as ``to:"taro@docomo.ne.jp"`` or ``message-id:…``, newest first."""
        return _summaries(await self._object("GET", "/search", params={"query": query, "limit": limit}))

    async def message(self, mailpit_id: str) -> Mail:
        """Return one message, decoded; Mailpit marks it as read."""
        answer = await self._object("GET", f"/message/{mailpit_id}")
        return Mail(
            **_summary(answer),
            return_path=str(answer.get("ReturnPath") or ""),
            text=str(answer.get("Text") or ""),
            html=str(answer.get("HTML") or ""),
        )

    async def headers(self, mailpit_id: str) -> dict[str, list[str]]:
        """Return the raw header values by header name in lower case, in their order."""
        answer = await self._object("GET", f"/message/{mailpit_id}/headers")
        return {name.lower(): list(values) for name, values in answer.items()}

    async def raw(self, mailpit_id: str) -> bytes:
        """Return the bytes as stored: ours, after the Return-Path and Received that Mailpit put in front."""
        return (await self._request("GET", f"/message/{mailpit_id}/raw")).content

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete these messages; ``ValueError`` for none at all, since Mailpit would take that as every message."""
        if not ids or not all(ids):
            raise ValueError("name the messages to delete: Mailpit takes an empty list as all of them")
        await self._request("DELETE", "/messages", json={"IDs": list(ids)})

    async def chaos(self) -> dict[str, Fault]:
        """Return the faults of ``Sender``, ``Recipient`` and ``Authentication``."""
        return _faults(await self._object("GET", "/chaos"))

    async def set_chaos(self, faults: Mapping[str, Fault]) -> dict[str, Fault]:
        """Make SMTP commands fail (``mailpit --enable-chaos``); a command that is not named works again."""
        body = {name: {"ErrorCode": fault.code, "Probability": fault.probability} for name, fault in faults.items()}
        return _faults(await self._object("PUT", "/chaos", json=body))

    async def _object(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        response = await self._request(method, path, **arguments)
        try:
            answer = response.json()
        except ValueError as error:
            raise MailpitError(f"{method} {path}: the answer is no JSON; is this a Mailpit?") from error
        if not isinstance(answer, dict):
            raise MailpitError(f"{method} {path}: the answer is no JSON object; is this a Mailpit?")
        return answer

    async def _request(self, method: str, path: str, **arguments: Any) -> httpx2.Response:
        try:
            response = await self._http.request(method, path, **arguments)
        except httpx2.HTTPError as error:
            raise MailpitError(f"{method} {path}: no answer from Mailpit ({type(error).__name__})") from error
        if response.is_error:
            raise MailpitError(f"{method} {path}: Mailpit answered {response.status_code}: {response.text[:200]}")
        return response


def _summaries(answer: Mapping[str, Any]) -> list[Summary]:
    return [Summary(**_summary(entry)) for entry in answer.get("messages") or ()]


def _summary(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(entry.get("ID") or ""),
        "message_id": str(entry.get("MessageID") or ""),
        "sender": _address(entry.get("From")),
        "to": tuple(_address(each) for each in entry.get("To") or ()),
        "subject": str(entry.get("Subject") or ""),
        "size": int(entry.get("Size") or 0),
    }


def _address(entry: Mapping[str, Any] | None) -> str:
    return str((entry or {}).get("Address") or "")


def _faults(answer: Mapping[str, Any]) -> dict[str, Fault]:
    return {
        name: Fault(int(entry.get("ErrorCode") or 0), int(entry.get("Probability") or 0))
        for name, entry in answer.items()
        if isinstance(entry, dict)
    }


async def takes_mail(host: str = SMTP[0], port: int = SMTP[1]) -> bool:
    """Whether a Mailpit greets there as an SMTP server within ``PROBE_TIMEOUT`` seconds."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            reader, writer = await asyncio.open_connection(host, port)
            banner = await reader.readline()
            writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return banner.startswith(b"220") and b"Mailpit" in banner
