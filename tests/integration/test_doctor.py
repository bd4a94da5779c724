"""Every way in which a sending identity can be broken is named, and nothing else is (CONTRACT 1, `doctor`)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from mailsvc.checks.sender.https import PolicyUnreachable, PolicyWrong
from tests.support.dns_zone import No
from tests.support.sender import (
    HELO,
    IP,
    IP6,
    POLICY,
    REVERSE,
    SENDER,
    all_of,
    certificate,
    ed25519_key,
    examined,
    rsa_key,
    txt,
    with_records,
    with_txt,
    without,
)

RSA = rsa_key()
OTHER = "bounce.example.jp"
DKIM = f"dkim.{RSA.selector}"
SPF = f"v=spf1 ip4:{IP} ip6:{IP6} -all"
DMARC = f"_dmarc.{SENDER}"

Change = Callable[[Any], None]


async def test_identity_that_lacks_nothing_is_sound() -> None:
    """Where every record is right every check is ok, but for those that say that another one speaks for them."""
    found = await examined()
    assert found.wrong == []
    assert {f.check for f in found.findings if f.severity == "info"} == {"spf.header", "sender.mx"}
    assert {f.check for f in found.findings} == {
        *("spf.envelope", "spf.header", "dkim.keys", DKIM, f"dkim.{ed25519_key().selector}"),
        *("dmarc.record", "dmarc.policy", "dmarc.alignment", "dmarc.reports", "host.helo", "host.ptr"),
        *("bounce.mx", "bounce.tls", "sender.mx", "mta_sts.record", "mta_sts.policy", "tlsrpt.record", "bimi.record"),
        *("marks.docomo", "marks.au", "marks.yahoo"),
    }
    assert all(finding.publish is None for finding in found.findings)


#: What is broken, the check that says so, how badly, a piece of the evidence, what to publish (None: not compared).
BROKEN_SPF: list[tuple[Change, str, str, str, str | None]] = [
    (with_txt(SENDER), "spf.envelope", "error", "no SPF record", f'{SENDER}. IN TXT "{SPF}"'),
    (with_txt(SENDER, SPF, "v=spf1 include:x.example ~all"), "spf.envelope", "error", "2 SPF records",
     f'{SENDER}. IN TXT "v=spf1 include:x.example ip4:{IP} ip6:{IP6} -all"'),
    (with_txt(SENDER, f"v=spf1 ipv4:{IP} -all"), "spf.envelope", "error", f"ipv4:{IP} is no mechanism",
     f'{SENDER}. IN TXT "{SPF}"'),
    (with_txt(SENDER, f"v=spf1 ip4:{IP} -all"), "spf.envelope", "error", f"{IP6}: fail",
     f'{SENDER}. IN TXT "v=spf1 ip6:{IP6} ip4:{IP} -all"'),
    (with_txt(SENDER, f"v=spf1 ip4:{IP} ip6:{IP6} ?all"), "spf.envelope", "warning", "says nothing of other addresses",
     f'{SENDER}. IN TXT "{SPF}"'),
    (with_txt(SENDER, f"v=spf1 ip4:{IP} ip6:{IP6}"), "spf.envelope", "warning", "says nothing of other addresses",
     f'{SENDER}. IN TXT "{SPF}"'),
    (with_txt(SENDER, f"v=spf1 ip4:{IP} +all"), "spf.envelope", "error", "lets every address",
     f'{SENDER}. IN TXT "{SPF}"'),
    (with_txt(SENDER, f"v=spf1 {'mx ' * 11}-all"), "spf.envelope", "error", "more than 10 terms", None),
    (with_txt(SENDER, f"v=spf1 {'mx ' * 9}-all"), "spf.envelope", "warning", "9 of 10 terms", None),
    (with_txt(SENDER, f"v=spf1 ip4:{IP} ip6:{IP6} ptr -all"), "spf.envelope", "warning", "relies on ptr", None),
    (with_txt(SENDER, "v=spf1 include:gone.example -all"), "spf.envelope", "error", "without SPF record", None),
    (with_txt(SENDER, "v=spf1 exists:%{i}.example -all"), "spf.envelope", "unknown", "a macro", None),
]  # fmt: skip

BROKEN_DKIM: list[tuple[Change, str, str, str, str | None]] = [
    (change, DKIM, "error", evidence, RSA.zone_line)
    for change, evidence in (
        (without(RSA.name), "has no TXT record"),
        (with_txt(RSA.name, RSA.value, "v=DKIM1; k=rsa; p="), "has 2 TXT records"),
        (with_txt(RSA.name, "v=DKIM1; k=rsa; p="), "it is revoked"),
        (with_txt(RSA.name, RSA.value[:200]), "the key is cut off after 182 of 392 characters"),
        (with_txt(RSA.name, RSA.value.replace("k=rsa", "k=ed25519")), "it is for k=ed25519"),
        (with_txt(RSA.name, ed25519_key().value), "it is for k=ed25519"),
        (with_txt(RSA.name, "v=DKIM1; k=rsa; p=AAAA"), "another key, or none"),
        (with_txt(RSA.name, f"{RSA.value}; t=y"), "t=y calls the signatures a test"),
        (with_txt(RSA.name, f"{RSA.value}; h=sha1"), "h=sha1 does not let sha256 sign"),
        (with_txt(RSA.name, f"{RSA.value}; n=note"), "its tags are"),
        (with_txt(RSA.name, RSA.value.replace("DKIM1", "DKIM2")), "no version of DKIM"),
        (with_txt(RSA.name, "nonsense"), "no tag list"),
    )
]

BROKEN_DMARC: list[tuple[Change, str, str, str, str | None]] = [
    (all_of(without(DMARC), without("_dmarc.example.jp")), "dmarc.record", "error", "has a DMARC record",
     f'{DMARC}. IN TXT "v=DMARC1; p=reject; rua=mailto:postmaster@{SENDER}"'),
    (with_txt(DMARC, "v=DMARC1; p=reject", "v=DMARC1; p=none"), "dmarc.record", "error", "2 records",
     f'{DMARC}. IN TXT "v=DMARC1; p=reject; rua=mailto:postmaster@{SENDER}"'),
    (with_txt(DMARC, "v=DMARC1; p=refuse"), "dmarc.record", "error", "p=refuse is none of", None),
    (with_txt(DMARC, "v=DMARC1; rua=mailto:x@example.jp"), "dmarc.record", "error", "p= is none of", None),
    (with_txt(DMARC, "v=DMARC1; p=none; rua=mailto:x@example.jp"), "dmarc.policy", "warning", "asks for none",
     f'{DMARC}. IN TXT "v=DMARC1; p=reject; rua=mailto:x@example.jp"'),
    (with_txt(DMARC, "v=DMARC1; p=reject; pct=20; rua=mailto:x@example.jp"), "dmarc.policy", "warning", "pct=20",
     f'{DMARC}. IN TXT "v=DMARC1; p=reject; rua=mailto:x@example.jp"'),
    (with_txt(DMARC, "v=DMARC1; p=reject; t=y; rua=mailto:x@example.jp"), "dmarc.policy", "warning", "t=y", None),
    (all_of(without(DMARC), with_txt("_dmarc.example.jp", "v=DMARC1; p=reject; sp=none; rua=mailto:x@example.jp")),
     "dmarc.policy", "warning", "asks for none",
     f'{DMARC}. IN TXT "v=DMARC1; p=reject; sp=none; rua=mailto:x@example.jp"'),
    (with_txt(DMARC, "v=DMARC1; p=reject; rua=mailto:x@reports.example.com"), "dmarc.reports", "warning",
     "does not say", f'{SENDER}._report._dmarc.reports.example.com. IN TXT "v=DMARC1"'),
    (with_txt(DMARC, "v=DMARC1; p=reject; rua=x@example.jp"), "dmarc.reports", "warning", "no mailto:", None),
]  # fmt: skip

BROKEN_HOST: list[tuple[Change, str, str, str, str | None]] = [
    (without(REVERSE), "host.ptr", "error", "has no name", f"{REVERSE}. IN PTR {HELO}."),
    (with_records(REVERSE, PTR=[]), "host.ptr", "error", "has no name", f"{REVERSE}. IN PTR {HELO}."),
    (with_records(REVERSE, PTR=["static-10.isp.example."]), "host.ptr", "error", "does not lead back", None),
]  # fmt: skip

BROKEN_BOUNCE: list[tuple[Change, str, str, str, str | None]] = [
    (with_records(SENDER, MX=["0 ."]), "bounce.mx", "error", "null MX", f"{SENDER}. IN MX 10 {HELO}."),
    (with_records(SENDER, MX=[]), "bounce.mx", "error", "has no address", f"{SENDER}. IN MX 10 {HELO}."),
    (with_records(SENDER, MX=[f"10 {IP}."]), "bounce.mx", "error", "an address where a name", None),
    (with_records(SENDER, MX=["10 gone.example."]), "bounce.mx", "error", "gone.example has no address", None),
    (with_records(SENDER, MX=["10 gone.example.", f"20 {HELO}."]), "bounce.mx", "warning", "gone.example", None),
]

BROKEN_POLICIES: list[tuple[Change, str, str, str, str | None]] = [
    (with_txt(f"_mta-sts.{SENDER}", "v=STSv1; id=1", "v=STSv1; id=2"), "mta_sts.record", "warning", "2 records", None),
    (with_txt(f"_mta-sts.{SENDER}", "v=STSv1"), "mta_sts.record", "warning", "id= is missing", None),
    (with_txt(f"_mta-sts.{SENDER}", "v=STSv1; id=1;;x"), "mta_sts.record", "warning", "is no tag", None),
    (with_txt(f"_smtp._tls.{SENDER}", "v=TLSRPTv1; rua=x@example.jp"), "tlsrpt.record", "warning", "neither mailto:",
     f'_smtp._tls.{SENDER}. IN TXT "v=TLSRPTv1; rua=mailto:postmaster@{SENDER}"'),
    (with_txt(f"_smtp._tls.{SENDER}", "v=TLSRPTv1; rua"), "tlsrpt.record", "warning", "is no tag", None),
    (with_txt(f"default._bimi.{SENDER}", "v=BIMI1; l=http://example.jp/logo.svg"), "bimi.record", "warning",
     "no https address of an SVG", None),
    (with_txt(f"default._bimi.{SENDER}", "v=BIMI1; l=https://e.jp/l.svg; a=http://e.jp/v.pem"), "bimi.record",
     "warning", "no https address", None),
]  # fmt: skip


BROKEN = [*BROKEN_SPF, *BROKEN_DKIM, *BROKEN_DMARC, *BROKEN_HOST, *BROKEN_BOUNCE, *BROKEN_POLICIES]


# The names come from the table: the keys in it are new in every process.
@pytest.mark.parametrize(
    ("change", "check", "severity", "evidence", "publish"), BROKEN, ids=[f"{case[1]}: {case[3]}" for case in BROKEN]
)
async def test_broken_zone_is_named(
    change: Change, check: str, severity: str, evidence: str, publish: str | None
) -> None:
    """One thing wrong in DNS gives one finding, of this check and severity, with what was found and what to publish."""
    found = await examined(change, policy=POLICY.replace("enforce", "none"))
    assert found.wrong == [(check, severity)]
    finding = found.of(check)
    assert evidence in finding.evidence
    assert publish is None or finding.publish == publish


HELO2 = {"helo": "mx2.mail.example.jp"}
BOUNCE = {"bounce_domain": OTHER}


def bounce_zone(**records: list[str]) -> Change:
    """Return a zone with a bounce domain of its own, sound but for these records."""
    sound = {"MX": [f"10 {HELO}."], "TXT": [txt(SPF)]}
    return with_records(OTHER, **sound | records)


@pytest.mark.parametrize(
    ("identity", "change", "wrong", "evidence"),
    [
        ({"sources": ("192.0.2.11",)}, with_records("11.2.0.192.in-addr.arpa", PTR=["mx2.mail.example.jp."]),
         [("spf.envelope", "error"), ("host.ptr", "error"), ("host.helo", "warning")], "192.0.2.11: fail by"),
        (HELO2, None, [("host.helo", "error")], "mx2.mail.example.jp has no address"),
        (HELO2, with_records("mx2.mail.example.jp", A=["192.0.2.99"]), [("host.helo", "warning")],
         f"mails leave from {IP}, {IP6}"),
        ({"helo": "localhost"}, None, [("host.helo", "error")], "no full host name"),
        ({"helo": "mail.internal"}, None, [("host.helo", "error")], "no full host name"),
        ({"helo": "192.0.2.10"}, None, [("host.helo", "error")], "no full host name"),
        ({"helo": "[192.0.2.10]"}, None, [("host.helo", "warning")], "an address literal"),
        ({"keys": ()}, None, [("dkim.keys", "error")], "no active rsa-sha256 key"),
        ({"keys": (ed25519_key(),)}, None, [("dkim.keys", "error")], "no active rsa-sha256 key"),
        ({"keys": (), "key_fault": "k.pem is damaged"}, None, [("dkim.keys", "error")], "k.pem is damaged"),
        (BOUNCE, bounce_zone(), [], ""),
        (BOUNCE, bounce_zone(TXT=[]), [("spf.envelope", "error")], f"{OTHER} has no SPF record"),
        (BOUNCE, None, [("spf.envelope", "error"), ("bounce.mx", "error")], "no SPF record"),
        (BOUNCE, all_of(bounce_zone(), with_txt(SENDER)), [("spf.header", "error")], f"{SENDER} has no SPF record"),
        (BOUNCE, all_of(bounce_zone(), with_records(SENDER, MX=[])), [("sender.mx", "warning")], "has no address"),
        (BOUNCE, bounce_zone(MX=[], A=[IP]), [("bounce.mx", "warning"), ("bounce.tls", "warning")], "no MX record"),
        ({"bounce_domain": f"b.{SENDER}"}, all_of(
            with_records(f"b.{SENDER}", MX=[f"10 {HELO}."], TXT=[txt(SPF)]),
            with_txt(DMARC, "v=DMARC1; p=reject; aspf=s; rua=mailto:x@example.jp")),
         [("dmarc.alignment", "warning")], "under aspf=s"),
        ({"bounce_domain": "bounce.example.com"},
         with_records("bounce.example.com", MX=[f"10 {HELO}."], TXT=[txt(SPF)]),
         [("dmarc.alignment", "warning")], "set MAILSVC_BOUNCE_DOMAIN"),
        ({"certificate": None}, None, [("mta_sts.policy", "error"), ("bounce.tls", "warning")], "offers no TLS"),
        ({"certificate": certificate("mx9.example")}, None,
         [("mta_sts.policy", "error"), ("bounce.tls", "warning")], f"it is for mx9.example, not for {HELO}"),
        ({"certificate": certificate(HELO, days=-3.1)}, None,
         [("mta_sts.policy", "error"), ("bounce.tls", "warning")], "it expired 3 days ago"),
        ({"certificate": certificate(HELO, days=9.5)}, None, [("bounce.tls", "warning")], "has 9 days left"),
        ({"certificate": b"no certificate"}, None,
         [("mta_sts.policy", "error"), ("bounce.tls", "warning")], "cannot be read"),
        ({"certificate": certificate("*.mail.example.jp")}, None, [], ""),
        ({"receives": False, "certificate": None}, None, [], ""),
    ],
)  # fmt: skip
async def test_broken_configuration_is_named(
    identity: dict[str, Any], change: Change | None, wrong: list[tuple[str, str]], evidence: str
) -> None:
    """What does not fit between DNS and our own settings, keys and certificate is found in the check it belongs to."""
    found = await examined(change, **identity)
    assert sorted(found.wrong) == sorted(wrong)
    assert not wrong or evidence in found.of(wrong[0][0]).evidence


PRIVATE = {"private_allowed": False}


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        (IP, {("host.helo", "warning"), ("bounce.mx", "warning")}),  # a placeholder that was forgotten
        ("10.0.0.5", {("host.helo", "error"), ("bounce.mx", "error"), ("host.ptr", "error")}),
    ],
)
async def test_addresses_the_internet_cannot_reach_are_named(address: str, wrong: set[tuple[str, str]]) -> None:
    """A host name with a private address is an error, with one for documentation a warning."""
    found = await examined(with_records(HELO, A=[address], AAAA=[]), sources=(IP,), **PRIVATE)
    assert set(found.wrong) == wrong


@pytest.mark.parametrize("sources", [(), ("10.0.0.5",), ("127.0.0.1", "fd00::1")])
async def test_unknown_outside_address_is_presumed_to_be_that_of_helo(sources: tuple[str, ...]) -> None:
    """Behind address translation, or without a setting, the addresses of the HELO name are looked at."""
    found = await examined(without(REVERSE), sources=sources, **PRIVATE)
    assert ("host.ptr", "error") in found.wrong
    assert found.of("host.ptr").evidence.startswith(IP)
    assert found.of("spf.envelope").severity == "ok"


async def test_outside_address_that_nothing_tells_is_said_to_be_unknown() -> None:
    """Without source addresses and HELO name SPF cannot be judged, which is told as information."""
    found = await examined(sources=(), helo="[192.0.2.10]")
    assert found.wrong == [("host.helo", "warning")]
    assert (found.of("host.ptr").severity, found.of("spf.envelope").severity) == ("info", "info")
    assert "neither MAILSVC_SOURCE_ADDRESSES nor MAILSVC_HELO" in found.of("spf.envelope").evidence


async def test_relay_takes_our_name_and_address_out_of_sight() -> None:
    """Where a relay takes all mail, HELO, PTR and our addresses are for information; the rest is judged as before."""
    change = all_of(without(REVERSE), with_txt(SENDER, "v=spf1 include:x.example -all"), with_txt("x.example", SPF))
    found = await examined(change, relay="relay.example:587", helo="localhost", sources=("192.0.2.77",))
    assert found.wrong == []
    assert "relay.example:587" in found.of("host.helo").evidence
    assert "relay.example:587" in found.of("spf.envelope").evidence
    assert (await examined(with_txt(SENDER), relay="relay.example:587")).wrong == [("spf.envelope", "error")]


@pytest.mark.parametrize(
    ("policy", "finding", "evidence"),
    [
        (POLICY, "ok", f"mx: {HELO}"),
        (POLICY.replace("\r", "").replace(HELO, "*.mail.example.jp"), "ok", "enforce"),
        (POLICY.replace(HELO, "*.example.jp"), "error", f"{HELO} is under no mx:"),  # a wildcard is one label
        (POLICY.replace("enforce", "testing").replace(HELO, "other.example"), "warning", "is under no mx:"),
        (POLICY.replace("enforce", "none"), "info", "mode: none"),
        (POLICY.replace("enforce", "force"), "warning", "mode: is none of"),
        (POLICY.replace("STSv1", "STSv2"), "warning", "version:"),
        (POLICY.replace("604800", "forever"), "warning", "max_age:"),
        (POLICY.replace("mx:", "mxs:"), "warning", "mx: is missing"),
        ("<html>", "warning", "version:"),
        (PolicyWrong("answers 404"), "warning", "senders find no policy: answers 404"),
        (PolicyUnreachable("no answer"), "unknown", "no answer"),
    ],
)
async def test_mta_sts_policy_is_held_against_exchangers(policy: str | Exception, finding: str, evidence: str) -> None:
    """A policy that leaves out our exchanger loses reports; one that cannot be used or fetched is told apart."""
    found = (await examined(policy=policy)).of("mta_sts.policy")
    assert (found.severity, evidence in found.evidence) == (finding, True)


@pytest.mark.parametrize(
    ("name", "check"),
    [
        (f"_mta-sts.{SENDER}", "mta_sts.record"),
        (f"_smtp._tls.{SENDER}", "tlsrpt.record"),
        (f"default._bimi.{SENDER}", "bimi.record"),
    ],
)
async def test_optional_record_that_is_absent_is_offered(name: str, check: str) -> None:
    """What one may do without is information, with the line to publish."""
    found = await examined(without(name))
    assert found.wrong == []
    assert found.of(check).severity == "info"
    assert (found.of(check).publish or "").startswith(f"{name}. IN TXT ")


@pytest.mark.parametrize("how", [No.SERVFAIL, No.REFUSED])
async def test_resolver_in_trouble_is_never_an_error_and_never_health(how: No) -> None:
    """Where DNS answers nothing, every check that asks it is unknown, and none is ok."""

    def trouble(zone: Any) -> None:
        zone.update(dict.fromkeys([*zone, "example.jp", f"mta-sts.{SENDER}", "default._bimi.example.jp"], how))

    found = await examined(trouble)
    assert {severity for _, severity in found.wrong} == {"unknown"}
    assert [f.check for f in found.findings if f.severity == "ok"] == ["dkim.keys"]
    assert {check for check, _ in found.wrong} >= {
        *("spf.envelope", DKIM, "dmarc.record", "host.helo", "host.ptr", "bounce.mx", "mta_sts.record"),
        *("tlsrpt.record", "bimi.record", "marks.docomo", "marks.au", "marks.yahoo"),
    }


@pytest.mark.parametrize("name", [SENDER, HELO, REVERSE, DMARC, RSA.name, f"_mta-sts.{SENDER}"])
async def test_name_without_answer_is_unknown_and_hides_nothing_else(name: str) -> None:
    """One name that is not answered for leaves the other checks as they are."""
    found = await examined(without(name, No.SERVFAIL))
    assert found.wrong
    assert {severity for _, severity in found.wrong} == {"unknown"}
    assert found.of("tlsrpt.record").severity == "ok"


async def test_silence_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that is not answered ends after its time as unknown."""
    monkeypatch.setattr("mailsvc.checks.sender.finding.CHECK_SECONDS", 0.2)
    found = await examined(without(DMARC, No.SILENCE))
    assert ("dmarc.record", "unknown") in found.wrong
    assert "not answered within" in found.of("dmarc.record").evidence


