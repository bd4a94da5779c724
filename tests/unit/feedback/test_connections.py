"""Who may connect: caps in all, per address, and by rate."""

from mailsvc.feedback.connections import BURST, IN_ALL, PER_ADDRESS, PER_SECOND, REMEMBERED, Connections


def test_address_has_so_many_connections_at_a_time() -> None:
    """Beyond its cap an address is refused until one of its connections is closed; others are not concerned."""
    connections = Connections()
    assert all(connections.admit("127.0.0.1", 0) for _ in range(PER_ADDRESS))
    assert not connections.admit("127.0.0.1", 0)
    assert connections.admit("127.0.0.2", 0)
    connections.leave("127.0.0.1")
    assert connections.admit("127.0.0.1", 0)


def test_network_of_one_customer_counts_as_one() -> None:
    """Addresses of one IPv6 /64 share a cap."""
    connections = Connections()
    assert all(connections.admit(f"2001:db8:0:1::{number:x}", number) for number in range(PER_ADDRESS))
    assert not connections.admit("2001:db8:0:1:ffff::1", 1e6)
    assert connections.admit("2001:db8:0:2::1", 1e6)


def test_full_is_told_when_all_are_taken() -> None:
    """The cap in all is reached by many addresses together, and is over when one leaves."""
    connections = Connections()
    for number in range(IN_ALL):
        assert not connections.full
        assert connections.admit(f"127.0.1.{number}", 0)
    assert connections.full
    connections.leave("127.0.1.7")
    assert not connections.full


def hasty(connections: Connections, address: str, now: float, times: int = 1000) -> int:
    """Connect and leave as often as possible at one instant; return how often it worked."""
    admitted = 0
    for _ in range(times):
        if connections.admit(address, now):
            admitted += 1
            connections.leave(address)
    return admitted


def test_address_that_comes_too_often_is_refused() -> None:
    """After a burst so many per second are admitted; refusals cost nothing further, and rest restores the burst."""
    connections = Connections()
    assert hasty(connections, "192.0.2.1", 0) == BURST
    assert hasty(connections, "192.0.2.1", 2) == 2 * PER_SECOND
    assert hasty(connections, "192.0.2.2", 2) == BURST
    assert hasty(connections, "192.0.2.1", 1e6) == BURST


def test_own_machine_is_not_slowed_down() -> None:
    """A relay or a pipe on this machine comes as often as it likes."""
    assert hasty(Connections(), "127.0.0.1", 0) == 1000
    assert hasty(Connections(), "::1", 0) == 1000


def test_memory_is_bounded() -> None:
    """However many addresses come, so many are remembered, those that came last."""
    connections = Connections()
    for number in range(REMEMBERED + 100):
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        connections.admit(address, 0)
        connections.leave(address)
    assert len(connections._rates) == REMEMBERED
    assert len(connections._open) == 0
