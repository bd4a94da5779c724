"""Replies become verdicts: every stage with every class of code, every known status, the hints in the text."""

import itertools

import pytest

from mailsvc.domain import classify
from mailsvc.domain.classify import classify_reply
from mailsvc.domain.outcome import Category, Permanence, Scope, Verdict
from mailsvc.domain.reply import Reply, Stage

SESSION = [Stage.DNS, Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH]
COMMANDS = [Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT]
CODES = [220, 250, 354, 421, 450, 451, 452, 454, 500, 501, 530, 535, 550, 552, 553, 554]
STATUS = {  # the class stands in the code: category at RCPT, category elsewhere
    "1.1": (Category.USER_UNKNOWN, Category.REMOTE_ERROR),
    "1.2": (Category.DOMAIN_UNKNOWN, Category.REMOTE_ERROR),
    "1.10": (Category.DOMAIN_UNKNOWN, Category.REMOTE_ERROR),
    "1.6": (Category.MAILBOX_DISABLED, Category.MAILBOX_DISABLED),
    "2.1": (Category.MAILBOX_DISABLED, Category.MAILBOX_DISABLED),
    "2.2": (Category.MAILBOX_FULL, Category.MAILBOX_FULL),
    "2.3": (Category.MESSAGE_TOO_LARGE, Category.MESSAGE_TOO_LARGE),
    "3.4": (Category.MESSAGE_TOO_LARGE, Category.MESSAGE_TOO_LARGE),
    "6.0": (Category.CONTENT_REJECTED, Category.CONTENT_REJECTED),
    "7.8": (Category.AUTH_FAILED, Category.AUTH_FAILED),
    **{f"7.{detail}": (Category.AUTH_FAILED, Category.AUTH_FAILED) for detail in range(20, 27)},
    "0.0": (Category.REMOTE_ERROR, Category.REMOTE_ERROR),
    "1.0": (Category.REMOTE_ERROR, Category.REMOTE_ERROR),
    "7.1": (Category.REMOTE_ERROR, Category.REMOTE_ERROR),
    "11.1": (Category.REMOTE_ERROR, Category.REMOTE_ERROR),
    "1.11": (Category.REMOTE_ERROR, Category.REMOTE_ERROR),
}
HINTS = [
    ("450 4.2.0 <taro@example.jp>: Recipient address rejected: Greylisted", Category.GREYLISTED),
    ("451 graylisting in action, come back later", Category.GREYLISTED),
    ("451 4.7.1 Grey-listed, rate 3/s", Category.GREYLISTED),
    ("421 4.7.28 Our system has detected an unusual rate of mail", Category.RATE_LIMITED),
    ("452 4.5.3 Too many recipients", Category.RATE_LIMITED),
    ("450 4.7.1 Error: too much mail from 192.0.2.1", Category.RATE_LIMITED),
    ("421 sending too fast", Category.RATE_LIMITED),
    ("421 4.7.0 THROTTLED", Category.RATE_LIMITED),
    ("450 4.7.1 excessive mail", Category.RATE_LIMITED),
    ("452 4.2.2 mailbox full", Category.MAILBOX_FULL),
    ("451 4.3.0 see https://corporate.example/separate", Category.REMOTE_TEMPORARY),
    ("451 4.3.0 the operator is restarting us", Category.REMOTE_TEMPORARY),
    ("450 4.1.1 user unknown for now", Category.REMOTE_TEMPORARY),
    ("451", Category.REMOTE_TEMPORARY),
]


def reply(text: str) -> Reply:
    return Reply(int(text[:3]), (text[4:],))


@pytest.mark.parametrize(("code", "stage"), list(itertools.product(CODES, Stage)))
def test_every_code_at_every_stage_has_scope_and_permanence(code: int, stage: Stage) -> None:
    """What concerns the server or the session is temporary; else a 5yz ends the message and a 4yz does not."""
    verdict = classify_reply(Reply(code, ("text",)), stage)
    if stage is Stage.DOT and code < 300:
        assert verdict == classify.DELIVERED
        return
    host = code == 421 or code < 400 or stage in SESSION
    assert verdict.scope is (Scope.HOST if host else Scope.RECIPIENT if stage is Stage.RCPT else Scope.MESSAGE)
    assert verdict.permanence is (Permanence.PERMANENT if code >= 500 and not host else Permanence.TRANSIENT)
    assert verdict.category is (Category.REMOTE_ERROR if code >= 500 and not host else Category.REMOTE_TEMPORARY)


@pytest.mark.parametrize(("status", "stage"), list(itertools.product(STATUS, COMMANDS)))
def test_every_permanent_status_has_its_category(status: str, stage: Stage) -> None:
    """A 5yz with an enhanced status is named by it; only at RCPT may it say that the address does not exist."""
    verdict = classify_reply(Reply(550, (f"5.{status} text",)), stage)
    assert verdict.category is STATUS[status][stage is not Stage.RCPT]
    assert verdict.permanence is Permanence.PERMANENT
    assert stage is Stage.RCPT or not verdict.category.hard


@pytest.mark.parametrize(("status", "stage"), list(itertools.product(STATUS, SESSION)))
def test_no_status_of_a_session_ends_a_message(status: str, stage: Stage) -> None:
    """Whatever a server says before MAIL is of itself: the message waits and nobody is accused."""
    verdict = classify_reply(Reply(554, (f"5.{status} text",)), stage)
    assert (verdict.permanence, verdict.scope) == (Permanence.TRANSIENT, Scope.HOST)
    assert not verdict.category.hard


@pytest.mark.parametrize("code", [550, 551, 552, 553, 554])
@pytest.mark.parametrize("stage", Stage)
def test_code_alone_is_never_hard(code: int, stage: Stage) -> None:
    """No 5yz without an enhanced status says that an address does not exist, whatever its words."""
    assert not classify_reply(Reply(code, ("no such user here",)), stage).category.hard


@pytest.mark.parametrize(("text", "category"), HINTS)
def test_hint_in_a_temporary_reply_names_its_category(text: str, category: Category) -> None:
    """Greylisting, rate limits and full mailboxes are told apart by what the server says."""
    assert classify_reply(reply(text), Stage.RCPT).category is category


def test_hints_do_not_soften_a_permanent_reply() -> None:
    """A 5yz that talks of rates or greylists stays a 5yz."""
    verdict = classify_reply(reply("550 5.7.1 rate limit, greylisted"), Stage.RCPT)
    assert verdict == Verdict(Category.REMOTE_ERROR, Permanence.PERMANENT, Scope.RECIPIENT)


def test_hard_categories_are_the_two_of_the_contract() -> None:
    """Only an unknown user and an unknown domain are hard."""
    assert {category for category in Category if category.hard} == {Category.USER_UNKNOWN, Category.DOMAIN_UNKNOWN}
