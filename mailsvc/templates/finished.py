"""The last look at a mail before it leaves.

Knows nothing of how a mail is made: one regular expression states what a finished mail of ours is, byte for byte,
and nothing else passes. So no foreign field, recipient or line leaves, whatever a library does (CVE-2024-6923,
CVE-2026-1299: the standard library's email package wrote injected fields). Never repairs and never shows content;
a mail that is not ours raises ``MailRefused``.
"""

import re

from mailsvc.domain.message import Message


class MailRefused(ValueError):
    """A mail that must not leave; the message names the rule and never shows content."""


_FOLD = rb"(?:[ \t]{1,8}[!-~][ -~]{0,980}\r\n)*+"
_WORD = rb"=\?utf-8\?b\?[A-Za-z0-9+/]{2,52}={0,2}\?="
_WORDS = rb"%b(?:\r\n %b)*+" % (_WORD, _WORD)
_PLAIN = rb"(?:(?!=\?)[ -~]){1,900}"
_QUOTED = rb'"(?:(?!=\?)[ !#-\[\]-~]|\\["\\]){1,120}"'
_QUAD = rb"[A-Za-z0-9+/]{4}"
_BASE64 = rb"(?:[A-Za-z0-9+/]{76}\r\n)*(?:%b){0,18}(?:%b|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)\r\n" % (_QUAD, _QUAD)
_CODED = rb"charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n"
_LANGUAGE = rb"Content-Language: [a-z]{2}\r\n\r\n"
_TEXT = rb"Content-Type: text/plain; %b%b%b" % (_CODED, _LANGUAGE, _BASE64)
_BOTH = (
    rb'Content-Type: multipart/alternative; boundary="=_alternative"\r\nContent-Transfer-Encoding: 7bit\r\n%b'
    rb"--=_alternative\r\nContent-Type: text/plain; %b\r\n%b"
    rb"--=_alternative\r\nContent-Type: text/html; %b\r\n%b"
    rb"--=_alternative--\r\n"
) % (_LANGUAGE, _CODED, _BASE64, _CODED, _BASE64)

# Our fields, each once and in order, behind the signer's; lines of at most 998 octets (RFC 5322 2.1.1), 76 in the body.
_FINISHED = re.compile(
    rb"(?:DKIM-Signature:[ -~]{1,980}\r\n%b)*+" % _FOLD
    + rb"From: (?:%b|%b)(?:\r\n)? <([!-;=?-~]{3,254})>\r\n" % (_QUOTED, _WORDS)
    + rb"To: ([!-~]{3,256})\r\n"
    + rb"Subject: (?:%b|%b)\r\n" % (_PLAIN, _WORDS)
    + rb"Date: [ -~]{31}\r\n"
    + rb"Message-ID: <([!-=?-~]{3,900})>\r\n"
    + rb"Auto-Submitted: auto-generated\r\n"
    + rb"MIME-Version: 1\.0\r\n"
    + rb"(?:%b|%b)" % (_TEXT, _BOTH)
)


def check_bytes(raw: bytes, message: Message, sender: str) -> None:
    """Raise `MailRefused` unless ``raw``, signed or not, is a mail that we would have written for ``message``.

    From names ``sender`` (an address) alone, To is exactly ``message.to``, Message-ID is the message's id under
    the sender's domain.
    """
    mail = _FINISHED.fullmatch(raw)
    if mail is None:
        raise MailRefused(
            "the mail has a field that is unknown, missing, repeated or out of order, "
            "or a line that is too long, not ASCII or not ended by CR LF, or a body that is not base64"
        )
    domain = sender.rpartition("@")[2]
    if mail.groups() != (sender.encode(), message.to.encode(), f"{message.id}@{domain}".encode()):
        raise MailRefused("the mail's From, To or Message-ID is not the sender's or the message's")
