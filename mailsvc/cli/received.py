"""A mail as it was received, to read in a terminal: from the capture folder, or from a local Mailpit."""

import asyncio
from email import message_from_bytes, policy

from mailsvc.mailpit import Mailpit, MailpitError
from mailsvc.settings import Settings

HEADERS = ("From", "To", "Subject", "Date", "Message-ID")


def received(settings: Settings, message_id: str) -> str:
    """Return the mail of a message, "" where neither the folder nor a Mailpit has it."""
    file = settings.data_dir / "capture" / f"{message_id}.eml"
    if file.exists():
        return readable(file.read_bytes())
    return asyncio.run(_in_mailpit(message_id))


def readable(raw: bytes) -> str:
    """Return decoded headers and text of a mail."""
    headers, text = decoded(raw)
    shown = "".join(f"{name}: {value}\n" for name, value in headers.items())
    return f"{shown}\n{text}"


def decoded(raw: bytes) -> tuple[dict[str, str], str]:
    """Return the headers that a person looks at, and the text."""
    mail = message_from_bytes(raw, policy=policy.default)
    body = mail.get_body(("plain",))
    return {name: str(mail[name]) for name in HEADERS}, body.get_content() if body else ""


async def _in_mailpit(message_id: str) -> str:
    try:
        async with Mailpit() as mailpit:
            found = [mail for mail in await mailpit.search(f"message-id:{message_id}") if message_id in mail.message_id]
            return readable(await mailpit.raw(found[0].id)) if found else ""
    except MailpitError:
        return ""
