"""SPF as a receiver evaluates it (RFC 7208): results, limits, and records that are none."""

import ipaddress
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.checks.sender.spf_record import SpfError, parse
from mailsvc.checks.sender.spf_walk import Walk
from mailsvc.dns import DnsTrouble, NoSuchDomain
from mailsvc.dns.answer import Records

#: Name and type, with the records, or None where the resolver has no answer.
Answers = Mapping[tuple[str, str], Sequence[str] | None]

DOMAIN = "d.example"
OTHERS: Answers = {
    (DOMAIN, "A"): ["192.0.2.1"],
    (DOMAIN, "AAAA"): ["2001:db8::1"],
    (DOMAIN, "MX"): ["10 mx.example.", "20 mx2.example."],
    ("mx.example", "A"): ["192.0.2.25"],
    ("mx2.example", "A"): ["198.51.100.25"],
    ("pass.example", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 -all"'],
    ("soft.example", "TXT"): ['"v=spf1 ~all"'],
    ("open.example", "TXT"): ['"v=spf1 +all"'],
    ("bad.example", "TXT"): ['"v=spf1 ip4:nonsense -all"'],
    ("none.example", "TXT"): ['"something else"'],
    ("dead.example", "TXT"): None,
    ("loop.example", "TXT"): ['"v=spf1 include:loop.example -all"'],
    ("listed.example", "A"): ["127.0.0.2"],
}


async def evaluated(
    record: str, client: str | None = "192.0.2.1", more: Answers | None = None
) -> tuple[str, int, list[str]]:
    """Return result, look-ups and what was left open, for a record of DOMAIN."""
    answers = {**OTHERS, (DOMAIN, "TXT"): [f'"{record}"'], **(more or {})}

    async def ask(name: str, type_: str) -> Records:
        if (name, type_) in answers:
            found = answers[name, type_]
            if found is None:
                raise DnsTrouble(f"no answer for {name}")
            return Records(tuple(found), 60.0)
        if any(known == name for known, _ in answers):
            return Records((), 60.0)
        raise NoSuchDomain(f"{name} does not exist")

    walk = Walk(ask, ipaddress.ip_address(client) if client else None)
    return await walk.check(DOMAIN), walk.lookups, walk.unsure


@pytest.mark.parametrize(
    ("record", "client", "result"),
    [
        ("v=spf1 -all", "192.0.2.1", "fail"),
        ("v=spf1 ~all", "192.0.2.1", "softfail"),
        ("v=spf1 ?all", "192.0.2.1", "neutral"),
        ("v=spf1", "192.0.2.1", "neutral"),
        ("V=SPF1 ALL", "192.0.2.1", "pass"),
        ("v=spf1 ip4:192.0.2.1 -all", "192.0.2.1", "pass"),
        ("v=spf1 ip4:192.0.2.0/24 -all", "192.0.2.200", "pass"),
        ("v=spf1 ip4:192.0.2.0/25 -all", "192.0.2.200", "fail"),
        ("v=spf1 -ip4:192.0.2.1 +all", "192.0.2.1", "fail"),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::99", "pass"),
        ("v=spf1 ip6:2001:db8::/32 -all", "192.0.2.1", "fail"),
        ("v=spf1  ip4:192.0.2.1  -all ", "192.0.2.1", "pass"),
        ("v=spf1 a -all", "192.0.2.1", "pass"),
        ("v=spf1 a -all", "2001:db8::1", "pass"),
        ("v=spf1 a/24 -all", "192.0.2.77", "pass"),
        ("v=spf1 a//64 -all", "2001:db8::77", "pass"),
        ("v=spf1 a/24//128 -all", "2001:db8::77", "fail"),
        ("v=spf1 a:mx.example -all", "192.0.2.25", "pass"),
        ("v=spf1 mx -all", "198.51.100.25", "pass"),
        ("v=spf1 mx/24 -all", "198.51.100.1", "pass"),
        ("v=spf1 include:pass.example -all", "192.0.2.9", "pass"),
        ("v=spf1 include:pass.example -all", "203.0.113.9", "fail"),
        ("v=spf1 include:soft.example -all", "203.0.113.9", "fail"),  # its softfail is no match
        ("v=spf1 ?include:pass.example -all", "192.0.2.9", "neutral"),
        ("v=spf1 exists:listed.example -all", "2001:db8::9", "pass"),  # always by an A record, RFC 7208 5.7
        ("v=spf1 exists:none.example -all", "192.0.2.9", "fail"),
        ("v=spf1 redirect=pass.example", "192.0.2.9", "pass"),
        ("v=spf1 -all redirect=pass.example", "192.0.2.9", "fail"),
        ("v=spf1 redirect=pass.example ip4:203.0.113.0/24", "203.0.113.9", "pass"),  # a modifier stands anywhere
        ("v=spf1 exp=why.example moo=cow -all", "192.0.2.1", "fail"),  # unknown modifiers mean nothing
    ],
)
async def test_record_gives_client_its_result(record: str, client: str, result: str) -> None:
    """A receiver gives this result to mail from this address."""
    assert (await evaluated(record, client))[0] == result


@pytest.mark.parametrize(
    ("record", "stranger"),
    [
        ("v=spf1 +all", "pass"),
        ("v=spf1 include:open.example -all", "pass"),
        ("v=spf1 redirect=open.example", "pass"),
        ("v=spf1 ip4:0.0.0.0/1 ip4:128.0.0.0/1 -all", "pass"),
        ("v=spf1 ip6:::/0 -all", "pass"),
        ("v=spf1 ip4:192.0.2.0/24 a mx -all", "fail"),
        ("v=spf1 ip4:192.0.2.0/24", "neutral"),
    ],
)
async def test_record_gives_stranger_its_result(record: str, stranger: str) -> None:
    """What everybody gets shows whether a record keeps anybody out, also through what it includes."""
    assert (await evaluated(record, None))[0] == stranger


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("v=spf1 foo -all", "foo is no mechanism"),
        ("v=spf1 ip4 -all", "ip4 is no mechanism"),
        ("v=spf1 ip4:192.0.2.1/33 -all", "names no network"),
        ("v=spf1 ip4:192.0.2.0/255.255.255.0 -all", "names no network"),
        ("v=spf1 ip4:2001:db8::1 -all", "names no network"),
        ("v=spf1 ip6:192.0.2.1 -all", "names no network"),
        ("v=spf1 ip4:192.0.2.1, ip4:192.0.2.2 -all", "names no network"),
        ("v=spf1 include -all", "names no domain"),
        ("v=spf1 exists: -all", "is no mechanism"),
        ("v=spf1 all:x", "takes no domain"),
        ("v=spf1 all/24", "takes no prefix length"),
        ("v=spf1 a/33 -all", "beyond the address"),
        ("v=spf1 a/024 -all", "is no mechanism"),
        ("v=spf1 −all", "is no mechanism"),
        ("v=spf1 redirect=", "names no domain"),
        ("v=spf1 redirect=a.example redirect=b.example", "stands there twice"),
    ],
)
def test_record_that_is_none_is_refused(record: str, reason: str) -> None:
    """Where receivers give "permerror" for the text, the term is named."""
    with pytest.raises(SpfError, match=reason):
        parse(record)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("v=spf1 include:none.example -all", "without SPF record"),
        ("v=spf1 include:nowhere.example -all", "without SPF record"),
        ("v=spf1 redirect=none.example", "without SPF record"),
        ("v=spf1 include:bad.example -all", "the SPF record of bad.example is broken"),
        ("v=spf1 include:loop.example -all", "more than 10 terms ask DNS"),
        ("v=spf1 " + "a:mx.example " * 11 + "-all", "more than 10 terms ask DNS"),
        ("v=spf1 a:x1.example a:x2.example a:x3.example -all", "more than 2 names have no such record"),
    ],
)
async def test_limits_and_broken_includes_are_permanent_errors(record: str, reason: str) -> None:
    """What makes receivers give up is an error, with the term that is to blame."""
    with pytest.raises(SpfError, match=reason):
        await evaluated(record, "203.0.113.9")


