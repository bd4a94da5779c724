"""The store as a command uses it, beside a service that may be running."""

import os
from collections.abc import Callable
from typing import TypeVar

from mailsvc.cli.failure import configured, failures
from mailsvc.settings import prepare_store
from mailsvc.store import Connection
from mailsvc.store.store import with_connection

#: What is made by us is the owner's alone: the store holds addresses, and codes under a key that may lie beside it.
PRIVATE = 0o077

T = TypeVar("T")


def in_store(work: Callable[[Connection], T]) -> T:
    """Do work in a transaction of the configured store, which is made where there is none."""
    settings = configured()
    with failures():
        prepare_store(settings)
        os.umask(PRIVATE)
        return with_connection(settings.database_url, work)
