"""What DNS said: records, or one of the kinds of "no" that mean different things for a mail."""

from dataclasses import dataclass


class NoSuchDomain(Exception):
    """NXDOMAIN: the name does not exist (RFC 8020)."""


class DnsTrouble(Exception):
    """No usable answer: SERVFAIL, REFUSED, silence. Says nothing about the domain; ask again later."""


@dataclass(frozen=True, slots=True)
class Records:
    """A positive answer; empty where the name exists without such records (no data, RFC 2308 2.2)."""

    values: tuple[str, ...]  #: in the text form of the zone file
    ttl: float  #: seconds


Answer = Records | NoSuchDomain
Question = tuple[str, str]  #: name in lower case without the final dot, record type
