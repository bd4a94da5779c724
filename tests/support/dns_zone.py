"""A DNS server on loopback that answers from a table, and tells NXDOMAIN, no data, SERVFAIL and silence apart.

What does not fit a datagram is truncated there and answered whole over TCP.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset


class No(Enum):
    """Ways of not answering."""

    NXDOMAIN = auto()
    SERVFAIL = auto()
    REFUSED = auto()
    SILENCE = auto()
    WRONG_ID = auto()  #: an answer to another question


#: ``{"example.jp": {"MX": ["10 mx.example.jp."]}, "dead.example.jp": No.SERVFAIL}``; a type that is missing is no data.
#: ``{"CNAME": ["other.example.jp."]}`` is followed.
Zone = dict[str, Mapping[str, list[str] | No] | No]


class Clock:
    """Monotonic seconds that a test moves, for what a resolver remembers."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        """Read it."""
        return self.at


@dataclass(slots=True, kw_only=True)
class DnsServer(asyncio.DatagramProtocol):
    """Use it as ``async with DnsServer(zone={…}) as server``; the zone may change while it runs."""

    zone: Zone = field(default_factory=dict)
    ttl: int = 60
    delay: float = 0.0  #: seconds before each answer
    port: int = 0  #: known after the start
    questions: list[tuple[str, str]] = field(default_factory=list)  #: name and type, in the order they came
    _transport: asyncio.DatagramTransport | None = None
    _tcp: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._tcp.sockets[0].getsockname()[1]
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        assert self._transport is not None
        assert self._tcp is not None
        self._transport.close()
        self._tcp.close()

    @property
    def address(self) -> str:
        """As ``MAILSVC_DNS`` takes it."""
        return f"127.0.0.1:{self.port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question."""
        query = dns.message.from_wire(data)
        answer = self._answer(query)
        if answer is not None:
            wire = answer.to_wire(max_size=max(query.payload, 512), prefer_truncation=True)
            asyncio.get_running_loop().call_later(self.delay, self._send, wire, addr)

    def _send(self, wire: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(wire, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question over TCP."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            length = int.from_bytes(await reader.readexactly(2))
            answer = self._answer(dns.message.from_wire(await reader.readexactly(length)))
            if answer is not None:
                wire = answer.to_wire()
                writer.write(len(wire).to_bytes(2) + wire)
                await writer.drain()
        writer.close()

    def _answer(self, query: dns.message.Message) -> dns.message.Message | None:
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        type_ = dns.rdatatype.to_text(query.question[0].rdtype)
        self.questions.append((name, type_))
        response = dns.message.make_response(query, recursion_available=True)
        owner = query.question[0].name
        while not isinstance(entry := self.zone.get(name, No.NXDOMAIN), No) and "CNAME" in entry and type_ != "CNAME":
            response.answer.append(dns.rrset.from_text(owner, self.ttl, "IN", "CNAME", *entry["CNAME"]))
            owner = dns.name.from_text(entry["CNAME"][0])
            name = owner.to_text(omit_final_dot=True).lower()
        records = entry if isinstance(entry, No) else entry.get(type_, [])
        if isinstance(records, No):
            return self._refuse(response, records)
        if records:
            response.answer.append(dns.rrset.from_text(owner, self.ttl, "IN", type_, *records))
        return response

    def _refuse(self, response: dns.message.Message, kind: No) -> dns.message.Message | None:
        if kind is No.SILENCE:
            return None
        if kind is No.WRONG_ID:
            response.id ^= 1
        else:
            response.set_rcode(dns.rcode.from_text(kind.name))
        return response
