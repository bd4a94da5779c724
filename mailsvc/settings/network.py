"""Settings that name a place on the network: listeners, resolvers, hosts, database and Redis URLs, certificates.

Decides their form only; nothing is looked up or connected. Certificates are loaded once, to refuse at the start
what would fail at the first handshake.
"""

import ipaddress
import re
import ssl
from pathlib import Path
from typing import NamedTuple

from mailsvc.domain.address import parse as parse_address
from mailsvc.settings.kind import Kind, WrongValueError, comma_list, listed, plain, quoted, split_url, without_user

PORT_MAX = 65535

_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*")


class Endpoint(NamedTuple):
    """A host and a port."""

    host: str  #: host name or IP address, without brackets
    port: int  #: 0 lets the system choose one for a listener

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


class TlsFiles(NamedTuple):
    """A certificate chain and its key."""

    certificate: Path  #: PEM, leaf first
    key: Path  #: PEM, without a passphrase

    def __str__(self) -> str:
        return f"{self.certificate},{self.key}"


def is_loopback(host: str) -> bool:
    """Whether the name or address is this machine's own."""
    return host == "localhost" or (_is_ip(host) and ipaddress.ip_address(host).is_loopback)


def parse_port(text: str) -> int:
    """Read a port from 1 to 65535."""
    return _port(text, lowest=1)


def parse_host(text: str) -> str:
    """Read a host name or an IP address without brackets."""
    if not _is_ip(text) and not _HOST_NAME.fullmatch(text):
        raise WrongValueError("has no valid host")
    return text


def parse_endpoint(text: str) -> Endpoint:
    """Read ``host:port`` or ``[IPv6]:port``."""
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or bracketed != (":" in host):
        raise WrongValueError("is no host and port")
    return Endpoint(parse_host(host[1:-1] if bracketed else host), _port(port, lowest=0))


def _port(text: str, *, lowest: int) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not lowest <= int(text) <= PORT_MAX:
        raise WrongValueError(f"has a port that is no number from {lowest} to {PORT_MAX}")
    return int(text)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _resolver(text: str) -> Endpoint:
    endpoint = parse_endpoint(text)
    if not _is_ip(endpoint.host) or endpoint.port == 0:
        raise WrongValueError("is no IP address and port")
    return endpoint


def _address(text: str) -> str:
    return str(ipaddress.ip_address(text))


def _domain(text: str) -> str:
    return parse_address(f"b@{text}").domain.lower()


def _helo(text: str) -> str:
    if not (text.startswith("[") and text.endswith("]")):
        return parse_host(text)
    address = ipaddress.ip_address(text[1:-1].removeprefix("IPv6:"))
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"  # noqa: PLR2004  RFC 5321 4.1.3


def _database(text: str) -> str:
    if text.startswith("sqlite:"):
        if not re.fullmatch(r"sqlite:///(?!:)[^?]+", text):
            raise WrongValueError("names no file")
    else:
        url = split_url(text)
        if url.scheme != "postgresql":
            raise WrongValueError("is another kind of URL")
    return plain(text)


def _redis(text: str) -> str:
    if split_url(text).scheme not in ("redis", "rediss"):
        raise WrongValueError("is another kind of URL")
    return text


def _tls_files(text: str) -> TlsFiles:
    paths = [Path(plain(part.strip())) for part in text.split(",")]
    if len(paths) != 2:  # noqa: PLR2004  a pair
        raise WrongValueError("is not two files")
    files = TlsFiles(*paths)
    try:
        # The empty passphrase keeps OpenSSL from asking for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key, password="")
    except ssl.SSLError as error:
        raise WrongValueError("is no PEM certificate with its key") from error
    except OSError as error:
        raise WrongValueError(f"cannot be read: {error.strerror}") from error
    return files


def _show_database(url: str) -> str:
    return url if url.startswith("sqlite:") else without_user(url)


def _found_url(text: str) -> str:
    return quoted(text) if text.startswith("sqlite:") else quoted(without_user(text))


ENDPOINT = Kind("host:port such as 127.0.0.1:8080 or [::1]:8080", parse_endpoint)
LISTENER = Kind(
    "host:port such as 127.0.0.1:2525, or nothing for off",
    lambda text: parse_endpoint(text) if text else None,
)
PORT = Kind("a port from 1 to 65535", parse_port, toml=int)
RESOLVERS = Kind("ip:port[,ip:port] such as 192.0.2.53:53", comma_list(_resolver), show=listed, toml=list)
IP_ADDRESSES = Kind("a comma list of IP addresses", comma_list(_address), show=listed, toml=list)
DOMAIN = Kind("a domain in ASCII such as mail.example.jp", _domain)
HELO = Kind("a host name or an address literal such as [192.0.2.1]", _helo)
DATABASE = Kind(
    "sqlite:///path or postgresql://host/name", _database, show=_show_database, found=_found_url, secret=True
)
REDIS = Kind("redis://host:port/number", _redis, show=without_user, found=_found_url, secret=True)
TLS_FILES = Kind("cert.pem,key.pem, a PEM certificate chain and its key without passphrase", _tls_files)
