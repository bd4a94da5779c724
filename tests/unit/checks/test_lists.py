"""What the lists say of an address."""

from datetime import date

import pytest

from mailsvc.checks import typos
from mailsvc.checks.address import parse_recipient
from mailsvc.checks.lists import Listed, last_day, of_domain, without_mail_host
from mailsvc.domain.check import Reason, ReasonCode, Severity

TODAY = date(2026, 11, 25)
TRAP = Reason(ReasonCode.TRAP_DOMAIN, Severity.REJECT)
TYPO = Reason(ReasonCode.TYPO_DOMAIN, Severity.WARN)
ENDED = Reason(ReasonCode.DISCONTINUED_DOMAIN, Severity.WARN)
ENDING = Reason(ReasonCode.ENDING_DOMAIN, Severity.WARN)
DISPOSABLE = Reason(ReasonCode.DISPOSABLE_DOMAIN, Severity.WARN)
ROLE = Reason(ReasonCode.ROLE_ACCOUNT, Severity.INFO)


def of(text: str, today: date = TODAY) -> Listed:
    """Return what the lists say of a text that is an address."""
    return of_domain(parse_recipient(text), today=today)


@pytest.mark.parametrize(
    ("text", "reasons", "suggestions"),
    [
        ("taro@docomo.ne.jp", (), ()),
        ("taro@Kaisha.CO.jp", (), ()),
        ("taro@gmial.com", (TYPO,), ("taro@gmail.com",)),
        ("Taro+a@GMIAL.com", (TYPO,), ("Taro+a@gmail.com",)),
        ("taro@gmai.com", (TRAP,), ("taro@gmail.com",)),
        ("taro@GMEIL.COM", (TRAP,), ("taro@gmail.com",)),
        ("taro@softbank.jp", (TYPO,), ("taro@i.softbank.jp", "taro@softbank.ne.jp")),
        ("taro@goo.jp", (ENDED,), ()),
        ("taro@excite.co.jp", (ENDED,), ()),
        ("taro@x.willcomlive.jp", (ENDED,), ()),
        ("taro@plala.or.jp", (ENDING,), ()),
        ("taro@white.plala.or.jp", (ENDING,), ()),
        ("taro@mailinator.com", (DISPOSABLE,), ()),
        ("taro@x.y.mailinator.com", (DISPOSABLE,), ()),
        ("info@kaisha.co.jp", (ROLE,), ()),
        ("INFO+x@kaisha.co.jp", (ROLE,), ()),
        ("soumu@kaisha.co.jp", (ROLE,), ()),
        ("postmaster@plala.or.jp", (ENDING, ROLE), ()),
        ("sales@gmai.com", (TRAP, ROLE), ("sales@gmail.com",)),
        ("information.taro@kaisha.co.jp", (), ()),
        ("taro@日本.jp", (), ()),
    ],
)
def test_lists_say_what_they_know_worst_first(
    text: str, reasons: tuple[Reason, ...], suggestions: tuple[str, ...]
) -> None:
    """Each list by itself and several at once, whatever the case of the domain."""
    assert of(text) == Listed(reasons, suggestions)


@pytest.mark.parametrize(
    ("today", "reason"),
    [(date(2028, 3, 31), ENDING), (date(2028, 4, 1), ENDED), (date(2020, 1, 1), ENDING)],
)
def test_service_goes_on_until_its_last_day(today: date, reason: Reason) -> None:
    """An end that is announced is told however far it is: an address is registered for years."""
    assert of("taro@plala.or.jp", today).reasons == (reason,)


def test_service_that_ended_is_refused_where_it_has_no_mail_host() -> None:
    """While there is one the customer is asked; nothing else weighs more than it did."""
    reasons = (ENDED, ENDING, TYPO, ROLE)
    refused = Reason(ReasonCode.DISCONTINUED_DOMAIN, Severity.REJECT)
    assert without_mail_host(reasons) == (refused, ENDING, TYPO, ROLE)
    assert without_mail_host(()) == ()


def test_end_belongs_to_the_domains_that_it_is_written_for() -> None:
    """A name that ends alike, a parent and a sister go on."""
    assert last_day("goo.jp") == date(2026, 2, 25)
    assert last_day("white.plala.or.jp") == last_day("plala.or.jp") == date(2028, 3, 31)
    for domain in ("willcomlive.jp", "a.goo.jp", "ngoo.jp", "goo.ne.jp", "or.jp", "xplala.or.jp"):
        assert last_day(domain) is None


def test_provider_is_never_throw_away_mail() -> None:
    """Whatever the package says of it in a later version."""
    assert not [domain for domain in typos.load().providers if of(f"taro@{domain}").reasons not in ((), (ENDING,))]
