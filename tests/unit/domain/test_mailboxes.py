"""Which addresses take mail without a tag, and whose tag an address carries."""

import pytest

from mailsvc.domain.address import parse
from mailsvc.domain.mailboxes import Mailboxes

TAG = "a2345672345672345672345a"
HERE = Mailboxes(
    sender=parse("No-Reply@Mail.example.jp"), bounce_domain="bounce.example.jp", others=(parse("Reports@example.jp"),)
)


@pytest.mark.parametrize(
    "recipient",
    [
        *("postmaster", "Postmaster", "postmaster@mail.example.jp", "POSTMASTER@bounce.example.jp"),
        *("abuse@mail.example.jp", "abuse@bounce.example.jp", "no-reply@mail.example.jp", "reports@EXAMPLE.jp"),
    ],
)
def test_address_for_people_takes_mail_in_any_case(recipient: str) -> None:
    """Postmaster and abuse of both domains, the sender, and what the operator added take mail."""
    assert HERE.takes(recipient)
    assert HERE.tag(recipient) is None


@pytest.mark.parametrize(
    "recipient",
    [
        *("", "abuse", "root@mail.example.jp", "postmaster@example.jp", "postmaster@[127.0.0.1]", "taro@example.jp"),
        *("no-reply@bounce.example.jp", "no-reply+x@mail.example.jp", "reports@mail.example.jp"),
        *(f"b+{TAG}@bounce.example.jp", "postmaster@mail.example.jp.evil.test", "\u212anown@example.jp"),
    ],
)
def test_other_address_does_not(recipient: str) -> None:
    """Nothing near these addresses takes mail by itself."""
    assert not HERE.takes(recipient)


def test_first_tag_counts() -> None:
    """Among several addresses the first with a tag tells it, whatever its case; other domains have none."""
    others = ["postmaster", f"b+{TAG}@mail.example.jp", f"b+{TAG}@evil.test", f"c+{TAG}@bounce.example.jp"]
    assert HERE.first_tag(others) is None
    assert HERE.first_tag([*others, f"B+{TAG.upper()}@BOUNCE.example.jp", "b+x@bounce.example.jp"]) == TAG


def test_sender_is_known_in_any_case() -> None:
    """The address of the From header is told from the others."""
    assert HERE.is_sender("NO-REPLY@mail.example.jp")
    assert not HERE.is_sender("postmaster@mail.example.jp")


def test_return_path_is_known_without_a_tag() -> None:
    """What looks like an envelope sender of ours is told from other addresses, whether its tag can be one or not."""
    assert all(HERE.is_return_path(f"B+{tag}@BOUNCE.example.jp") for tag in (TAG, TAG[:-1], "", "0"))
    assert not any(map(HERE.is_return_path, (f"b+{TAG}@mail.example.jp", f"c+{TAG}@bounce.example.jp", "b+")))
