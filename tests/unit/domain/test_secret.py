"""A secret shows itself to nobody who does not ask for it by name."""

import copy
import json
import logging
import pickle
import traceback

import pytest

from mailsvc.domain.secret import Secret
from tests.support.domain import CODE, message

SECRET = Secret(CODE)


def test_reveal_is_the_way_to_the_text() -> None:
    """The text comes out as it went in."""
    assert SECRET.reveal() == CODE


@pytest.mark.parametrize(
    "shown",
    [
        repr(SECRET),
        str(SECRET),
        f"{SECRET}",
        f"{SECRET!r:>20}",
        logging.makeLogRecord({"msg": "%s %r", "args": (SECRET, SECRET)}).getMessage(),
        repr([SECRET]),
        ascii(SECRET),
    ],
)
def test_every_way_to_text_hides_it(shown: str) -> None:
    """Whatever turns a secret into text gets three stars."""
    assert CODE not in shown
    assert "***" in shown


def test_traceback_with_locals_hides_it() -> None:
    """A traceback that prints local variables prints no secret."""
    secret, row = SECRET, message()
    try:
        _ = secret.reveal() + row.code  # type: ignore[operator]
    except TypeError as error:
        printed = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "secret = Secret(***)" in printed
    assert CODE not in printed


def test_log_record_hides_it(caplog: pytest.LogCaptureFixture) -> None:
    """A log line with a secret as argument shows stars."""
    logging.getLogger("test").warning("code %s in %r", SECRET, {"code": SECRET})
    assert "***" in caplog.text
    assert CODE not in caplog.text


@pytest.mark.parametrize("serialise", [pickle.dumps, json.dumps, copy.copy, copy.deepcopy])
def test_secret_is_not_serialised(serialise: object) -> None:
    """A queue or a cache cannot carry a secret by accident."""
    assert callable(serialise)
    with pytest.raises(TypeError) as caught:
        serialise(SECRET)
    assert CODE not in str(caught.value)


def test_secret_equals_its_like_and_cannot_change() -> None:
    """Two secrets of one text are equal, and none can be changed."""
    assert Secret(CODE) == SECRET
    assert Secret("000000") != SECRET
    with pytest.raises(AttributeError):
        SECRET._text = "000000"  # type: ignore[misc]
