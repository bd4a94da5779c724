"""IPv6 that leads nowhere: a name server that promises it, and a network that drops it."""

from tests.scenarios.battery.site import Site
from tests.scenarios.battery.story import Story, soon


def _only_ipv6(site: Site) -> None:
    site.silent_ipv6(beside=False, preference=10)
    site.host(preference=20)


def _beside_ipv4(site: Site) -> None:
    site.host()
    site.silent_ipv6(beside=True)


STORIES = [
    Story(name="ipv6-black-hole", plan=_only_ipv6, within=soon(5)),
    Story(name="ipv6-black-hole-beside-ipv4", plan=_beside_ipv4, within=soon()),
]
