"""The store's fixtures, for every test of this folder."""

from tests.support.store import database_url, store

__all__ = ["database_url", "store"]
