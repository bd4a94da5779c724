"""Keeps a test run on this machine: a connection or look-up that would leave it is an error of the test.

The error is no ``OSError``, so that no code under test can take it for an ordinary network fault.
"""

import ipaddress
import socket
from typing import Any

import uvloop


class OutsideLoopbackError(RuntimeError):
    """A test tried to reach another machine."""


def guard() -> None:
    """Put the guard around the sockets and look-ups of this process, asyncio's and uvloop's included."""
    for name in ("connect", "connect_ex", "sendto"):
        setattr(socket.socket, name, _guarded_method(getattr(socket.socket, name)))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        setattr(socket, name, _guarded_lookup(getattr(socket, name)))
    # libuv calls no Python socket.
    for name, place, option in (
        ("create_connection", 1, "host"),
        ("create_datagram_endpoint", 2, "remote_addr"),
        ("getaddrinfo", 0, "host"),
    ):
        setattr(uvloop.Loop, name, _guarded_loop(getattr(uvloop.Loop, name), place, option))


def _guarded_method(original: Any) -> Any:
    def guarded(self: socket.socket, *arguments: Any) -> Any:
        target = arguments[-1]  # connect(address), sendto(data[, flags], address)
        if isinstance(target, tuple):
            refuse_outside(target[0])
        return original(self, *arguments)

    return guarded


def _guarded_lookup(original: Any) -> Any:
    def guarded(host: Any, *arguments: Any, **options: Any) -> Any:
        refuse_outside(host, literals=True)
        return original(host, *arguments, **options)

    return guarded


def _guarded_loop(original: Any, place: int, option: str) -> Any:
    def guarded(self: Any, *arguments: Any, **options: Any) -> Any:
        target = arguments[place] if len(arguments) > place else options.get(option)
        host = target[0] if isinstance(target, tuple) else target
        refuse_outside(host, literals=original.__name__ == "getaddrinfo")
        return original(self, *arguments, **options)

    return guarded


def refuse_outside(host: Any, *, literals: bool = False) -> None:
    """Raise `OutsideLoopbackError` unless the host is this machine; ``literals`` need no look-up and may pass."""
    text = host.decode() if isinstance(host, bytes) else host
    if text in (None, "", "localhost", "localhost.", socket.gethostname()):
        return
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise OutsideLoopbackError(f"a test wanted to look up or reach {text!r}") from None
    if not (literals or address.is_loopback or address.is_unspecified):
        raise OutsideLoopbackError(f"a test wanted to reach {text}")
