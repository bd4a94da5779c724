"""The mail's bytes, with the standard library's parser as oracle, and the last look at them."""

import base64
import dataclasses
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.domain.message import Message
from mailsvc.domain.secret import Secret
from mailsvc.templates import LOCALES, Catalogue, MailRefused, check_bytes
from mailsvc.templates.mime import Skeleton
from tests.support.environment import FULL_RUN
from tests.support.mails import ACCEPTED, PAGE, SENDER, TEXT, composer, message, parsed, words, write_folder

EXAMPLES = settings(max_examples=20_000 if FULL_RUN else 500)
COMPOSER = composer()
RAW = COMPOSER.compose(message()).raw
SIGNED = b"DKIM-Signature: v=1; a=rsa-sha256;\r\n\tbh=abc=; b=def\r\nDKIM-Signature: v=1; a=ed25519-sha256\r\n" + RAW
FIELDS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding", "Content-Language"),
]


def refuse(raw: bytes, sent: Message, sender: str = SENDER) -> str:
    with pytest.raises(MailRefused) as caught:
        check_bytes(raw, sent, sender)
    return str(caught.value)


def test_fields_read_back_as_meant() -> None:
    """The standard library reads our fields as we meant them, each once and in order."""
    mail = parsed(RAW)
    assert mail.keys() == FIELDS
    assert str(mail["From"]) == "見本証券 <no-reply@mail.example.jp>"
    assert mail["To"] == "taro@docomo.ne.jp"
    assert mail["Subject"] == "【見本証券株式会社】追加認証コードのお知らせ"
    assert mail["Date"] == "Mon, 23 Nov 2026 10:15:42 +0900"
    assert mail["Message-ID"] == "<msg_ABCDEFGHJKMNPQRSTVWXYZABCD@mail.example.jp>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "ja"
    assert (mail.get_content_type(), mail.get_content_charset(), mail["Content-Transfer-Encoding"]) == (
        *("text/plain", "utf-8"),
        "base64",
    )


def test_body_is_base64_of_the_text_with_crlf() -> None:
    """The body decodes to UTF-8 text whose lines end with CR LF, in lines of at most 76 octets."""
    mail = COMPOSER.compose(message())
    text = base64.b64decode(mail.body)
    assert text.count(b"\n") == text.count(b"\r\n") == len(text.splitlines())
    assert max(map(len, mail.body.split(b"\r\n"))) <= 76
    assert mail.body.endswith(b"\r\n")


def test_raw_is_the_fields_a_blank_line_and_the_body() -> None:
    """What a signer takes apart is what is sent."""
    mail = COMPOSER.compose(message())
    fields, _, body = RAW.partition(b"\r\n\r\n")
    assert body == mail.body
    assert fields == b"\r\n".join(name.encode() + b": " + value for name, value in mail.headers)


@pytest.mark.parametrize(
    "to", ['"a..b"@docomo.ne.jp', '"foo."@ezweb.ne.jp', "A.b+c@EXAMPLE.jp", f"{'x' * 64}@{'y' * 60}.example"]
)
def test_address_is_written_as_the_message_has_it(to: str) -> None:
    """The To field is the forward-path byte for byte, quoted or not, never folded."""
    sent = message(to=to)
    raw = COMPOSER.compose(sent).raw
    assert f"\r\nTo: {to}\r\n".encode() in raw
    check_bytes(raw, sent, SENDER)


def test_same_row_gives_the_same_bytes() -> None:
    """A second process with the same configuration composes the same mail."""
    assert (
        composer().compose(message({"environment": "iOS"})).raw == COMPOSER.compose(message({"environment": "iOS"})).raw
    )


def test_code_that_is_wiped_is_refused() -> None:
    """A code mail whose code is gone is not sent without one."""
    with pytest.raises(MailRefused, match="carries no code"):
        COMPOSER.compose(message(code=None))


@pytest.mark.parametrize("fields", [{"template": "welcome"}, {"locale": "fr"}])
def test_unknown_template_or_language_is_refused(fields: dict[str, str]) -> None:
    """A row from another version is refused in words."""
    with pytest.raises(MailRefused, match="there is no template"):
        COMPOSER.compose(message(**fields))


@pytest.mark.parametrize("value", ["http://evil", "www.evil", "x@y", "123456"])
def test_row_with_a_value_that_should_not_be_there_is_refused_without_showing_it(value: str) -> None:
    """What slipped past the API does not leave, and the error names the rule only."""
    with pytest.raises(MailRefused) as caught:
        COMPOSER.compose(message({"environment": value}))
    assert value not in str(caught.value)
    assert "731946" not in str(caught.value)


