"""How a command ends when it cannot do what was asked: one line on stderr and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

from mailsvc.service import StartError, store_fault
from mailsvc.settings import Settings, SettingsError, load_settings, with_development_secrets
from mailsvc.store import StoreUnavailable

NEGATIVE = 1
WRONG_USE = 2
INTERRUPTED = 130  #: as a shell reports SIGINT


class Failure(Exception):
    """Ends the command with one line."""

    def __init__(self, line: str, exit_code: int) -> None:
        super().__init__(line)
        self.exit_code = exit_code


def configured() -> Settings:
    """Return the checked settings, with generated secrets in development; a wrong one ends the command."""
    with failures():
        return with_development_secrets(load_settings())


@contextmanager
def failures() -> Iterator[None]:
    """Turn what the rooms say of wrong settings, or of a system that refuses, into one line."""
    try:
        yield
    except (SettingsError, StartError) as error:
        raise Failure(str(error), WRONG_USE) from None
    except StoreUnavailable as error:
        raise Failure(store_fault(error), WRONG_USE) from None
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        raise Failure(f"{place}{error.strerror or error}", WRONG_USE) from None
