"""The HTTP client of commands that talk to a running service."""

import ssl
from typing import Any

import httpx2

from mailsvc.cli.failure import NEGATIVE, WRONG_USE, Failure
from mailsvc.settings import Endpoint, Settings

#: Seconds beyond what a request itself may wait.
PATIENCE = 10.0
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where to reach a listener on every address


class Client:
    """Talks to the service that the settings name; a context manager."""

    def __init__(self, settings: Settings, url: str | None = None) -> None:
        if settings.api_key is None:
            raise Failure("MAILSVC_API_KEY: found nothing, expected the key to talk to the service", WRONG_USE)
        self.url = url or service_url(settings)
        verify: ssl.SSLContext | bool = True
        if settings.http_tls:
            verify = ssl.create_default_context(cafile=settings.http_tls.certificate)
        self._http = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {settings.api_key.reveal()}"},
            verify=verify,
            trust_env=False,
        )

    def request(self, method: str, path: str, *, wait: float = 0.0, **arguments: Any) -> dict[str, Any]:
        """Return the answer's object; a problem or a silent service ends the command."""
        try:
            response = self._http.request(method, path, timeout=PATIENCE + wait, **arguments)
            answer: dict[str, Any] = response.json()
        except httpx2.HTTPError as error:
            raise Failure(
                f"no service answers at {self.url} ({type(error).__name__}); is `mailsvc run` running?", NEGATIVE
            ) from None
        except ValueError:
            raise Failure(f"what answers at {self.url} is no mailsvc", NEGATIVE) from None
        if response.is_error:
            raise Failure(f"{answer.get('title', response.status_code)}: {answer.get('detail', '')}", NEGATIVE)
        return answer


def service_url(settings: Settings) -> str:
    """Return where the configured service answers."""
    host, port = settings.http
    scheme = "https" if settings.http_tls else "http"
    return f"{scheme}://{Endpoint(_ANY.get(host, host), port)}"
