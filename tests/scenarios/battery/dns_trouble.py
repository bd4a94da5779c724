"""DNS that fails, lies, is silent, or says no: for a while, for good, and to a domain that took mail a minute ago."""

from collections.abc import Callable

from tests.scenarios.battery.site import Site
from tests.scenarios.battery.story import Story, expired, soon
from tests.support.dns_zone import No

#: Answers that say nothing of the domain, and the seconds one look-up takes.
TROUBLE = {No.SERVFAIL: 0.0, No.REFUSED: 0.0, No.SILENCE: 5.0, No.WRONG_ID: 5.0}


def _name(kind: No) -> str:
    return kind.name.lower().replace("_", "-")


def _for_a_while(kind: No) -> Callable[[Site], None]:
    def plan(site: Site) -> None:
        site.host()
        site.domain_is(kind)
        site.later(10, site.mend_dns)

    return plan


def _hosts(kind: No, *, first: bool) -> Callable[[Site], None]:
    def plan(site: Site) -> None:
        site.host(preference=10)
        site.host(preference=20)
        site.hosts_are(kind, first=first)

    return plan


def _after_a_mail(kind: No) -> Callable[[Site], None]:
    """Plan a domain that takes a mail, and of which DNS then says no for the rest."""

    def plan(site: Site) -> None:
        site.host()
        site.later(20, lambda: site.domain_is(kind))

    return plan


def _gone_after_a_mail(site: Site) -> None:
    site.host()
    site.later(20, lambda: site.domain_is(No.NXDOMAIN))
    site.later(90, site.mend_dns)


def _says(type_: str, records: list[str]) -> Callable[[Site], None]:
    def plan(site: Site) -> None:
        site.host()
        site.records(type_, records)

    return plan


def _thirty_hosts(site: Site) -> None:
    """Plan a living host among many that do not exist; the answer does not fit a datagram."""
    site.host(preference=15)
    absent = [f"{number} {'another-' * 5}{number}.{site.domain}." for number in range(1, 30)]
    site.records("MX", [*absent, f"15 mx1.{site.domain}."])


def _without_mx(site: Site) -> None:
    peer = site.host()
    site.records("MX", [])
    site.records("A", [peer.ip])


def _for_good(site: Site) -> None:
    site.host()
    site.domain_is(No.SERVFAIL)


STORIES = [
    *(
        Story(name=f"dns-{_name(kind)}-for-a-while", plan=_for_a_while(kind), within=soon(23 + seconds))
        for kind, seconds in TROUBLE.items()
    ),
    *(
        Story(name=f"dns-{_name(kind)}-for-first-host", plan=_hosts(kind, first=True), within=soon(seconds))
        for kind, seconds in (TROUBLE | {No.NXDOMAIN: 0.0}).items()
    ),
    *(
        Story(
            name=f"dns-{_name(kind)}-after-a-mail",
            plan=_after_a_mail(kind),
            submits=(0.0, 85.0),
            within=soon(seconds * 2),
        )
        for kind, seconds in TROUBLE.items()
    ),
    Story(name="dns-nxdomain-after-a-mail", plan=_gone_after_a_mail, submits=(0.0, 85.0), within=soon(48)),
    Story(name="dns-thirty-hosts", plan=_thirty_hosts, within=soon()),
    Story(name="dns-without-mx", plan=_without_mx, within=soon()),
    Story(
        name="dns-nxdomain",
        plan=lambda site: site.domain_is(No.NXDOMAIN),
        state="failed",
        category="domain_unknown",
        known_within=0.0,
    ),
    Story(name="dns-null-mx", plan=_says("MX", ["0 ."]), state="failed", category="domain_unknown", known_within=0.0),
    expired("dns-hosts-without-address", _hosts(No.NXDOMAIN, first=False), cause="network_error", life=60),
    expired("dns-servfail-for-a-short-life", _for_good, cause="network_error", life=60),
    expired("dns-servfail-for-life", _for_good, cause="network_error"),
]
