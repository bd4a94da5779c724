"""The certificate that the receiver offers: for which names and how long it is good, as a sending site sees it."""

from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True, slots=True)
class Certificate:
    """The leaf of a chain."""

    names: tuple[str, ...]  #: DNS names, lower case, with wildcards
    not_before: float
    not_after: float
    self_signed: bool

    def fault(self, host: str, now: float) -> str | None:
        """Say why a site that checks certificates would not go on with this host, or None."""
        if now < self.not_before:
            return "it is not valid yet"
        if now > self.not_after:
            return f"it expired {(now - self.not_after) / 86400:.0f} days ago"
        if not any(covers(name, host) for name in self.names):
            return f"it is for {', '.join(self.names) or 'no name'}, not for {host}"
        return "it is signed by itself" if self.self_signed else None


def covers(pattern: str, host: str) -> bool:
    """Whether a name, or a wildcard for its first label, is that of a host (RFC 6125 6.4.3, RFC 8461 4.1)."""
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return host == pattern


def read(pem: bytes) -> Certificate:
    """Read the first certificate of a PEM file; raise ValueError where it is none."""
    leaf = x509.load_pem_x509_certificates(pem)[0]
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        dns_names = tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        dns_names = ()
    return Certificate(
        names=dns_names,
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        self_signed=leaf.issuer == leaf.subject,
    )
