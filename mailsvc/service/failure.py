"""Why a start cannot succeed."""

from mailsvc.store import StoreUnavailable


class StartError(Exception):
    """The service cannot start; the message is one line for the operator, saying what to change."""


def store_fault(error: StoreUnavailable) -> str:
    """Say in one line that the configured store cannot be used."""
    return f"MAILSVC_DATABASE_URL: found that {error}, expected a store of mailsvc or the path of a new one"
