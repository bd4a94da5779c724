"""A mail as a person reads it in a terminal."""

from email import message_from_bytes, policy


def readable(raw: bytes) -> str:
    """Return decoded headers and text of a mail."""
    mail = message_from_bytes(raw, policy=policy.default)
    shown = ("From", "To", "Subject", "Date", "Message-ID")
    headers = "".join(f"{name}: {mail[name]}\n" for name in shown)
    body = mail.get_body(("plain",))
    text = body.get_content() if body else ""
    return f"{headers}\n{text}"
