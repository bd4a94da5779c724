"""What is read out of mails that came back: standard reports, complaints, notices of no standard, and what is none."""

import base64
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.domain.outcome import Category
from mailsvc.domain.report import DIAGNOSTIC_MAX, Action, Kind, Report
from mailsvc.feedback.mime import DEPTH_MAX, PARTS_MAX, SIZE_MAX, ReportRefused
from mailsvc.feedback.read import read
from mailsvc.feedback.rules import load

CLASSIFIER = load()
COLLECTION = Path(__file__).parents[4] / "shared" / "bounces"

DSN = """\
Return-Path: <>
From: MAILER-DAEMON@mx.site.example (Mail Delivery System)
To: b+abcdefghijklmnopqrstuvwx@mail.example.jp
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain; charset=us-ascii

<hanako@site.example>: host mx.site.example[192.0.2.7] said: {reply}
    (in reply to RCPT TO command)

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; out.relay.example
Original-Envelope-Id: msg+5Fabc

Final-Recipient: rfc822; Hanako@Site.example
Action: {action}
Status: {status}
Remote-MTA: dns; mx.site.example
Diagnostic-Code: smtp; {reply}

--cut
Content-Type: text/rfc822-headers

Return-Path: <b+abcdefghijklmnopqrstuvwx@mail.example.jp>
Message-ID: <msg_abc@mail.example.jp>
To: hanako@site.example
Subject: =?utf-8?b?6KqN6Ki8?=

--cut--
"""


def report(text: str, encoding: str = "utf-8") -> Report:
    """Read a mail written in a test."""
    return read(text.encode(encoding), CLASSIFIER)


def dsn(reply: str, action: str = "failed", status: str = "5.0.0") -> Report:
    """Read a standard report."""
    return report(DSN.format(reply=reply, action=action, status=status))


def test_standard_report_tells_recipient_reason_and_the_mail_it_is_about() -> None:
    """RFC 3464: the fields of the recipient, ENVID, Message-ID and return path are all there."""
    found = dsn("550 5.1.1 <hanako@site.example> no such user", status="5.1.1")
    (said,) = found.recipients
    assert (found.kind, found.envid, found.message_id) == (Kind.BOUNCE, "msg_abc", "msg_abc@mail.example.jp")
    assert "b+abcdefghijklmnopqrstuvwx@mail.example.jp" in found.return_paths
    assert (said.recipient, said.action, said.category) == ("hanako@site.example", Action.FAILED, Category.USER_UNKNOWN)
    assert (said.status, said.host, said.hard) == ("5.1.1", "mx.site.example", True)
    assert said.diagnostic == "550 5.1.1 <hanako@site.example> no such user"


@pytest.mark.parametrize(
    ("reply", "action", "status", "category", "cause"),
    [
        ("552 5.2.2 over quota", "failed", "5.2.2", Category.MAILBOX_FULL, None),
        ("452 4.2.2 mailbox full", "delayed", "4.2.2", Category.DELAYED, Category.MAILBOX_FULL),
        ("connection timed out", "failed", "4.4.7", Category.EXPIRED, Category.NETWORK_ERROR),
        ("250 2.0.0 taken", "delivered", "2.0.0", Category.DELIVERED, None),
        ("250 2.0.0 taken", "relayed", "2.0.0", Category.DELIVERED, None),
    ],
)
def test_action_and_words_decide_how_it_ended_and_why(
    reply: str, action: str, status: str, category: Category, cause: Category | None
) -> None:
    """`delayed` and `expired` say how it ended; the reason stands beside them as the cause."""
    (said,) = dsn(reply, action, status).recipients
    assert (said.category, said.cause) == (category, cause)


def test_fields_in_odd_order_and_without_blanks_are_read() -> None:
    """SoftBank writes no blank after the colon, others put the diagnostic before the recipient."""
    text = (
        "From: postmaster@carrier.example\nReturn-Path: <>\nContent-Type: multipart/report; boundary=cut\n\n--cut\n"
        "Content-Type: message/delivery-status\n\nReporting-MTA:dns;mx.carrier.example\n\n"
        "Diagnostic-Code:smtp;550 5.1.1 unknown user\nStatus:5.1.1\nFinal-Recipient:rfc822;taro@carrier.example\n"
        "Action:failed\n"
    )
    (said,) = report(text).recipients
    assert (said.recipient, said.category) == ("taro@carrier.example", Category.USER_UNKNOWN)


def test_several_recipients_keep_their_order_and_reasons() -> None:
    """Each group of fields is one recipient (RFC 3464 2.3)."""
    groups = "".join(
        f"\nFinal-Recipient: rfc822; u{number}@site.example\nAction: failed\nStatus: {status}\n"
        for number, status in enumerate(("5.1.1", "5.2.2", "5.1.1"))
    )
    text = f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; a.example\n{groups}"
    assert [(said.recipient, said.status) for said in report(text).recipients] == [
        ("u0@site.example", "5.1.1"),
        ("u1@site.example", "5.2.2"),
        ("u2@site.example", "5.1.1"),
    ]


