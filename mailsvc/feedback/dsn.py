"""Delivery status notifications: the fields per recipient (RFC 3464 2, RFC 6533), also where they stand in plain text.

Reads; what the words mean is the classifier's business.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from mailsvc.feedback.addresses import bare
from mailsvc.feedback.mime import Part

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
#: Recipients of one report.
RECIPIENTS_MAX = 100
_FIELD = re.compile(
    r"^(final-recipient|original-recipient|x-actual-recipient|action|status|diagnostic-code|remote-mta|reporting-mta"
    r"|original-envelope-id|last-attempt-date|arrival-date|will-retry-until|received-from-mta|x-[\w-]{1,60})"
    r"[ \t]*:[ \t]*(.*)$",
    re.IGNORECASE,
)
_FORWARDED = re.compile(r"^[ >-]{0,40}(?:begin )?forwarded message", re.IGNORECASE | re.MULTILINE)
_OF_RECIPIENT = frozenset({"final-recipient", "original-recipient", "x-actual-recipient", "action"})
_OF_MESSAGE = frozenset({"reporting-mta", "original-envelope-id", "received-from-mta", "arrival-date"})
_STATUS = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")


@dataclass(slots=True)
class Fields:
    """The fields of one recipient; names in lower case."""

    values: dict[str, str] = field(default_factory=dict)

    @property
    def recipient(self) -> str | None:
        """Final-Recipient, else what else names one."""
        return self._address("final-recipient") or self._address("original-recipient")

    @property
    def original(self) -> str | None:
        """Original-Recipient, where it is another than the final one."""
        original = self._address("original-recipient")
        return original if original != self.recipient else None

    @property
    def action(self) -> str:
        """The word of the Action field, lower case; empty where it has none."""
        return self.values.get("action", "").partition(" ")[0].strip(" ;()").lower()

    @property
    def status(self) -> str | None:
        """The enhanced status code."""
        match = _STATUS.search(self.values.get("status", ""))
        return match[1] if match else None

    @property
    def diagnostic(self) -> str:
        """What the remote site said, without the type in front; empty where nothing is told."""
        text = self.values.get("diagnostic-code", "")
        kind, semicolon, words = text.partition(";")
        return (words if semicolon and re.fullmatch(r"[\w.-]{1,40}", kind.strip()) else text).strip()

    @property
    def host(self) -> str | None:
        """The remote MTA; a report without one was written by the site itself."""
        name = self.values.get("remote-mta", "").rpartition(";")[2].strip().lower()
        return name.split()[0] if name else None

    def _address(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is None:
            return None
        kind, semicolon, rest = value.partition(";")
        return bare(_without_xtext(rest) if semicolon else kind)


@dataclass(frozen=True, slots=True)
class Status:
    """A whole notification."""

    common: Fields
    recipients: Sequence[Fields]

    @property
    def envid(self) -> str | None:
        """Original-Envelope-Id, xtext decoded."""
        return _without_xtext(self.common.values.get("original-envelope-id", "").strip()) or None


def status_of(mail: Part) -> Status | None:
    """Return the notification inside a mail, None where there is none."""
    parts = list(mail.walk())
    typed = [part for part in parts if part.type in STATUS_TYPES]
    if typed:
        found = [_read(part.text) for part in typed]
        recipients = [fields for each in found for fields in each.recipients]
        return Status(found[0].common, recipients[:RECIPIENTS_MAX]) if recipients else None
    for part in (part for part in parts if not part.parts):
        plain = _read(_forwarded(part.text))
        if any(fields.action or fields.status for fields in plain.recipients):
            return plain
    return None


def _without_xtext(text: str) -> str:
    """Return a text with its xtext read (RFC 3461 4)."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)


def _forwarded(text: str) -> str:
    """Return a text without the marks of quotation where somebody forwards a notification as it was."""
    if not _FORWARDED.search(text):
        return text
    return "\n".join(line.lstrip("> ") if line.startswith(">") else line for line in text.split("\n"))


def _read(text: str) -> Status:
    common = Fields()
    groups: list[Fields] = []
    for block in _blocks(text):
        names = {name for name, _ in block}
        if not names & _OF_RECIPIENT:
            target = groups[-1] if groups and not names & _OF_MESSAGE else common
            for name, value in block:
                target.values.setdefault(name, value)
            continue
        current: Fields | None = None
        for name, value in block:
            if name in _OF_MESSAGE:
                common.values.setdefault(name, value)
                continue
            if current is None or (name in _OF_RECIPIENT and name in current.values):
                if len(groups) == RECIPIENTS_MAX:
                    break
                current = Fields()
                groups.append(current)
            current.values.setdefault(name, value)
    return Status(common, [group for group in groups if group.recipient or group.action])


def _blocks(text: str) -> Iterator[list[tuple[str, str]]]:
    """Return the fields between empty lines, folded lines put together; other lines are passed over."""
    block: list[tuple[str, str]] = []
    for line in text.split("\n"):
        match = _FIELD.match(line)
        if match:
            block.append((match[1].lower(), match[2].strip()))
        elif line[:1] in (" ", "\t") and block and line.strip():
            block[-1] = (block[-1][0], f"{block[-1][1]} {line.strip()}"[:4000])
        elif not line.strip() and block:
            yield block
            block = []
    if block:
        yield block
