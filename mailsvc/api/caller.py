"""Who calls: the API key of a request and its scopes (CONTRACT 3)."""

import time
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from mailsvc.api.problems import Problem
from mailsvc.api.services import Services, services
from mailsvc.domain.access import ApiKey, Scope, digest
from mailsvc.domain.message import Message
from mailsvc.store import keys

#: A key is looked up again after this many seconds: so long a revoked one may still work.
REMEMBERED = 2.0
_REMEMBERED_MAX = 1000

#: Reads the header and stands in the OpenAPI document; what it cannot read is refused below.
_BEARER = HTTPBearer(auto_error=False, scheme_name="key", description="An API key")


class KeyCache:
    """Keys that were looked up a moment ago, by the digests of their secrets."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[float, ApiKey | None]] = {}

    async def find(self, svc: Services, secret: str) -> ApiKey | None:
        """Return the living key of a secret."""
        hashed = digest(secret)
        at, key = self._found.get(hashed, (0.0, None))
        if time.monotonic() - at < REMEMBERED:
            return key
        key = await svc.store.read(lambda connection: keys.find(connection, secret))
        if len(self._found) >= _REMEMBERED_MAX:
            self._found.clear()
        self._found[hashed] = (time.monotonic(), key)
        return key


async def caller(
    request: Request,
    allowed: SecurityScopes,
    sent: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> ApiKey:
    """Return the key of a request; raise `Problem` where it is unknown or has none of the ``allowed`` scopes."""
    cache: KeyCache = request.app.state.keys
    found = await cache.find(services(request), sent.credentials) if sent else None
    if found is None:
        raise Problem("unauthorized", "send `Authorization: Bearer <API key>`", headers={"WWW-Authenticate": "Bearer"})
    if found.scopes.isdisjoint(allowed.scopes):
        raise Problem("forbidden", f"this needs a key with scope {' or '.join(allowed.scopes)}")
    return found


def sees(key: ApiKey, message: Message) -> bool:
    """Whether a key may know of a message: its own, or any with scope ``read``."""
    return Scope.READ in key.scopes or message.api_key == key.id


Submitter = Annotated[ApiKey, Security(caller, scopes=[Scope.SUBMIT])]
MessageReader = Annotated[ApiKey, Security(caller, scopes=[Scope.SUBMIT, Scope.READ])]
Reader = Annotated[ApiKey, Security(caller, scopes=[Scope.READ])]
Checker = Annotated[ApiKey, Security(caller, scopes=[Scope.CHECK])]
Operator = Annotated[ApiKey, Security(caller, scopes=[Scope.OPERATE])]