COMPLAINT = """\
From: fbl@provider.example
Subject: complaint
Content-Type: multipart/report; report-type=feedback-report; boundary=cut

--cut
Content-Type: message/feedback-report

Feedback-Type: {kind}
Version: 1
Original-Rcpt-To: <Taro@provider.example>

--cut
Content-Type: message/rfc822

Message-ID: <msg_abc@mail.example.jp>
To: taro@provider.example

a text
--cut--
"""


def test_abuse_report_is_a_complaint_of_its_recipient() -> None:
    """RFC 5965: the address stands in Original-Rcpt-To."""
    found = report(COMPLAINT.format(kind="abuse"))
    (said,) = found.recipients
    assert (found.kind, found.message_id) == (Kind.COMPLAINT, "msg_abc@mail.example.jp")
    assert (said.recipient, said.category, said.cause) == ("taro@provider.example", Category.COMPLAINT, None)


def test_report_on_authentication_names_that_as_its_cause() -> None:
    """RFC 6591: it is about our signatures, not from a person."""
    (said,) = report(COMPLAINT.format(kind="auth-failure")).recipients
    assert (said.category, said.cause) == (Category.COMPLAINT, Category.AUTH_FAILED)


def test_not_spam_is_no_complaint() -> None:
    """RFC 5965 7.3: the recipient wants the mail."""
    assert report(COMPLAINT.format(kind="not-spam")).recipients == ()


NOTICES = {
    "qmail": (
        (
            "Return-Path: <>\nFrom: MAILER-DAEMON@old.example\nTo: b@mail.example.jp\nSubject: failure notice\n\n"
            "Hi. This is the mail program at old.example.\nI could not deliver your message to these:\n\n"
            "<taro@old.example>:\nThe mailbox of this user is over quota.\n\n"
            "--- Below this line is a copy of the message.\n\nReturn-Path: <b@mail.example.jp>\nTo: other@old.example\n"
        ),
        "utf-8",
        "taro@old.example",
        Category.MAILBOX_FULL,
    ),
    "exim": (
        (
            "Return-Path: <>\nFrom: Mail Delivery System <Mailer-Daemon@mx.example>\nSubject: Mail delivery failed\n"
            "X-Failed-Recipients: taro@site.example\n\nThe following address(es) failed:\n\n  taro@site.example\n"
            "    SMTP error from remote mail server after RCPT TO:<taro@site.example>:\n    550 5.1.1 User unknown\n"
        ),
        "utf-8",
        "taro@site.example",
        Category.USER_UNKNOWN,
    ),
    "carrier, ISO-2022-JP": (
        (
            "Return-Path: <MAILER-DAEMON>\nFrom: Postmaster@carrier.example\nSubject: Mail System Error\n"
            'Content-Type: text/plain; charset="ISO-2022-JP"\n\n次の宛先へのメールは送信できませんでした。\n\n'
            "<taro@carrier.example>\nメールボックスの容量を超えています。\n"
        ),
        "iso-2022-jp",
        "taro@carrier.example",
        Category.MAILBOX_FULL,
    ),
    "carrier, Shift_JIS without saying so": (
        (
            "Return-Path: <>\nFrom: Postmaster@carrier.example\nSubject: Returned mail\n\n"
            "送信できませんでした。\n\n<taro@carrier.example>\n宛先が存在しません。\n"
        ),
        "cp932",
        "taro@carrier.example",
        Category.USER_UNKNOWN,
    ),
    "a page": (
        (
            "Return-Path: <>\nFrom: postmaster@corp.example\nSubject: Undeliverable: code\nContent-Type: text/html\n\n"
            "<html><style>p{color:red}</style><p>Your message could not be delivered to:</p><p>taro@corp.example</p>"
            "<p>550 5.1.1 User unknown</p></html>"
        ),
        "utf-8",
        "taro@corp.example",
        Category.USER_UNKNOWN,
    ),
}


@pytest.mark.parametrize("name", NOTICES)
def test_notice_of_no_standard_tells_whom_and_why(name: str) -> None:
    """Old systems and carriers write what they like; the returned mail is not taken for their words."""
    text, encoding, recipient, category = NOTICES[name]
    found = report(text, encoding)
    assert found.kind is Kind.BOUNCE
    assert [(said.recipient, said.category) for said in found.recipients] == [(recipient, category)]


NO_BOUNCES = {
    "a letter about a bounce": (
        "From: Hanako <hanako@site.example>\nTo: no-reply@mail.example.jp\nSubject: Re: Undelivered Mail\n\n"
        "I got this, why?\n> <taro@site.example>: 550 5.1.1 User unknown\n"
    ),
    "a read receipt": (
        "From: hanako@site.example\nSubject: Read: code\nContent-Type: multipart/report; boundary=cut;\n"
        " report-type=disposition-notification\n\n--cut\nContent-Type: message/disposition-notification\n\n"
        "Final-Recipient: rfc822; hanako@site.example\nDisposition: manual-action; displayed\n--cut--\n"
    ),
    "an aggregate report": (
        "From: noreply-dmarc@provider.example\nSubject: Report Domain: mail.example.jp\nContent-Type: application/zip\n"
        "Content-Transfer-Encoding: base64\n\nUEsDBA==\n"
    ),
    "a newsletter": "From: news@shop.example\nSubject: 10 ways to bounce back\n\nOur mailbox is full of ideas.\n",
    "nothing": "",
}


