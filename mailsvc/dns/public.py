"""Which addresses a mail exchanger may have: our own table (DESIGN 4).

``ipaddress.is_global`` of Python 3.11 calls NAT64, 6to4 and others global that lead back into private networks.
"""

import ipaddress

#: IANA special-purpose registries (RFC 6890 and updates) and what embeds an IPv4 address.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # RFC 6598
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",  # 6to4 relay, RFC 7526
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/8",  # unspecified, loopback, IPv4-compatible and IPv4-mapped
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # RFC 8215
        "100::/64",
        "2001::/23",  # Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",  # RFC 9637
        "5f00::/16",  # RFC 9602
        "fc00::/7",
        "fe80::/10",
        "fec0::/10",  # site-local, RFC 3879
        "ff00::/8",
    )
]


def is_public(ip: str) -> bool:
    """Whether an IP address can be that of a mail exchanger on the Internet."""
    address = ipaddress.ip_address(ip.partition("%")[0])
    return not any(address.version == network.version and address in network for network in _NOT_PUBLIC)
