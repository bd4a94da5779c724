"""Who calls: the API key of a request and its scopes (CONTRACT 3)."""

import time
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from mailsvc.api.problems import Problem
from mailsvc.api.services import Services, services
from mailsvc.domain.access import ApiKey, Scope, digest
from mailsvc.domain.message import Message
from mailsvc.store import keys

#: A key is looked up again after this many seconds: so long a revoked one may still work.
REMEMBERED = 2.0
_REMEMBERED_MAX = 1000

#: For the OpenAPI document; the check itself is below, for its answers.
BEARER = HTTPBearer(auto_error=False, description="An API key")


class KeyCache:
    """Keys that were looked up a moment ago, by the digests of their secrets."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, ApiKey | None]] = {}

    async def find(self, store: Services, secret: str) -> ApiKey | None:
        """Return the living key of a secret."""
        hashed = digest(secret)
        at, key = self._found.get(hashed, (0.0, None))
        if time.monotonic() - at < REMEMBERED:
            return key
        key = await store.store.read(lambda connection: keys.find(connection, secret))
        if len(self._found) >= _REMEMBERED_MAX:
            self._found.clear()
        self._found[hashed] = (time.monotonic(), key)
        return key


def caller(*allowed: Scope) -> Callable[[Request], Awaitable[ApiKey]]:
    """Return the dependency that lets a request in whose key has one of these scopes."""

    async def check(request: Request) -> ApiKey:
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        found = None
        if scheme.lower() == "bearer" and secret:
            cache: KeyCache = request.app.state.keys
            found = await cache.find(services(request), secret.strip())
        if found is None:
            raise Problem(
                "unauthorized", "send `Authorization: Bearer <API key>`", headers={"WWW-Authenticate": "Bearer"}
            )
        if not found.scopes.intersection(allowed):
            raise Problem("forbidden", f"this needs a key with scope {' or '.join(allowed)}")
        return found

    return check


def sees(key: ApiKey, message: Message) -> bool:
    """Whether a key may know of a message: its own, or any with scope ``read``."""
    return Scope.READ in key.scopes or message.api_key == key.id


Submitter = Annotated[ApiKey, Depends(caller(Scope.SUBMIT))]
MessageReader = Annotated[ApiKey, Depends(caller(Scope.SUBMIT, Scope.READ))]
Reader = Annotated[ApiKey, Depends(caller(Scope.READ))]
Operator = Annotated[ApiKey, Depends(caller(Scope.OPERATE))]