@pytest.mark.parametrize("name", NO_BOUNCES)
def test_mail_that_is_no_bounce_says_nothing_of_anybody(name: str) -> None:
    """A false alarm could flag a living address."""
    found = report(NO_BOUNCES[name])
    assert (found.kind, found.recipients) == (Kind.OTHER, ())


@pytest.mark.parametrize("subject", ["Out of office", "自動返信: 認証コード", "Abwesenheitsnotiz"])
def test_automatic_answer_is_told_apart(subject: str) -> None:
    """RFC 3834: a machine of the recipient answered; nothing failed."""
    found = report(f"From: taro@corp.example\nAuto-Submitted: auto-replied\nSubject: {subject}\n\nI am away.\n")
    assert found.kind is Kind.AUTO_REPLY
    assert found.recipients[0].category is Category.AUTO_REPLY


def test_diagnostic_is_cut_and_holds_no_control_characters() -> None:
    """Words of strangers end up in events and on screens."""
    (said,) = dsn("550 5.1.1 \x1b[31m\u202e" + "no " * 500).recipients
    assert said.diagnostic is not None
    assert len(said.diagnostic) <= DIAGNOSTIC_MAX
    assert said.diagnostic.isprintable()


HEAD = b"From: MAILER-DAEMON@x.example\nReturn-Path: <>\nSubject: failure notice\n"


def _nested(levels: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(levels))


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"\n" + b"x" * SIZE_MAX,
        HEAD + _nested(DEPTH_MAX + 2),
        HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * (PARTS_MAX + 1),
        b"A: b\n" * 10_000 + b"\n",
        b"Subject: " + b"x" * 100_000 + b"\n\n",
    ],
    ids=["size", "depth", "parts", "fields", "header"],
)
def test_mail_beyond_a_limit_is_refused_by_name(raw: bytes) -> None:
    """What no report ever is, is not read any further."""
    with pytest.raises(ReportRefused, match=r"^it (is|has) "):
        read(raw, CLASSIFIER)


FILL = SIZE_MAX - 4096
BOMBS = {
    "blanks": b" " * FILL,
    "blank lines": b" \n" * (FILL // 2),
    "recipients": b"".join(b"<a%d@b.example>:\n" % number for number in range(45_000)),
    "headers": b"from: a@b.example\n" * (FILL // 18),
    "at signs": b"@" * FILL,
    "dots": b"a@" + b"a." * (FILL // 2),
    "brackets": b"<" * FILL,
    "quotes": b"begin forwarded message\n" + b"> " * (FILL // 2),
    "escapes": b"\x1b$B" * (FILL // 3),
    "groups": b"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n" * 15_000,
    "folds": b"Final-Recipient: rfc822; a@b.example\nStatus: 5.0.0\n" + b" x\n" * (FILL // 4),
    "styles": b"<style>" * (FILL // 8),
    "base64": base64.b64encode(b"550 failed <a@b.example> " * 20_000),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("type_", ["text/plain", "text/html", "message/delivery-status"])
@pytest.mark.parametrize("name", BOMBS)
def test_hostile_mail_is_read_in_bounded_time_and_space(name: str, type_: str) -> None:
    """Whatever fills a megabyte, few recipients come of it, and soon."""
    raw = HEAD + b"Content-Type: " + type_.encode() + b"\n\n550 failed\n" + BOMBS[name]
    assert len(read(raw, CLASSIFIER).recipients) <= 100


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=3_000),
    st.integers(0, 1_500),
    st.sampled_from([DSN, COMPLAINT, *(n[0] for n in NOTICES.values())]),
)
def test_damaged_mail_is_read_or_refused_and_nothing_else(noise: bytes, at: int, text: str) -> None:
    """Broken MIME, broken charsets and plain noise never end in an error of the reader."""
    raw = text.encode()
    for damaged in (noise, raw[:at] + noise + raw[at:], raw[:at] + raw[at + len(noise) :]):
        try:
            found = read(damaged, CLASSIFIER)
        except ReportRefused:
            continue
        assert all(len(said.diagnostic or "") <= DIAGNOSTIC_MAX for said in found.recipients)


@pytest.mark.skipif(not COLLECTION.is_dir(), reason="the collection of real bounces is not beside the project")
def test_real_bounces_are_found_named_and_understood() -> None:
    """The figures of the issue, on real mails: 99 % found and named, 97 % understood, nobody wrongly nonexistent."""
    import json

    from bench.classify.score import Score

    score = Score()
    for line in (COLLECTION / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        score.mail(
            entry["file"], entry["expected"], read((COLLECTION / entry["file"]).read_bytes(), CLASSIFIER).recipients
        )
    assert score.found >= 0.99 * score.mails
    assert score.named >= 0.99 * score.recipients
    assert score.accepted >= 0.97 * score.recipients
    assert score.exact >= 0.88 * score.recipients
    assert (score.false_hard, score.false_alarms) == (0, 0)
