"""One request to one endpoint: signed (Standard Webhooks), bounded in time and size, never redirected.

Whatever happens is an `Answer`, not an error. Its words never hold the URL, a secret or what the endpoint wrote.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2
from standardwebhooks import Webhook

from mailsvc import __version__
from mailsvc.domain.secret import Secret

#: Seconds to connect, and for all of a request.
CONNECT_TIMEOUT = 3.0
TIMEOUT = 10.0
#: Octets of an answer that are read, and thrown away, so that its connection can be used again.
ANSWER_MAX = 64 * 1024
#: Characters of a library's words.
_WORDS_MAX = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a request."""

    status: int | None  #: None: there was no answer
    words: str  #: what to tell operators
    hint: float | None = None  #: Retry-After in seconds


class Signer:
    """Makes the headers of one event for one endpoint."""

    def __init__(self, secrets: Sequence[Secret]) -> None:
        self._secrets = [Webhook(secret.reveal()) for secret in secrets]

    def headers(self, event_id: str, body: str, now: float) -> dict[str, str]:
        """Return id, time and a signature by every secret."""
        # UTC and whole seconds: the library takes any other zone's clock face for UTC.
        at = datetime.fromtimestamp(int(now), UTC)
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(now)),
            "webhook-signature": " ".join(secret.sign(event_id, at, body) for secret in self._secrets),
        }


class Sender:
    """Posts to one URL."""

    def __init__(self, url: str, *, connections: int) -> None:
        self._url = url
        self._http = httpx2.AsyncClient(
            verify=httpx2.create_ssl_context(),
            trust_env=False,  # no proxy: SSL_CERT_FILE is read above
            follow_redirects=False,
            timeout=httpx2.Timeout(TIMEOUT, connect=CONNECT_TIMEOUT),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={
                "User-Agent": f"mailsvc/{__version__}",
                "Content-Type": "application/json",
                "Accept": "*/*",
                "Accept-Encoding": "identity",
            },
        )

    async def post(self, body: str, headers: Mapping[str, str], now: float) -> Answer:
        """Send a body; return what came of it."""
        answer: Answer | None = None
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                self._http.stream("POST", self._url, content=body.encode(), headers=headers) as response,
            ):
                answer = _answer(response, now)
                await _throw_away(response)
        except (httpx2.HTTPError, TimeoutError, ssl.SSLError, OSError) as error:
            # What was answered counts, whatever happened to the rest.
            return answer or Answer(None, _words(error))
        return answer

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()


def _answer(response: httpx2.Response, now: float) -> Answer:
    words = f"answered {response.status_code}"
    if response.is_redirect:
        words += ", a redirect, which is not followed"
    return Answer(response.status_code, words, _hint(response.headers.get("retry-after"), now))


async def _throw_away(response: httpx2.Response) -> None:
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > ANSWER_MAX:
            return


def _hint(text: str | None, now: float) -> float | None:
    """Read ``Retry-After`` (RFC 9110 10.2.3); None where it says nothing."""
    if text is None:
        return None
    try:
        return float(text) if text.isascii() and text.isdigit() else parsedate_to_datetime(text).timestamp() - now
    except (ValueError, OverflowError):
        return None


def _words(error: Exception) -> str:
    match error:
        case httpx2.ConnectTimeout():
            return f"no connection within {CONNECT_TIMEOUT:.0f} s"
        case TimeoutError() | httpx2.TimeoutException():
            return f"no answer within {TIMEOUT:.0f} s"
        case httpx2.ConnectError() | ssl.SSLError():
            return f"no connection: {_printable(error)}"
        case httpx2.RemoteProtocolError():
            return f"no proper HTTP answer: {_printable(error)}"
        case _:
            return "the connection was lost before an answer"


def _printable(error: Exception) -> str:
    return "".join(letter for letter in str(error) if letter.isprintable())[:_WORDS_MAX]
