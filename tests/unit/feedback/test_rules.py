"""The rules that come with the program: each reached by its samples, the carriers by stage, no text raises."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.classify import Words
from mailsvc.domain.outcome import Category
from mailsvc.domain.reply import Reply, Stage
from mailsvc.feedback.rules import Entry, RulesError, entries, load

ENTRIES = entries()
LINES = Path(__file__).parents[4] / "shared" / "smtp-replies.jsonl"
RULE = """
[[rule]]
name = "one"
category = "spam_blocked"
confidence = 0.5
why = "a reason"
says = ["spam"]
samples = ["550 spam"]
"""
WRONG = [
    (RULE.replace("spam_blocked", "spam"), "'one'.*spam"),
    (RULE.replace('why = "a reason"', ""), "'one'.*'why' is missing"),
    (RULE.replace('name = "one"', ""), "1.*'name' is missing"),
    (RULE.replace("why", "reason"), "'one'.*unknown key 'reason'"),
    (RULE.replace("0.5", '"much"'), "'one'.*much"),
    (RULE + 'stages = ["rcp"]', "'one'.*rcp"),
    (RULE + RULE, "two rules are named 'one'"),
    (RULE.replace("]", ""), "rules.toml"),
]
REPLIES = [
    # one text for two, told apart by the stage
    ("550 Unknown user hanako@docomo.ne.jp", "rcpt", "mfsmax.docomo.ne.jp", Category.UNKNOWN_OR_REFUSED),
    ("550 Unknown user hanako@docomo.ne.jp", "data", "mfsmax.docomo.ne.jp", Category.RECIPIENT_REFUSED),
    ("550 Unknown user hanako@docomo.ne.jp", "dot", "mfsmax.docomo.ne.jp", Category.RECIPIENT_REFUSED),
    ("552 Too much mail data hanako@docomo.ne.jp", "rcpt", "mfsmax.docomo.ne.jp", Category.MAILBOX_FULL),
    ("552 too many recipients", "rcpt", "mfsmax.docomo.ne.jp", Category.RATE_LIMITED),
    ("550 <hanako@ezweb.ne.jp>: User unknown", "rcpt", "lsean.ezweb.ne.jp", Category.UNKNOWN_OR_REFUSED),
    ("550 : User unknown", "dot", "lsean.ezweb.ne.jp", Category.UNKNOWN_OR_REFUSED),
    ("550 <hanako@uqmobile.jp>: User unknown", "rcpt", "lsean.ezweb.ne.jp", Category.USER_UNKNOWN),
    ("550 Invalid recipient: <hanako@i.softbank.jp>", "rcpt", "mx.softbank.jp", Category.USER_UNKNOWN),
    ("553 mail.example.jp does not exist", "mail", "mx.softbank.jp", Category.AUTH_FAILED),
    ("550 User not found", "rcpt", "mail-rakumail-jp.gslb.rmb-ss.jp", Category.USER_UNKNOWN),
    # which is not what these say
    ("550 5.1.1 User unknown", "rcpt", "mx.docomo.ne.jp", Category.USER_UNKNOWN),
    ("550 5.1.1 User unknown", "rcpt", "mx.au.com", Category.USER_UNKNOWN),
    # what a full mailbox says wins over a wrong status
    ("550 5.1.1 <hanako@mail.example>: mailbox is full", "rcpt", "mx.mail.example", Category.MAILBOX_FULL),
    ("550 5.7.1 over quota", "rcpt", "mx.mail.example", Category.MAILBOX_FULL),
    # words about us win over a status about the recipient
    ("550 5.1.1 <hanako@mail.example> your IP address is blocked", "rcpt", None, Category.REPUTATION_BLOCKED),
    ("550 5.1.1 too many recipients this hour", "rcpt", None, Category.RATE_LIMITED),
    # precise statuses without words
    ("550 5.1.1 -", "rcpt", None, Category.USER_UNKNOWN),
    ("550 5.1.2 -", "rcpt", None, Category.DOMAIN_UNKNOWN),
    ("550 5.1.10 -", "rcpt", None, Category.DOMAIN_UNKNOWN),
    ("550 5.1.6 -", "rcpt", None, Category.USER_UNKNOWN),
    ("550 5.2.1 -", "rcpt", None, Category.MAILBOX_DISABLED),
    ("552 5.2.3 -", "rcpt", None, Category.MESSAGE_TOO_LARGE),
    ("552 5.3.4 -", "mail", None, Category.MESSAGE_TOO_LARGE),
    ("554 5.6.0 -", "dot", None, Category.CONTENT_REJECTED),
    ("550 5.7.23 -", "dot", None, Category.AUTH_FAILED),
    ("451 4.7.24 -", "dot", None, Category.AUTH_FAILED),
    # a code alone accuses nobody
    ("550 -", "rcpt", None, Category.REMOTE_ERROR),
    ("552 -", "rcpt", None, Category.REMOTE_ERROR),
    ("550 5.0.0 -", "rcpt", None, Category.REMOTE_ERROR),
    ("450 -", "rcpt", None, Category.REMOTE_TEMPORARY),
    # temporary trouble
    ("450 4.2.0 <hanako@mail.example>: Recipient address rejected: Greylisted", "rcpt", None, Category.GREYLISTED),
    ("451 4.7.1 Grey-listed, rate 3/s", "rcpt", None, Category.GREYLISTED),
    ("421 4.7.0 THROTTLED", "mail", None, Category.RATE_LIMITED),
    ("451 4.3.0 see https://corporate.example/separate", "rcpt", None, Category.REMOTE_TEMPORARY),
    ("451 4.3.0 the operator is restarting us", "rcpt", None, Category.REMOTE_TEMPORARY),
    ("450 4.1.1 unverified address: Address verification in progress", "rcpt", None, Category.REMOTE_TEMPORARY),
]
#: Failures that mention a recipient or a domain and do not say that there is none.
NOT_HARD = [
    "554 The recipient exists but the mail could not be processed: unknown error",
    "554 Recipient is valid, the mailbox server is broken",
    "554 Message to the following recipient failed with an unknown error",
    "550 This server does not accept mail from your domain",
    "550 Please do not email this list",
    "450 No name server could be reached",
    "550 Access denied for user, address found on a list",
    "554 5.7.1 <hanako@mail.example>: Recipient address rejected: Access denied",
    "550 relay: the domain is known here, the user is listed",
    "550 5.7.1 Unknown reason, contact your administrator",
    "550 Sender unknown",
    "550 Sender's domain does not exist",
    "451 Host not found, try again",
]
HOSTILE = [
    "user " * 20_000,
    "mailbox is ip host server mail was the connection from " * 2_000,
    "a" * 1_000_000,
    "((((<<<<@@@@" * 50_000,
    "ユーザ容量" * 20_000,
    "4.1.1 550-5.1.1 " * 20_000,
    "\u0301" * 100_000,
    "\x00\ud800\uffff" * 10_000,
]


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.rule.name for entry in ENTRIES])
def test_samples_of_a_rule_reach_it(entry: Entry) -> None:
    """Each sample is decided by its rule and no other, so no rule is hidden behind an earlier one."""
    assert entry.samples
    assert [load().find(sample).rule for sample in entry.samples] == [entry.rule.name] * len(entry.samples)


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry.rule.name for entry in ENTRIES])
def test_rule_says_why_and_how_sure(entry: Entry) -> None:
    """A rule names its source, and no rule is certain; one without conditions would hide all that follow."""
    assert len(entry.why) > 10
    assert 0 < entry.rule.confidence < 1
    assert entry.rule.says or entry.rule.statuses or entry.rule.codes


@pytest.mark.parametrize(("reply", "stage", "host", "category"), REPLIES)
def test_reply_has_its_category(reply: str, stage: str, host: str | None, category: Category) -> None:
    """The cases that contract and carriers demand, each as its server says it."""
    words = Words.of(reply, stage=Stage(stage), host=host)
    assert load().find(words).category is category
    assert load().verdict(Reply(words.code or 0, (reply[4:],)), Stage(stage), host).category is category


@pytest.mark.parametrize("code", [500, 521, 550, 551, 552, 553, 554])
@pytest.mark.parametrize("stage", Stage)
def test_code_alone_is_never_hard(code: int, stage: Stage) -> None:
    """No 5yz says by itself that an address does not exist."""
    assert not load().verdict(Reply(code, ()), stage).category.hard
    assert not load().verdict(Reply(code, ("Sorry",)), stage).category.hard


@pytest.mark.parametrize("reply", NOT_HARD)
def test_words_that_only_mention_a_recipient_are_not_hard(reply: str) -> None:
    """To be named in a failure, to exist, or to be looked up in vain is not to be unknown."""
    assert not load().find(Words.of(reply, stage=Stage.RCPT)).category.hard


@pytest.mark.parametrize("stage", [Stage.BANNER, Stage.EHLO, Stage.MAIL])
@pytest.mark.parametrize("text", ["5.1.1 User unknown", "5.1.2 Host unknown", "5.2.2 Mailbox full", "Account disabled"])
def test_nothing_is_said_of_the_recipient_before_rcpt(stage: Stage, text: str) -> None:
    """Whatever a server says before a recipient is named, no state of an address may follow from it."""
    about = {Category.USER_UNKNOWN, Category.DOMAIN_UNKNOWN, Category.MAILBOX_FULL, Category.MAILBOX_DISABLED}
    assert load().verdict(Reply(550, (text,)), stage).category not in about


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_answered(text: str) -> None:
    """Long texts made to wear out a matcher get an answer; a matcher that backtracks would run into the time limit."""
    assert load().find(Words.of(text)).category in Category


@given(st.text(), st.integers(200, 599), st.sampled_from(Stage))
def test_any_reply_has_a_verdict(text: str, code: int, stage: Stage) -> None:
    """Nothing that a server sends raises."""
    assert load().verdict(Reply(code, (text,)), stage, text).category in Category


@pytest.mark.parametrize(("text", "named"), WRONG)
def test_wrong_rule_is_named(text: str, named: str) -> None:
    """Whoever writes a rule learns which one is wrong, and why."""
    with pytest.raises(RulesError, match=named):
        entries(text)


def test_rules_of_a_text_are_read() -> None:
    """A rule needs little: name, category, confidence, source, one condition, one sample."""
    (entry,) = entries(RULE)
    assert (entry.rule.name, entry.rule.category, entry.why) == ("one", Category.SPAM_BLOCKED, "a reason")
    assert entry.samples == (Words(text="spam", code=550),)


@pytest.mark.skipif(not LINES.exists(), reason="the collection of replies is not on this machine")
def test_known_replies_have_their_category() -> None:
    """Of the collected replies at least 97 in 100 are classified as people read them, and none is wrongly hard."""
    stages = {"MAIL": "mail", "RCPT": "rcpt", "DATA": "data", "HELO": "ehlo", "EHLO": "ehlo", "CONN": "banner"}
    lines = [json.loads(line) for line in LINES.read_text("utf-8").splitlines()]
    wrong = []
    for line in lines:
        stage = Stage(stages[line["command"]]) if line["command"] else None
        found = load().find(Words.of(line["text"], stage=stage, host=line.get("mx")))
        if found.category not in (line["category"], *line.get("accept", ())):
            wrong.append((line["text"], found.category))
        assert line["hard"] or not found.category.hard
    assert len(wrong) <= 0.03 * len(lines), wrong
