"""Domains that are probably another one: what is noticed, and what has to be left alone."""

import csv
from datetime import date
from importlib.resources import files
from pathlib import Path

import pytest

from mailsvc.checks import typos
from mailsvc.checks.address import parse_recipient
from mailsvc.checks.lists import of_domain
from mailsvc.checks.reading import read
from mailsvc.checks.typos import Typo
from mailsvc.domain.check import Reason, ReasonCode, Severity
from tests.support.typing_slips import slips

TODAY = date(2026, 11, 25)
TYPOS = typos.load()
DATA = files("mailsvc.checks") / "data"
REAL = [
    domain
    for line in Path(__file__).with_name("real_domains.txt").read_text("utf-8").splitlines()
    for domain in line.split()
    if not line.startswith("#")
]
PROJECT_LIST = Path(__file__).parents[4] / "shared" / "data" / "jp-mail-domains.csv"
LARGEST = """
gmail.com docomo.ne.jp yahoo.co.jp icloud.com ezweb.ne.jp softbank.ne.jp i.softbank.jp au.com hotmail.com outlook.jp
outlook.com hotmail.co.jp ymobile.ne.jp yahoo.ne.jp y-mobile.ne.jp me.com live.jp ocn.ne.jp nifty.com biglobe.ne.jp
so-net.ne.jp plala.or.jp dion.ne.jp jcom.home.ne.jp ybb.ne.jp eonet.ne.jp asahi-net.or.jp rakumail.jp uqmobile.jp
hi-ho.ne.jp
"""
TRAP = Reason(ReasonCode.TRAP_DOMAIN, Severity.REJECT)
TYPO = Reason(ReasonCode.TYPO_DOMAIN, Severity.WARN)
#: Domains that are left alone, beside the providers; ``*.`` stands for all sub-domains.
OTHERS = [line for line in (DATA / "other-domains.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
#: Beside nearly each of their typos is a real domain: there is less to notice.
SHORT = ("au.com", "me.com", "live.jp")


def listed() -> list[dict[str, str]]:
    """Return the rows of the list of known typos."""
    return list(csv.DictReader((DATA / "typo-domains.csv").read_text("utf-8").splitlines()))


def suggested(text: str) -> tuple[str, ...]:
    """Return what a form would suggest for a text."""
    reading = read(text)
    return of_domain(reading.address, today=TODAY).suggestions if reading.address else reading.suggestions


def test_known_typo_is_suggested_and_trap_refused() -> None:
    """Each domain of the list is answered with what was meant; one that takes strangers' mail is no question."""
    for row in listed():
        assert suggested(f"taro@{row['typo']}") == tuple(f"taro@{domain}" for domain in row["intended"].split())
        reading = read(f"taro@{row['typo']}")
        if reading.address:
            (reason,) = of_domain(reading.address, today=TODAY).reasons
            assert reason == (TRAP if "MX-TRAP" in row["evidence"] else TYPO), row


def test_list_names_each_typo_once_and_nothing_real() -> None:
    """A real domain in the list would send codes to strangers; what is suggested is real and stands the check."""
    rows = listed()
    wrong = [row["typo"] for row in rows]
    meant = {domain for row in rows for domain in row["intended"].split()}
    assert len(set(wrong)) == len(wrong)
    assert not {*REAL, *OTHERS, *TYPOS.providers} & set(wrong)
    assert meant <= TYPOS.providers
    assert all(parse_recipient(f"taro@{domain}").domain == domain for domain in TYPOS.providers)


@pytest.mark.parametrize("domain", LARGEST.split())
def test_one_slip_beside_a_large_domain_is_noticed(domain: str) -> None:
    """Of all single slips of a finger nine in ten bring up what was meant; beside short names fewer may."""
    typed = slips(domain) - {*REAL, *OTHERS, *TYPOS.providers}
    noticed = [slip for slip in typed if f"taro@{domain}" in suggested(f"taro@{slip}")]
    assert len(noticed) / len(typed) >= (0.5 if domain in SHORT else 0.9)


def test_real_domain_is_left_alone() -> None:
    """A warning about a good address costs trust, and one that is followed sends a code to a stranger."""
    real = [*REAL, *TYPOS.providers, *(domain.replace("*", "abc") for domain in OTHERS)]
    assert len(real) > 400
    assert [domain for domain in real if TYPOS.of(domain)] == []


def test_every_domain_of_the_projects_list_is_left_alone() -> None:
    """Carriers, providers and webmail of Japan, those of former brands too."""
    if not PROJECT_LIST.exists():
        pytest.skip("the collection of Japanese mail domains is not beside the project")
    with PROJECT_LIST.open(encoding="utf-8") as lines:
        domains = [row["domain"].replace("*", "abc") for row in csv.DictReader(lines)]
    assert len(domains) > 80
    assert [domain for domain in domains if TYPOS.of(domain)] == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("kaisha.co.jo", "kaisha.co.jp"),
        ("kaisha.cojp", "kaisha.co.jp"),
        ("kaisha.co.jpp", "kaisha.co.jp"),
        ("kaisha.co.pj", "kaisha.co.jp"),
        ("kaisha.co.jp.jp", "kaisha.co.jp"),
        ("kaisha.co.jp.co.jp", "kaisha.co.jp"),
        ("kaisha.co.j", "kaisha.co.jp"),
        ("kaisha.con", "kaisha.com"),
        ("kaisha.cmo", "kaisha.com"),
        ("kaisha.comm", "kaisha.com"),
        ("kaisha.com.com", "kaisha.com"),
        ("kaisha.nte", "kaisha.net"),
        ("daigaku.ac.jo", "daigaku.ac.jp"),
        ("gmial.con", "gmail.com"),
        ("gmai.con", "gmail.com"),
        ("docmo.ne.jo", "docomo.ne.jp"),
        ("ezweb.ne.jp.com", "ezweb.ne.jp"),
        ("me.con", "me.com"),
    ],
)
def test_ending_that_does_not_exist_is_noticed_whatever_the_domain(typed: str, meant: str) -> None:
    """A company's domain too; what is wrong beside the ending is mended with it, and no trap is suggested."""
    assert TYPOS.of(typed) == Typo((meant,))


@pytest.mark.parametrize(
    "domain",
    [
        "kaisha.co",
        "kaisha.cm",
        "kaisha.om",
        "kaisha.jo",
        "kaisha.test",
        "mx.internal",
        "localhost",
        "kaisha.日本",
        "jp",
    ],
)
def test_ending_that_exists_or_resembles_none_is_left_alone(domain: str) -> None:
    """Colombia, Cameroon, Oman and Jordan are countries, and a name of a private network is no typo."""
    assert TYPOS.of(domain) is None


def test_more_than_two_that_may_be_meant_are_no_suggestion() -> None:
    """One of nine would be a guess; two are asked about."""
    assert TYPOS.of("x.vodafone.ne.jp") is None
    assert TYPOS.of("t.vodafne.ne.jp") == Typo(("t.vodafone.ne.jp",))
    assert TYPOS.of("softbank.jp") == Typo(("i.softbank.jp", "softbank.ne.jp"))
