"""Fetching an MTA-STS policy (RFC 8461 3.3): HTTPS with a valid certificate, no redirects, bounded in size and time.

Tells "the site answers wrongly", as every sender sees it, from "it could not be reached from here", which says nothing.
"""

import asyncio
import ssl

import httpx2

from mailsvc.checks.sender.identity import addresses
from mailsvc.dns.resolver import Ask

#: Octets of a policy, RFC 8461 3.3 and 10.2.
POLICY_MAX = 64 * 1024
#: Seconds for each step, the handshake above all, and for the whole.
STEP_TIMEOUT = 3.0
TIMEOUT = 5.0
PATH = "/.well-known/mta-sts.txt"


class PolicyWrong(Exception):
    """Senders get no policy from the site; the message says why."""


class PolicyUnreachable(Exception):
    """The site could not be asked from here."""


async def fetch_policy(ask: Ask, host: str, *, port: int = 443, trusted: ssl.SSLContext | None = None) -> str:
    """Return the policy that ``host`` serves; raise `PolicyWrong`, `PolicyUnreachable` or `DnsTrouble`.

    ``port`` and ``trusted`` (the certificates believed) are for tests.
    """
    found = await addresses(ask, host)
    if not found:
        raise PolicyWrong(f"{host} has no address")
    address = f"[{found[0]}]" if ":" in found[0] else found[0]
    url = f"https://{address}:{port}{PATH}"
    verify = await asyncio.to_thread(ssl.create_default_context) if trusted is None else trusted
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            httpx2.AsyncClient(verify=verify, trust_env=False, timeout=STEP_TIMEOUT) as client,
        ):
            return await _get(client, url, host)
    except TimeoutError:
        raise PolicyUnreachable(f"https://{host}{PATH}: no answer from {address} within {TIMEOUT:.0f} s") from None
    except httpx2.HTTPError as error:
        said = f"https://{host}{PATH}: {str(error) or type(error).__name__}"
        raise (PolicyWrong if _is_certificate_fault(error) else PolicyUnreachable)(said) from None


async def _get(client: httpx2.AsyncClient, url: str, host: str) -> str:
    async with client.stream("GET", url, headers={"Host": host}, extensions={"sni_hostname": host}) as answer:
        if answer.status_code != httpx2.codes.OK:
            raise PolicyWrong(f"https://{host}{PATH} answers {answer.status_code}")
        body = b""
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > POLICY_MAX:
                raise PolicyWrong(f"https://{host}{PATH} is longer than {POLICY_MAX} octets")
    return body.decode("ascii", "backslashreplace")


def _is_certificate_fault(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
