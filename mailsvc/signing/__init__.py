"""DKIM: the keys, their rotation, our own signer, and dkimpy as its independent judge (RFC 6376, 8301, 8463)."""