async def test_pending_key_is_told_and_retired_one_is_not() -> None:
    """A key that is to sign shows the record to publish first; one that signs no more is not looked at."""
    pending = replace(ed25519_key(), state="pending")
    found = await examined(without(pending.name), keys=(RSA, pending, replace(RSA, selector="old", state="retired")))
    assert found.wrong == []
    told = found.of(f"dkim.{pending.selector}")
    assert (told.severity, told.publish) == ("info", pending.zone_line)
    assert f"mailsvc dkim activate {pending.selector}" in told.evidence
    assert not [f for f in found.findings if f.check == "dkim.old"]


@pytest.mark.parametrize(
    ("change", "unmet"),
    [
        (None, []),
        (without(RSA.name), ["marks.docomo", "marks.au", "marks.yahoo"]),
        (all_of(without(DMARC), without("_dmarc.example.jp")), ["marks.docomo", "marks.au"]),
        (with_txt(DMARC, "v=DMARC1; p=none; rua=mailto:x@example.jp"), ["marks.au"]),
        (with_txt("_dmarc.example.jp", "v=DMARC1; p=none"), ["marks.au"]),
        (without(f"default._bimi.{SENDER}"), ["marks.au"]),
        (with_txt(f"default._bimi.{SENDER}", "v=BIMI1; l=https://e.jp/l.svg"), ["marks.au"]),
    ],
)
async def test_marks_depend_on_the_checks_they_name(change: Change | None, unmet: list[str]) -> None:
    """A provider's mark is open as long as what it asks of DNS is not there."""
    found = await examined(change)
    assert [f.check for f in found.findings if f.check.startswith("marks.") and f.severity == "info"] == unmet


async def test_text_of_others_is_shown_escaped_and_shortened() -> None:
    """What a record says can neither command a terminal nor fill it."""
    hostile = f'"v=DMARC1; p=reject\\027[31m\\195\\169{"x" * 200}" "{"y" * 200}"'
    found = await examined(with_records(DMARC, TXT=[hostile]))
    evidence = found.of("dmarc.record").evidence
    assert evidence.isprintable()
    assert len(evidence) < 700
