"""Which addresses a mail exchanger may have."""

import pytest

from mailsvc.dns import is_public

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1
169.253.0.1 172.15.0.1 172.32.0.1 192.0.1.1 192.167.0.1 192.169.0.1 198.17.0.1 198.20.0.1
223.255.255.255 2001:200::1 2400:cb00::1 2a00:1450::1 2600::1
"""

SPECIAL = """
0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.1.2.3 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1
192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1
255.255.255.255 :: ::1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::7f00:1 64:ff9b::a00:1 64:ff9b::808:808
64:ff9b:1::1 100::1 2001::1 2001:10::1 2001:20::1 2001:db8::1 2002:a00:1::1 2002:808:808::1 3fff::1
5f00::1 fc00::1 fd12::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1
"""


@pytest.mark.parametrize("ip", SPECIAL.split())
def test_special_purpose_address_is_refused(ip: str) -> None:
    """Private, loopback, link-local and documentation addresses, and what embeds IPv4, are no mail exchanger's."""
    assert not is_public(ip)


@pytest.mark.parametrize("ip", PUBLIC.split())
def test_neighbour_of_a_special_range_is_public(ip: str) -> None:
    """The ranges end where the registries say."""
    assert is_public(ip)
