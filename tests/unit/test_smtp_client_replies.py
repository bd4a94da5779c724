"""Reading replies: bounded, never trusting, the same however the octets are cut (RFC 5321 4.2)."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.delivery.smtp_client import (
    REPLY_LINE_KEPT,
    REPLY_LINE_MAX,
    REPLY_LINES_MAX,
    ProtocolError,
    ReplyReader,
)
from mailsvc.domain.reply import Reply
from tests.support.environment import FULL_RUN

#: Three tests of generated octets: 20,000 examples together in the full run.
EXAMPLES = settings(max_examples=6_667 if FULL_RUN else 150)

PIECES = st.sampled_from(
    [b"250", b"-", b" ", b"\r\n", b"\n", b"\r", b"550", b"x", b"\x1b", "é".encode(), b"\xff", b"999"]
)
OCTETS = st.lists(PIECES | st.binary(max_size=4), max_size=40).map(b"".join)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, categories=("L", "N", "P", "S")), max_size=60)


def _read(*chunks: bytes) -> tuple[list[Reply], bool]:
    """Return the replies up to the first broken one, and whether one was broken."""
    reader, replies = ReplyReader(), []
    try:
        for chunk in chunks:
            for reply in reader.feed(chunk):
                replies.append(reply)  # noqa: PERF402  those before a broken one are kept
    except ProtocolError:
        return replies, True
    return replies, False


@pytest.mark.parametrize(
    ("octets", "replies"),
    [
        (b"250 2.1.0 Ok\r\n", [Reply(250, ("2.1.0 Ok",))]),
        (b"250\r\n", [Reply(250, ("",))]),
        (b"250-\r\n250 \r\n", [Reply(250, ("", ""))]),
        (b"250-one\r\n250-two\r\n250 three\r\n", [Reply(250, ("one", "two", "three"))]),
        (b"250 bare line feed\n", [Reply(250, ("bare line feed",))]),
        (b"250 a\r\n354 b\r\n", [Reply(250, ("a",)), Reply(354, ("b",))]),
        (b"250 half", []),
        ("550 宛先不明".encode() + b"\r\n", [Reply(550, ("宛先不明",))]),
        (b"550 tab\there\r\n", [Reply(550, ("tab here",))]),
        (b"550 \x1b[31mred\x00\x7f\r\n", [Reply(550, ("�[31mred��",))]),
        ("550 left\u202eright\u200f\r\n".encode(), [Reply(550, ("left�right�",))]),
        (b"550 \xff\r\n", [Reply(550, ("�",))]),
        (b"550 a\rb\r\n", [Reply(550, ("a b",))]),
    ],
)
def test_reply_is_read_with_what_could_harm_a_screen_replaced(octets: bytes, replies: list[Reply]) -> None:
    """A reply's code and lines are kept; control characters, direction marks and undecodable octets are not."""
    assert _read(octets) == (replies, False)


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"hello\r\n",
        b"25 short\r\n",
        b"2500 long\r\n",
        b"250_ok\r\n",
        b"999 no class\r\n",
        b"150 no class\r\n",
        b"600 no class\r\n",
        b" 250 ok\r\n",
        b"\xef\xbc\x92\xef\xbc\x95\xef\xbc\x90 ok\r\n",
        b"250-one\r\n550 two\r\n",
        b"250-x\r\n" * REPLY_LINES_MAX + b"250 x\r\n",
        b"2" * (REPLY_LINE_MAX + 1),
        b"250 " + b"x" * REPLY_LINE_MAX + b"\r\n",
    ],
)
def test_octets_that_are_no_reply_are_a_protocol_error(octets: bytes) -> None:
    """What is no reply, or has no bound, is never guessed at."""
    assert _read(octets) == ([], True)


def test_longest_reply_is_kept_within_its_bounds() -> None:
    """As many and as long lines as may be are read, cut to what is kept."""
    line = b"x" * (REPLY_LINE_MAX - 10)
    (reply,), broken = _read((b"250-" + line + b"\r\n") * (REPLY_LINES_MAX - 1) + b"250 " + line + b"\r\n")
    assert not broken
    assert [len(text) for text in reply.lines] == [REPLY_LINE_KEPT] * REPLY_LINES_MAX


def test_endless_line_is_refused_before_it_is_stored() -> None:
    """A line without an end does not grow in memory."""
    reader = ReplyReader()
    for _ in range(REPLY_LINE_MAX // 128):
        assert list(reader.feed(b"2" * 128)) == []
    with pytest.raises(ProtocolError):
        list(reader.feed(b"2"))


@EXAMPLES
@given(OCTETS)
def test_any_octets_give_bounded_harmless_text_or_a_protocol_error(octets: bytes) -> None:
    """Nothing a server sends raises anything else, and every text kept is printable and bounded."""
    replies, _ = _read(octets)
    for reply in replies:
        assert 200 <= reply.code < 600
        assert 1 <= len(reply.lines) <= REPLY_LINES_MAX
        assert all(text.isprintable() and len(text) <= REPLY_LINE_KEPT for text in reply.lines)


@EXAMPLES
@given(OCTETS, st.lists(st.integers(0, 200), max_size=8))
def test_replies_do_not_depend_on_how_the_octets_are_cut(octets: bytes, cuts: list[int]) -> None:
    """Segments of TCP mean nothing."""
    edges = [0, *sorted(min(cut, len(octets)) for cut in cuts), len(octets)]
    chunks = [octets[start:end] for start, end in itertools.pairwise(edges)]
    assert _read(*chunks) == _read(octets)


@EXAMPLES
@given(st.integers(200, 599), st.lists(TEXTS, min_size=1, max_size=REPLY_LINES_MAX), st.sampled_from(["\r\n", "\n"]))
def test_well_formed_reply_is_read_as_written(code: int, texts: list[str], end: str) -> None:
    """Every code of the four classes and every printable text comes through."""
    *more, last = texts
    octets = "".join(f"{code}-{text}{end}" for text in more) + f"{code} {last}{end}"
    assert _read(octets.encode()) == ([Reply(code, tuple(texts))], False)
