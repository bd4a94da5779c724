"""A text that must not show itself."""

from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A login code, from arrival to wiping.

    It has no readable ``repr`` or ``str`` and refuses pickling, so that a log line, a traceback with locals
    or a queue cannot carry it by accident. ``reveal`` is the one way to the text.
    """

    _text: str

    def reveal(self) -> str:
        """Return the text; call it only where the mail is composed or the column is encrypted."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
