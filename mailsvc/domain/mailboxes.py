"""The addresses that reports come to (CONTRACT 4): our envelope senders, and the few that people write to.

Pure. Which tags have been issued the store knows; who speaks of a tag is told from any other address here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from mailsvc.domain.address import Address
from mailsvc.domain.identifier import TAG_PREFIX, tag_of

#: RFC 5321 4.5.1 and RFC 2142 4; the first is taken without a domain as well.
_POSTMASTER, _ABUSE = "postmaster", "abuse"


@dataclass(frozen=True, kw_only=True)
class Mailboxes:
    """Where this service takes mail."""

    sender: Address  #: of the From header: answers of people and of simple machines come to it
    bounce_domain: str  #: of our envelope senders, lower case
    others: tuple[Address, ...] = ()  #: what the operator added

    def tag(self, recipient: str) -> str | None:
        """Return the tag that an envelope sender of ours carries, None for any other address."""
        return tag_of(recipient, self.bounce_domain)

    def first_tag(self, recipients: Iterable[str]) -> str | None:
        """Return the first tag among addresses."""
        return next((tag for recipient in recipients if (tag := self.tag(recipient))), None)

    def is_return_path(self, recipient: str) -> bool:
        """Whether an address looks like an envelope sender of ours, with a tag that can be one or not."""
        local, _, domain = recipient.lower().rpartition("@")
        return domain == self.bounce_domain and local.startswith(TAG_PREFIX)

    def is_sender(self, recipient: str) -> bool:
        """Whether an address is the one in our From header, which every recipient reads."""
        return recipient.lower() == self.sender.identity

    def takes(self, recipient: str) -> bool:
        """Whether an address takes mail though it carries no tag."""
        return recipient.lower() in self._fixed

    @cached_property
    def _fixed(self) -> frozenset[str]:
        domains = {self.bounce_domain, self.sender.domain.lower()}
        named = {f"{local}@{domain}" for local in (_POSTMASTER, _ABUSE) for domain in domains}
        return frozenset({_POSTMASTER, self.sender.identity, *named, *(other.identity for other in self.others)})