@pytest.mark.parametrize(
    ("record", "lookups"),
    [
        ("v=spf1 ip4:192.0.2.9 ip6:2001:db8::9 -all", 0),
        ("v=spf1 a mx include:pass.example exists:none.example -all", 4),
        ("v=spf1 " + "a:mx.example " * 10 + "-all", 10),
        ("v=spf1 a a -all mx include:pass.example", 2),  # behind all nothing is asked
        ("v=spf1 redirect=pass.example", 1),
    ],
)
async def test_lookups_are_counted_as_the_standard_does(record: str, lookups: int) -> None:
    """Only terms that ask DNS count, ten of them are allowed (RFC 7208 4.6.4)."""
    assert (await evaluated(record, None))[1] == lookups


async def test_more_than_ten_exchangers_of_a_domain_are_an_error() -> None:
    """An `mx` of a domain with eleven exchangers makes receivers give up."""
    many = {(DOMAIN, "MX"): [f"10 mx{number}.example." for number in range(11)]}
    with pytest.raises(SpfError, match="more than 10 mail exchangers"):
        await evaluated("v=spf1 mx -all", more=many)


@pytest.mark.parametrize("term", ["ptr", "ptr:d.example", "exists:%{i}.listed.example", "include:%{d2}.example"])
async def test_terms_that_are_not_evaluated_are_told(term: str) -> None:
    """`ptr` and macros match nothing, cost their look-up, and are named."""
    result, lookups, unsure = await evaluated(f"v=spf1 {term} -all")
    assert (result, lookups, len(unsure)) == ("fail", 1, 1)


async def test_two_records_are_an_error() -> None:
    """A domain with two SPF records has none that a receiver could choose."""
    two = {(DOMAIN, "TXT"): ['"v=spf1 -all"', '"v=spf1 ip4:192.0.2.1 -all"', '"v=spf10 +all"']}
    with pytest.raises(SpfError, match="2 SPF records"):
        await evaluated("", more=two)


async def test_resolver_in_trouble_is_no_verdict() -> None:
    """Where DNS gives no answer for an include, nothing is said of the record."""
    with pytest.raises(DnsTrouble):
        await evaluated("v=spf1 include:dead.example -all", "203.0.113.9")


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in another way than `SpfError`."""
    try:
        record = parse(f"v=spf1 {text}")
    except SpfError:
        return
    assert all(directive.qualifier in "+-~?" for directive in record.directives)