@pytest.mark.parametrize("name", Catalogue.load())
@pytest.mark.parametrize("locale", LOCALES)
def test_preview_passes_the_last_look(name: str, locale: str) -> None:
    """The sample mail of every template is one we would send."""
    raw = COMPOSER.preview(name, locale, ACCEPTED)
    check_bytes(raw, message(id="msg_preview", to="customer@example.jp"), SENDER)


@EXAMPLES
@given(st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=80))
def test_subject_and_name_any_text_reads_back_and_folds(text: str) -> None:
    """Any printable text survives encoding: words decode alone, lines stay within 76 columns."""
    skeleton = Skeleton(sender=SENDER, sender_name=text, subject=text, locale="ja", alternative=False)
    mail = skeleton.fill(message(), b"x", None)
    assert max(len(line) for line in mail.raw.split(b"\r\n")) <= 76 + (len(text) if text.isascii() else 0)
    for value in (mail.headers[0][1].rpartition(b"<")[0], mail.headers[2][1]):
        encoded = re.findall(rb"=\?utf-8\?b\?([A-Za-z0-9+/=]+)\?=", value)
        if not text.isascii():
            assert "".join(base64.b64decode(word).decode() for word in encoded) == text


@EXAMPLES
@given(st.text(st.characters(codec="ascii", exclude_categories=("C",)), min_size=1, max_size=28).filter(str.strip))
def test_ascii_name_is_a_quoted_string(name: str) -> None:
    """An ASCII display name stays readable and one mailbox, whatever its punctuation."""
    skeleton = Skeleton(sender=SENDER, sender_name=name, subject="x", locale="en", alternative=False)
    raw = skeleton.fill(message(), b"x", None).raw
    if "=?" in name:
        refuse(raw, message())
        return
    check_bytes(raw, message(), SENDER)
    (mailbox,) = parsed(raw)["From"].addresses
    assert mailbox.addr_spec == SENDER
    assert mailbox.display_name.split() == name.split()


@pytest.mark.parametrize("raw", [RAW, SIGNED], ids=["unsigned", "signed"])
def test_last_look_our_mail_passes(raw: bytes) -> None:
    """A composed mail passes, with any number of signatures in front."""
    check_bytes(raw, message(), SENDER)


