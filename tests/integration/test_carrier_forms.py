"""A carrier's address with a dot out of place: what a site says of its form is no word on the recipient."""

import asyncio

import pytest

from mailsvc.delivery.handed import Handed
from mailsvc.domain.classify import FORM_REFUSED
from mailsvc.domain.outcome import Category, Permanence, Verdict
from mailsvc.feedback import rules
from tests.support.mx import hand_over, mx_route
from tests.support.smtp_peer import SmtpPeer
from tests.support.smtp_script import Act, Session, say

TO = '"foo."@docomo.ne.jp'
CLASSIFIER = rules.load()


async def _offered(quoted: str, raw: str) -> list[Handed]:
    def answer(session: Session) -> Act:
        return say(quoted if b'"' in session.rcpt_line else raw)

    async with SmtpPeer(script={"rcpt": answer}) as peer, mx_route({"docomo.ne.jp": peer.ip}, peer.port) as route:
        return await hand_over(route, TO)


def _verdict(handed: Handed) -> Verdict:
    assert handed.ended.reply is not None
    return handed.verdict or CLASSIFIER.verdict(handed.ended.reply, handed.ended.stage, handed.host)


@pytest.mark.parametrize(
    "quoted",
    ["501 5.1.3 Bad recipient address syntax", "553 mailbox name not allowed", "500 Syntax error", "553 5.1.1 Unknown"],
)
@pytest.mark.parametrize(
    ("raw", "category", "permanence"),
    [
        ("450 4.2.0 Greylisted", Category.GREYLISTED, Permanence.TRANSIENT),
        ("550 5.1.1 User unknown", Category.USER_UNKNOWN, Permanence.PERMANENT),
        ("553 5.1.1 User unknown", Category.USER_UNKNOWN, Permanence.PERMANENT),
        ("552 5.2.2 Mailbox full", Category.MAILBOX_FULL, Permanence.PERMANENT),
        ("501 5.1.3 Bad recipient address syntax", Category.REMOTE_ERROR, Permanence.PERMANENT),
        ("553 mailbox name not allowed", Category.REMOTE_ERROR, Permanence.PERMANENT),
    ],
)
async def test_quoted_form_that_is_refused_says_nothing_and_the_raw_form_counts(
    quoted: str, raw: str, category: Category, permanence: Permanence
) -> None:
    """What is said of either form is kept as said of the session; other words to the raw form are read as usual."""
    first, second = await _offered(quoted, raw)
    assert _verdict(first) == FORM_REFUSED
    assert (_verdict(second).category, _verdict(second).permanence) == (category, permanence)
    assert (_verdict(second) == FORM_REFUSED) is (category is Category.REMOTE_ERROR)


async def test_quoted_form_that_is_known_to_be_nobody_is_not_offered_raw() -> None:
    """A refusal under a code that says nothing of the form is the answer."""
    (only,) = await asyncio.wait_for(_offered("550 5.1.1 User unknown", "250 2.1.5 Ok"), 5)
    assert _verdict(only).category is Category.USER_UNKNOWN
