"""Bounces that follow no standard: a text that says what failed, for whom, and often the mail it was about.

Whether a mail is such a notice is told from who wrote it and from its words, both; a person's letter about a bounce is
none. The recipients are those the text names, else those of the returned mail.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mailsvc.feedback.addresses import addresses, bare, is_machine
from mailsvc.feedback.mime import Part, head_of, plain

#: Recipients of one notice.
RECIPIENTS_MAX = 50
#: Places of a text at which the header of the returned mail is looked for.
HEADS_MAX = 8
#: Lines that belong to a recipient, after the one that names it.
LINES_MAX = 14

_DAEMON = re.compile(
    r"mailer-?daemon|post[-_]?master|mail ?delivery|mail ?administrator|system ?administrator|mail ?system|bounce|"
    r"mdaemon|no-?reply|daemon@|undelivered|メール(?:配信|エラー|システム)|administrator@|mailadmin",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|non.?deliver|not (?:be )?deliver|could ?n.t be deliver|deliver\w* (?:status|fail|problem|error|report|"
    r"notification|incomplete|delay)|fail\w* (?:notice|deliver|permanently|mail)|returned (?:mail|to sender|message)|"
    r"mail (?:system )?(?:error|failure|delivery)|message (?:status|not sent|returned)|bounce|rejected|warning: |"
    r"unzustellbar|nicht zugestellt|zustell\w*|non remis|non distribu|échec|no se pudo|entrega|"
    r"errors from|not (?:a )?member|returning|(?:disk|mail).*full|"
    r"未着|不達|配信(?:不能|エラー|失敗)|送信(?:エラー|失敗|できませ)|エラー通知|エラーメール|退信|系统退信|投递失败|반송|"
    r"delivery of|user unknown|quota|mailbox|spam|nondelivery|doručen|consegna|ошибк|доставк",
    re.IGNORECASE,
)
_FAILURE = re.compile(
    r"(?:could|can|was|were|has|have|did|does|do|is|are)(?: ?not|n.t)(?: yet)?(?: be| been| able)?(?: to)?(?: be)?"
    r" (?:deliver|reach|accept|found|find|send|sent|listed|exist|transmit|complet|process|forward)|"
    r"unable to (?:deliver|relay|send|complete|reach)|undeliver|fail(?:ed|ure)|permanent (?:fatal )?error|"
    r"delivery (?:fail|error|problem|has been (?:delayed|suspended))|returned|rejected|"
    r"bounced|refused|unknown|mailbox|quota|does(?:n.t| not) exist|"
    r"no such|not (?:a member|known|listed|recogni[sz]ed|delivered)|over quota|disabled|delayed|"
    r"errors? (?:occurred|while)|"
    r"(?:届け|届き|配信|送信|配送|お送り)(?:でき|する|する事|を)?|エラー|見つかり|存在し|宛先|容量|"
    r"zugestellt|unbekannt|remis|inconnu|desconocid|退信|投递|不存在|доставлен|반송|status code|error code|"
    r"\b[45]\d\d[ -]",
    re.IGNORECASE,
)
#: What stands before the mail that is returned inside the text.
_RETURNED = re.compile(
    r"^(?:[-=*_#>| ]{0,80}(?:below this line is a copy|this is a copy of (?:the|your) message|"
    r"original (?:message|mail)|returned message|unsent message|undelivered message|message (?:header|text) follows|"
    r"here is (?:a copy|your)|the (?:header|first|body|following) of the (?:original|message)|message headers? follow|"
    r"start of returned|"
    r"copy of (?:the|your) (?:original )?(?:message|mail)|received message|"
    r"your (?:original )?message (?:header|reads|follows|begins)|"
    r"included is a copy|content of the|returned (?:mail|letter)|ursprüngliche|message d.origine|mensaje original|"
    r"the following (?:is|text)|headers? (?:of|from) (?:the|your)|non-?delivered message|元のメッセージ|原信件|原邮件|"
    r"message text follows).*|"
    r"(?:received|return-path|message-id|x-mailer|dkim-signature):\s.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_NAMES_LINE = re.compile(
    r"^[ \t>*\"'(]{0,40}(?:[45]\d\d[ -](?:[45]\.\d+\.\d+ )?)?(?:in:\s{1,9})?(?:(?:to|rcpt to|recipient|"
    r"for|e-?mail|user|address|宛先|an|destinataire|收件人|"
    r"failed recipient|[^\n@<]{0,60}mailing list|unknown user|your message to|original recipient|"
    r"delivery to)\b[^\n@<]{0,60}[:=<]?[ \t]{0,40})?[<\"'(\[]?[^\s@<]{1,64}@",
    re.IGNORECASE,
)
_HEAD_LINE = re.compile(r"^(?:received|return-path|message-id|from|to|date|subject):", re.IGNORECASE | re.MULTILINE)
_CODED_ANYWHERE = re.compile(r"(?<![\w.-])5\d\d[ -](?:#?5\.\d+\.\d+ )?[^\W\d_<-]|(?<![\w.-])5\d\d - ")
_CODED = re.compile(r"[ \t]*[45]\d\d[ -]")
_ALONE = re.compile(r"^(?:<[^\s<>]{3,320}>|[^\s<>:]{3,320}@[^\s<>:]{3,255}):\s*(?:$|\D)")


@dataclass(frozen=True, slots=True)
class Named:
    """A recipient that a notice names, and what it says beside the name."""

    recipient: str | None
    words: str


def is_notice(mail: Part) -> bool:
    """Whether a mail was written by a mail system to tell that another mail failed."""
    sender, subject = mail.get("from"), mail.get("subject")
    null = (
        mail.get("return-path").replace(" ", "") in ("<>", "<#@[]>")
        or "mailer-daemon" in mail.get("return-path").lower()
    )
    signs = bool(_DAEMON.search(sender)) + bool(_SUBJECT.search(subject)) + null
    signs += bool(mail.all("x-failed-recipients"))
    signs += bool(mail.all("x-mlserver"))
    if re.match(r"(?:re|fwd?|aw|回复|返信)\s*:", subject, re.IGNORECASE) and not null and not _DAEMON.search(sender):
        return False
    if is_machine(sender_address := bare(sender) or "") and not sender_address.startswith(("no", "do")):
        signs += _CODED_ANYWHERE.search(human_text(mail)) is not None
    return signs >= 2 and _FAILURE.search(human_text(mail) + "\n" + subject) is not None  # noqa: PLR2004  one alone is no proof


def human_text(mail: Part) -> str:
    """Return what a mail says in its own words: the text before the mail it returns."""
    texts = [part.text for part in _own_texts(mail)]
    text = "\n".join(texts)
    cut = _cut(text)
    return text[:cut] if text[:cut].strip() else text


def returned_head(mail: Part) -> Part | None:
    """Return the header of the mail that came back, None where it is not there."""
    for part in mail.walk():
        if part is mail:
            continue
        if part.type in ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers"):
            return head_of(part.octets)
        if part.type in ("message/rfc822", "message/global"):
            return part.parts[0] if part.parts else head_of(part.octets)
    for text in (part.text for part in _own_texts(mail)):
        for match in islice(_HEAD_LINE.finditer(text), HEADS_MAX):
            head = head_of(text[match.start() :].encode("utf-8", "replace"))
            names = {name for name, _ in head.fields}
            if len(names & {"received", "message-id", "from", "to", "date", "subject"}) >= 3:  # noqa: PLR2004  a header, no list
                return head
    return None


def named(mail: Part) -> list[Named]:
    """Return whom a notice speaks of and what it says; without a name one `Named` for the whole text."""
    text = human_text(mail)
    listed = [found for value in mail.all("x-failed-recipients") for found in addresses(value)]
    own = _own(mail)
    blocks = list(_blocks(text, own, set(listed)))
    if listed:
        said = {block.recipient: block.words for block in blocks}
        return [Named(recipient, said.get(recipient) or plain(text)) for recipient in dict.fromkeys(listed)][
            :RECIPIENTS_MAX
        ]
    if blocks:
        return blocks[:RECIPIENTS_MAX]
    head = returned_head(mail)
    to = next((found for value in (head.all("to") if head else []) for found in addresses(value)), None)
    return [Named(to if to not in own else None, plain(text))]


def _own_texts(mail: Part) -> Iterator[Part]:
    """Return the parts that are text of the notice itself, plain ones where there are any."""
    leaves = []
    for part in mail.parts or [mail]:
        if part.type.startswith("multipart/"):
            leaves += [
                inner for inner in part.parts if inner.type.startswith("text/") and inner.type != "text/rfc822-headers"
            ]
        elif part.type.startswith("text/") and part.type != "text/rfc822-headers":
            leaves.append(part)
        elif part.type in ("message/rfc822", "message/delivery-status"):
            break
    plain_ones = [part for part in leaves if part.type != "text/html" and part.text.strip()]
    yield from plain_ones or (
        Part([("content-type", "text/plain; charset=utf-8")], _unmarked(part.text).encode()) for part in leaves
    )


def _unmarked(html: str) -> str:
    """Return the words of a page."""
    text = re.sub(r"<(?:style|script)\b[^>]{0,300}>[^<]{0,20000}", " ", html, flags=re.IGNORECASE)
    text = re.sub(r"<(?:br|/p|/div|/tr|/td|/h\d|/li)\b[^>]{0,300}>", "\n", text, flags=re.IGNORECASE)
    text = re.sub(r"</?[a-z!][^<>@]{0,600}>", " ", text, flags=re.IGNORECASE)
    for name, sign in (("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(name, sign)
    return text


def _cut(text: str) -> int:
    for match in _RETURNED.finditer(text):
        if match.start() > 20 or text[: match.start()].strip():  # noqa: PLR2004  a notice says something first
            return match.start()
    return len(text)


def _own(mail: Part) -> set[str]:
    """Return the addresses of whom the notice is to and from: it speaks of others."""
    values: Sequence[str] = [
        value for name in ("from", "to", "reply-to", "delivered-to", "return-path", "cc") for value in mail.all(name)
    ]
    head = returned_head(mail)
    if head:
        values = [*values, *head.all("from"), *head.all("return-path"), *head.all("sender")]
    return {found for value in values for found in addresses(value)}


def _blocks(text: str, own: set[str], listed: set[str]) -> Iterator[Named]:
    """Return each address that stands at the head of a line or after a word for it, with the lines that follow."""
    lines = text.split("\n")
    seen: dict[str, list[str]] = {}
    current: str | None = None
    loose: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        alone = _ALONE.match(line) is not None  # whoever stands so is meant, be it the sender himself
        found = [
            address
            for address in addresses(line)
            if alone or address in listed or (address not in own and not is_machine(address))
        ]
        if found and _NAMES_LINE.match(line):
            current = found[0]
            seen.setdefault(current, [])
        elif found and not loose:
            loose[found[0]] = lines[max(0, number - 1) : number + LINES_MAX]
        elif current is not None and _CODED.match(line) and _CODED.match(seen[current][0]):
            current = None  # a transcript: every line speaks of somebody else
        if len(seen) > RECIPIENTS_MAX:
            break
        if current is not None and len(seen[current]) < LINES_MAX:
            seen[current].append(line)
    before = plain(text)
    for address, said in (seen or loose).items():
        words = plain("\n".join(said))
        yield Named(address, words if len(words) > len(address) + 12 else before)