def test_last_look_mail_with_html_passes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Both parts of an alternative are known to the last look."""
    folder = write_folder(tmp_path_factory.mktemp("company"), ja__login_code__txt=TEXT, ja__login_code__html=PAGE)
    check_bytes(composer(folder).compose(message()).raw, message(), SENDER)


MUTATIONS = {
    "bare LF": lambda raw: raw.replace(b"\r\n", b"\n", 1),
    "bare CR": lambda raw: raw.replace(b"\r\n", b"\r", 1),
    "LF inside a line": lambda raw: raw.replace(b"To: ", b"To: \n", 1),
    "NUL": lambda raw: raw.replace(b"MIME", b"MI\0ME", 1),
    "8 bit": lambda raw: raw.replace(b"auto-generated", "自動".encode(), 1),
    "no last line end": lambda raw: raw[:-2],
    "text after the end": lambda raw: raw + b"QUJD",
    "dot line": lambda raw: raw + b".\r\n",
    "dot line and next mail": lambda raw: raw + b".\r\nMAIL FROM:<a@b.example>\r\n",
    "blank line in the body": lambda raw: raw[:-78] + b"\r\n" + raw[-78:],
    "long body line": lambda raw: raw[:-2] + b"A" * 77 + b"\r\n",
    "field in the body": lambda raw: raw.replace(b"\r\n\r\n", b"\r\n\r\nBcc: x@y.example\r\n", 1),
    "added Bcc": lambda raw: raw.replace(b"Date:", b"Bcc: x@y.example\r\nDate:", 1),
    "added Bcc in front": lambda raw: b"Bcc: x@y.example\r\n" + raw,
    "second Subject": lambda raw: raw.replace(b"Date:", b"Subject: x\r\nDate:", 1),
    "second From": lambda raw: b"From: a@b.example\r\n" + raw,
    "second To": lambda raw: raw.replace(b"Subject:", b"To: x@y.example\r\nSubject:", 1),
    "Cc in the last place": lambda raw: raw.replace(b"\r\n\r\n", b"\r\nCc: x@y.example\r\n\r\n", 1),
    "missing Date": lambda raw: re.sub(rb"Date: [^\r]+\r\n", b"", raw, count=1),
    "missing blank line": lambda raw: raw.replace(b"\r\n\r\n", b"\r\n", 1),
    "fields in another order": lambda raw: re.sub(rb"(To: [^\r]+\r\n)((?:.|\s)*?)(Date: )", rb"\2\1\3", raw, count=1),
    "other recipient": lambda raw: raw.replace(b"To: taro@", b"To: jiro@", 1),
    "two recipients": lambda raw: raw.replace(b"\r\nSubject", b",x@y.example\r\nSubject", 1),
    "folded recipient": lambda raw: raw.replace(b"\r\nSubject", b",\r\n x@y.example\r\nSubject", 1),
    "other sender": lambda raw: raw.replace(b"<no-reply@mail", b"<no-reply@evil", 1),
    "two senders": lambda raw: raw.replace(b"From: ", b"From: <a@b.example>, ", 1),
    "other Message-ID": lambda raw: raw.replace(b"<msg_A", b"<msg_B", 1),
    "encoded word of another kind": lambda raw: re.sub(
        rb"Subject: (?:[^\r]|\r\n )*", b"Subject: =?utf-8?q?a=0D=0ABcc=3A_x=40y?=", raw, count=1
    ),
    "attachment": lambda raw: raw.replace(b"text/plain", b"multipart/mixed", 1),
    "other charset": lambda raw: raw.replace(b"charset=utf-8", b"charset=utf-7", 1),
    "field line over 998": lambda raw: b"DKIM-Signature: " + b"a" * 990 + b"\r\n" + raw,
    "fold that is blank": lambda raw: b"DKIM-Signature: a\r\n \r\n" + raw,
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("name", MUTATIONS)
@pytest.mark.parametrize("raw", [RAW, SIGNED], ids=["unsigned", "signed"])
def test_last_look_foreign_mail_is_refused_without_showing_content(name: str, raw: bytes) -> None:
    """One wrong byte, field, line end or address keeps the mail here; the error shows none of it."""
    mutated = MUTATIONS[name](raw)
    assert mutated != raw
    error = refuse(mutated, message())
    assert "example" not in error
    assert "docomo" not in error


@EXAMPLES
@given(st.integers(0, len(RAW) - 1), st.sampled_from(b"\r\n\0:.< @=A\x80\xff"))
def test_last_look_changed_byte_leaves_one_mail_to_one_recipient(place: int, octet: int) -> None:
    """Whatever single byte changes, what passes is still one mail with our fields, sender and recipient."""
    raw = RAW[:place] + bytes([octet]) + RAW[place + 1 :]
    try:
        check_bytes(raw, message(), SENDER)
    except MailRefused:
        return
    fields, _, body = raw.partition(b"\r\n\r\n")
    assert re.findall(rb"(?m)^([A-Za-z-]+):", fields) == [name.encode() for name in FIELDS]
    assert re.search(rb"<no-reply@mail\.example\.jp>\r\nTo: taro@docomo\.ne\.jp\r\n", fields)
    assert b"\0" not in raw
    assert raw.isascii()
    assert raw.count(b"\r") == raw.count(b"\n") == raw.count(b"\r\n")
    assert re.fullmatch(rb"(?:[A-Za-z0-9+/=]{1,76}\r\n)+", body)


@EXAMPLES
@given(st.text(st.sampled_from("あ.\r\n\0\x85\u2028 aB=-"), max_size=300))
def test_body_any_text_leaves_as_7bit_crlf_lines(text: str) -> None:
    """Dots, line ends and NUL inside a text cannot end a mail or begin another (SMTP smuggling)."""
    skeleton = Skeleton(sender=SENDER, sender_name="見本", subject="件名", locale="ja", alternative=False)
    raw = skeleton.fill(message(), (text + "\r\n").encode(), None).raw
    check_bytes(raw, message(), SENDER)
    assert base64.b64decode(raw.partition(b"\r\n\r\n")[2]).decode() == text + "\r\n"


def test_mail_is_immutable() -> None:
    """What was composed and signed cannot be changed on its way."""
    mail = COMPOSER.compose(message())
    with pytest.raises(dataclasses.FrozenInstanceError):
        mail.body = b""  # type: ignore[misc]


def test_code_of_zeros_is_an_ordinary_code() -> None:
    """A code may begin with or be zeros."""
    assert "認証コード：000000\n" in words(COMPOSER.compose(message(code=Secret("000000"))).raw)
