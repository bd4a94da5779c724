"""How the parts of a check are put together: order, severities, states (CONTRACT 3.4)."""

import pytest

from mailsvc.checks.check import judged
from mailsvc.checks.lists import Listed
from mailsvc.checks.reading import Reading
from mailsvc.domain.address import parse
from mailsvc.domain.address_state import AddressState, Standing
from mailsvc.domain.check import DomainFinding, Reason, ReasonCode, Severity, Verdict

TARO = parse("taro@goo.jp")
NORMALIZED = Reason(ReasonCode.NORMALIZED, Severity.INFO)
TYPO = Reason(ReasonCode.TYPO_DOMAIN, Severity.WARN)
ENDED = Reason(ReasonCode.DISCONTINUED_DOMAIN, Severity.WARN)
TEMPORARY = Reason(ReasonCode.DNS_TEMPORARY, Severity.UNKNOWN)
GONE = Reason(ReasonCode.NO_SUCH_DOMAIN, Severity.REJECT)


def reading(*reasons: Reason, suggestions: tuple[str, ...] = ()) -> Reading:
    """Return a reading of `TARO`."""
    return Reading(given="taro@goo.jp", normalized=TARO.wire, address=TARO, reasons=reasons, suggestions=suggestions)


def domain(*reasons: Reason) -> DomainFinding:
    """Return a finding."""
    return DomainFinding(ascii="goo.jp", reasons=reasons)


def listed(*reasons: Reason, suggestions: tuple[str, ...] = ()) -> Listed:
    """Return what lists say."""
    return Listed(reasons, suggestions)


@pytest.mark.parametrize(
    ("by_dns", "severity", "verdict"),
    [
        ((), "warn", Verdict.WARN),
        ((TEMPORARY,), "warn", Verdict.WARN),
        ((GONE,), "reject", Verdict.REJECT),
        ((Reason(ReasonCode.NULL_MX, Severity.REJECT),), "reject", Verdict.REJECT),
        ((Reason(ReasonCode.NO_MAIL_HOST, Severity.REJECT),), "reject", Verdict.REJECT),
    ],
)
def test_service_that_ended_is_asked_about_while_it_has_a_mail_host(
    by_dns: tuple[Reason, ...], severity: str, verdict: Verdict
) -> None:
    """`discontinued_domain` warns while mail may still arrive, and rejects where DNS denies it."""
    checked = judged(reading(), listed(ENDED), domain(*by_dns), None)
    (ended,) = (reason for reason in checked.reasons if reason.code is ReasonCode.DISCONTINUED_DOMAIN)
    assert ended.severity == severity
    assert checked.verdict is verdict
    assert checked.open is (by_dns == (TEMPORARY,))


def test_reasons_stand_worst_first() -> None:
    """What decides the verdict is read first; equals stand as lists, DNS, state, text."""
    full = Standing(state=AddressState.MAILBOX_FULL)
    checked = judged(reading(NORMALIZED), listed(TYPO), domain(GONE), full)
    assert [reason.code for reason in checked.reasons] == ["no_such_domain", "typo_domain", "known_full", "normalized"]
    checked = judged(reading(NORMALIZED), listed(TYPO), domain(TEMPORARY), None)
    assert [reason.code for reason in checked.reasons] == ["typo_domain", "dns_temporary", "normalized"]


def test_suggestions_stand_once() -> None:
    """What text and lists suggest alike is one suggestion."""
    found = judged(reading(suggestions=("a@x.jp", "b@x.jp")), listed(TYPO, suggestions=("b@x.jp",)), domain(), None)
    assert found.suggestions == ("a@x.jp", "b@x.jp")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (AddressState.UNDELIVERABLE, "known_undeliverable"),
        (AddressState.MAILBOX_FULL, "known_full"),
        (AddressState.UNKNOWN, None),
        (AddressState.DELIVERABLE, None),
        (AddressState.REFUSED, None),
        (AddressState.SUSPECT, None),
        (AddressState.COMPLAINED, None),
    ],
)
def test_state_of_the_address_warns(state: AddressState, code: str | None) -> None:
    """An address that is known to be undeliverable or full is asked about; other states are told and weigh nothing."""
    checked = judged(reading(), listed(), domain(), Standing(state=state))
    assert [reason.code for reason in checked.reasons] == ([code] if code else [])
    assert checked.verdict is (Verdict.WARN if code else Verdict.OK)
