"""What all tables share.

Instants are Unix seconds in UTC (``Double``): SQLite drops time zones, and every rule counts in seconds anyway.
"""

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

#: SQLite gives out row numbers for INTEGER keys only; PostgreSQL needs 64 bits for them.
SEQUENCE = BigInteger().with_variant(Integer(), "sqlite")
