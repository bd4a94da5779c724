"""Replies become verdicts: every stage with every class of code; rules match by all their conditions, in order."""

import itertools
from dataclasses import replace

import pytest

from mailsvc.domain import classify
from mailsvc.domain.classify import Classifier, Rule, Words
from mailsvc.domain.outcome import Category, Permanence, Scope
from mailsvc.domain.reply import Reply, Stage

SESSION = [Stage.DNS, Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH]
CODES = [220, 250, 354, 421, 450, 451, 452, 454, 500, 501, 530, 535, 550, 552, 553, 554]
UNKNOWN = Rule(name="unknown", category=Category.USER_UNKNOWN, confidence=0.9, says=("no such user",))
BARE = Classifier([])
ONE = Classifier([UNKNOWN])
HEADS = [
    ("550 5.1.1 no", (550, "5.1.1", "no")),
    ("550-5.1.1 no\r\n550 5.1.1 one", (550, "5.1.1", "no 550 5.1.1 one")),
    ("smtp; 450 4.2.2 full", (450, "4.2.2", "full")),
    ("SMTP;550 no (#5.1.1)", (550, None, "no (#5.1.1)")),
    ("554", (554, None, "")),
    ("550 #5.1.0 Address rejected.", (550, "5.1.0", "Address rejected.")),
    ("192.0.2.1 said 550", (None, None, "192.0.2.1 said 550")),
    ("5501 no", (None, None, "5501 no")),
    ("550 5.1.1.1 no", (550, None, "5.1.1.1 no")),
    ("", (None, None, "")),
]


@pytest.mark.parametrize(("code", "stage"), list(itertools.product(CODES, Stage)))
def test_every_code_at_every_stage_has_scope_and_permanence(code: int, stage: Stage) -> None:
    """What concerns the server or the session is temporary; else a 5yz ends the message and a 4yz does not."""
    verdict = BARE.verdict(Reply(code, ("text",)), stage)
    if stage is Stage.DOT and code < 300:
        assert verdict == classify.DELIVERED
        return
    host = code == 421 or code < 400 or stage in SESSION
    assert verdict.scope is (Scope.HOST if host else Scope.RECIPIENT if stage is Stage.RCPT else Scope.MESSAGE)
    assert verdict.permanence is (Permanence.PERMANENT if code >= 500 and not host else Permanence.TRANSIENT)
    assert verdict.category is (Category.REMOTE_ERROR if code >= 500 and not host else Category.REMOTE_TEMPORARY)


@pytest.mark.parametrize("stage", Stage)
def test_nobody_is_unknown_before_being_named(stage: Stage) -> None:
    """Only from RCPT on can a reply be about the recipient."""
    verdict = ONE.verdict(Reply(550, ("no such user here",)), stage)
    assert verdict.category.hard is (stage in (Stage.RCPT, Stage.DATA, Stage.DOT))


def test_temporary_reply_keeps_its_category_and_stays_temporary() -> None:
    """A 4yz that says that there is no such user says so, and the mail is tried again."""
    verdict = ONE.verdict(Reply(450, ("no such user here",)), Stage.RCPT)
    assert (verdict.category, verdict.permanence) == (Category.USER_UNKNOWN, Permanence.TRANSIENT)


@pytest.mark.parametrize("category", [Category.REMOTE_ERROR, Category.UNKNOWN])
def test_temporary_reply_is_no_lasting_fault(category: Category) -> None:
    """Where a rule finds a lasting fault in a 4yz, it is a temporary one."""
    classifier = Classifier([replace(UNKNOWN, category=category)])
    assert classifier.verdict(Reply(450, ("no such user",)), Stage.RCPT).category is Category.REMOTE_TEMPORARY
    assert classifier.verdict(Reply(550, ("no such user",)), Stage.RCPT).category is category


def test_verdict_reads_every_line_and_the_host() -> None:
    """The words may be spread over the lines of a reply, each with its codes; the host is compared without case."""
    classifier = Classifier([replace(UNKNOWN, sites=("mail.example",))])
    reply = Reply(550, ("5.1.1 There is no such", "5.1.1 user here"))
    assert classifier.verdict(reply, Stage.RCPT, "MX1.Mail.Example").category is Category.USER_UNKNOWN
    assert classifier.verdict(reply, Stage.RCPT, "mx1.notmail.example").category is Category.REMOTE_ERROR
    assert classifier.verdict(reply, Stage.RCPT).category is Category.REMOTE_ERROR


