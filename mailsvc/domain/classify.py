"""From a reply, or from the lack of one, to a verdict: category, permanence, scope.

First form: reply codes and enhanced status codes (RFC 5321 4.2, RFC 3463, RFC 7372) and the two hints that decide
the next try, greylisting and rate limits. Only a reply to RCPT may say something of the recipient; a 5yz without an
enhanced status code ends the message and accuses nobody (CONTRACT 3.3: ``hard`` never follows from a 5xx alone).
"""

import re

from mailsvc.domain.outcome import Category, Permanence, Scope, Verdict
from mailsvc.domain.reply import Reply, Stage

#: RFC 3463 3: subject and detail of the enhanced status code, whatever its class.
_BY_STATUS = {
    "1.1": Category.USER_UNKNOWN,
    "1.2": Category.DOMAIN_UNKNOWN,
    "1.6": Category.MAILBOX_DISABLED,
    "1.10": Category.DOMAIN_UNKNOWN,  # RFC 7505 4.2, null MX
    "2.1": Category.MAILBOX_DISABLED,
    "2.2": Category.MAILBOX_FULL,
    "2.3": Category.MESSAGE_TOO_LARGE,
    "3.4": Category.MESSAGE_TOO_LARGE,
    "6.0": Category.CONTENT_REJECTED,
    "7.8": Category.AUTH_FAILED,
    "7.20": Category.AUTH_FAILED,  # RFC 7372 3
    "7.21": Category.AUTH_FAILED,
    "7.22": Category.AUTH_FAILED,
    "7.23": Category.AUTH_FAILED,
    "7.24": Category.AUTH_FAILED,
    "7.25": Category.AUTH_FAILED,
    "7.26": Category.AUTH_FAILED,
}
_GREYLISTED = re.compile(r"gr[ae]y[- ]?list", re.IGNORECASE)
_RATE = re.compile(r"\brate|too (?:many|much|fast)|throttl|excessive", re.IGNORECASE)
_SESSION_STAGES = frozenset({Stage.DNS, Stage.CONNECT, Stage.BANNER, Stage.EHLO, Stage.STARTTLS, Stage.AUTH})
_ACCEPTED = 2  # RFC 5321 4.2.1: a 3yz has no place after the dot
_CLOSING = 421  # RFC 5321 4.2.3: the server closes the channel, whatever the command was

DELIVERED = Verdict(Category.DELIVERED, Permanence.DELIVERED, Scope.MESSAGE)
AMBIGUOUS = Verdict(Category.NETWORK_ERROR, Permanence.AMBIGUOUS, Scope.SESSION)
NETWORK_ERROR = Verdict(Category.NETWORK_ERROR, Permanence.TRANSIENT, Scope.SESSION)
STOPPED = Verdict(Category.UNKNOWN, Permanence.STOPPED, Scope.MESSAGE)
#: The finished bytes did not pass our own check: nothing leaves, and a repeat would be the same bytes.
UNSENDABLE = Verdict(Category.CONTENT_REJECTED, Permanence.PERMANENT, Scope.MESSAGE)


def classify_reply(reply: Reply, stage: Stage) -> Verdict:
    """Say what a server's reply at a stage means for the message and for the next try."""
    if reply.code // 100 == _ACCEPTED and stage is Stage.DOT:
        return DELIVERED
    scope = _scope(reply, stage)
    transient = reply.transient or scope is Scope.HOST
    category = _transient_category(reply) if transient else _permanent_category(reply, stage)
    return Verdict(category, Permanence.TRANSIENT if transient else Permanence.PERMANENT, scope)


def _scope(reply: Reply, stage: Stage) -> Scope:
    if reply.code == _CLOSING or stage in _SESSION_STAGES or reply.positive:
        return Scope.HOST
    return Scope.RECIPIENT if stage is Stage.RCPT else Scope.MESSAGE


def _transient_category(reply: Reply) -> Category:
    if _GREYLISTED.search(reply.text):
        return Category.GREYLISTED
    if _RATE.search(reply.text):
        return Category.RATE_LIMITED
    if _detail(reply) == "2.2":
        return Category.MAILBOX_FULL
    return Category.REMOTE_TEMPORARY


def _permanent_category(reply: Reply, stage: Stage) -> Category:
    category = _BY_STATUS.get(_detail(reply), Category.REMOTE_ERROR)
    if category.hard and stage is not Stage.RCPT:
        return Category.REMOTE_ERROR
    return category


def _detail(reply: Reply) -> str:
    return (reply.enhanced or "").partition(".")[2]
