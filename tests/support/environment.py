"""What the surroundings of a test run ask for; read once, before the MAILSVC_ variables are taken away.

Tests that are longer in CI ask `FULL_RUN`; nothing else reads the variables ``MAILSVC_TEST_FULL`` and
``MAILSVC_REQUIRE_OPTIONAL``, since a service started by a test would refuse them as unknown settings.
"""

import os

#: CI: run the long forms of the tests that have one.
FULL_RUN = os.environ.get("MAILSVC_TEST_FULL") == "1"
#: CI: an optional part that is absent fails the tests that need it.
REQUIRE_OPTIONAL = os.environ.get("MAILSVC_REQUIRE_OPTIONAL") == "1"


def settings_in(environ: dict[str, str] | os._Environ[str]) -> list[str]:
    """Return the names that a mailsvc started here would read."""
    return [name for name in environ if name.startswith("MAILSVC_")]