@pytest.mark.parametrize(("said", "expected"), HEADS)
def test_reply_is_taken_apart(said: str, expected: tuple[int | None, str | None, str]) -> None:
    """Reply code and status are read off the head only."""
    words = Words.of(said)
    assert (words.code, words.status, words.text) == expected


CONDITIONS = [
    ({}, True),
    ({"sites": ("mail.example",)}, True),
    ({"sites": ("other.example", "shop.example")}, True),
    ({"sites": ("other.example",)}, False),
    ({"domains": ("shop.example",)}, True),
    ({"domains": ("mail.example",)}, False),
    ({"stages": frozenset({Stage.RCPT, Stage.DATA})}, True),
    ({"stages": frozenset({Stage.DATA, None})}, False),
    ({"codes": frozenset({"550"})}, True),
    ({"codes": frozenset({"5xx"})}, True),
    ({"codes": frozenset({"450", "4xx", "none"})}, False),
    ({"statuses": frozenset({"5.1.1"})}, True),
    ({"statuses": frozenset({"x.1.1"})}, True),
    ({"statuses": frozenset({"x.1.x"})}, True),
    ({"statuses": frozenset({"5.2.1"})}, True),
    ({"statuses": frozenset({"4.1.1", "5.1.0"})}, False),
    ({"says": ()}, True),
    ({"says": ("user unknown",)}, False),
    ({"says": ("user unknown", "such user")}, True),
]


@pytest.mark.parametrize(("conditions", "met"), CONDITIONS)
def test_all_conditions_of_a_rule_must_be_met(conditions: dict[str, object], met: bool) -> None:  # noqa: FBT001  a table
    """Phrases, site, domain, stage, code and status: an empty condition is met, another by one of its values."""
    words = Words.of(
        "550 5.1.1 no such user (#5.2.1)", stage=Stage.RCPT, host="mx.mail.example", recipient_domain="shop.example"
    )
    found = Classifier([replace(UNKNOWN, **conditions)]).find(words)
    assert (found.rule == "unknown") is met
    assert found.status == "5.1.1"


def test_first_rule_that_matches_wins() -> None:
    """The order of the rules decides, not how much of a text they match."""
    full = Rule(name="full", category=Category.MAILBOX_FULL, confidence=0.8, statuses=frozenset({"x.2.2"}))
    words = Words.of("550 5.2.2 no such user")
    assert Classifier([full, UNKNOWN]).find(words).rule == "full"
    assert Classifier([UNKNOWN, full]).find(words).rule == "unknown"


@pytest.mark.parametrize(
    ("said", "category"),
    [
        ("450 x", Category.REMOTE_TEMPORARY),
        ("550 x", Category.REMOTE_ERROR),
        ("x (#4.0.0)", Category.REMOTE_TEMPORARY),
        ("x (#5.0.0)", Category.REMOTE_ERROR),
        ("x", Category.UNKNOWN),
        ("", Category.UNKNOWN),
    ],
)
def test_what_no_rule_knows_is_told_by_the_class_of_its_code(said: str, category: Category) -> None:
    """Neither words nor status known: the code says whether it may pass, with little confidence."""
    found = BARE.find(Words.of(said))
    assert (found.category, found.rule) == (category, "reply code")
    assert found.confidence < 0.5


def test_conditions_without_a_code_can_be_asked_for() -> None:
    """Reports often have words only; a rule may want just those."""
    classifier = Classifier([replace(UNKNOWN, codes=frozenset({"none"}), stages=frozenset({None}))])
    assert classifier.find(Words.of("no such user")).rule == "unknown"
    assert classifier.find(Words.of("550 no such user")).rule == "reply code"


def test_hard_categories_are_the_two_of_the_contract() -> None:
    """Only an unknown user and an unknown domain are hard."""
    assert {category for category in Category if category.hard} == {Category.USER_UNKNOWN, Category.DOMAIN_UNKNOWN}
