"""The truth: messages, attempts, events, addresses and keys in SQL. SQLAlchemy is named in this room only."""

from sqlalchemy import Connection

from mailsvc.store.cipher import Cipher, CipherError
from mailsvc.store.gate import DotGate, GateLocked
from mailsvc.store.store import Store
from mailsvc.store.transaction import StoreUnavailable, Transaction

__all__ = ["Cipher", "CipherError", "Connection", "DotGate", "GateLocked", "Store", "StoreUnavailable", "Transaction"]
