"""What an installed mailsvc has: every file that the program reads goes into the package."""

import tomllib

from tests.support.service import CHECKOUT

#: For those who work on the checkout.
NOT_INSTALLED = {"script.py.mako"}


def test_every_file_of_the_program_is_packaged() -> None:
    """A kind of file that no pattern names works in the checkout and is absent where it is installed."""
    patterns = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["mailsvc"]
    package = CHECKOUT / "mailsvc"
    packaged = {path for pattern in patterns for path in package.glob(pattern)} | set(package.rglob("*.py"))
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.name for path in files - packaged} == NOT_INSTALLED
