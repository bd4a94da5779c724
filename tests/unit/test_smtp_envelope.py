"""Envelopes: what may travel, the command lines, dot-stuffing (RFC 5321, 1870, 2852, 3461)."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.delivery.envelope import Envelope
from tests.support.environment import FULL_RUN
from tests.support.smtp import envelope

EXAMPLES = settings(max_examples=5_000 if FULL_RUN else 150)
LINES = st.lists(st.sampled_from(["", ".", "..", ".a", "a", "a.", "..b", "."]) | st.text("ab.", max_size=5), min_size=1)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a b@c.example",
        "a@b.example>",
        "<a@b.example",
        "a@b.example\r\nRSET",
        "a@b.example\n",
        "a\x00@b",
        "é@b.example",
        "a\t@b",
    ],
)
def test_forward_path_that_would_change_the_command_is_refused(path: str) -> None:
    """No recipient can add a parameter or a command, and the error does not repeat it."""
    with pytest.raises(ValueError, match="forward-path") as caught:
        envelope(forward_path=path)
    assert not path or path not in str(caught.value)


@pytest.mark.parametrize("path", ["a b@c.example", "a@b.example>", "a@b.example\r\nRSET"])
def test_reverse_path_that_would_change_the_command_is_refused(path: str) -> None:
    """The same holds for the envelope sender."""
    with pytest.raises(ValueError, match="reverse-path"):
        envelope(reverse_path=path)


@pytest.mark.parametrize("envid", ["", "a b", "a\r\nb", "x" * 101])
def test_envid_outside_its_grammar_is_refused(envid: str) -> None:
    """An ENVID is 1 to 100 visible characters (RFC 3461 4.4)."""
    with pytest.raises(ValueError, match="ENVID"):
        envelope(envid=envid)


@pytest.mark.parametrize(
    "data", [b"", b"no end", b"bare\nfeed\r\n", b"bare\rreturn\r\n", b"\n\r\r\n", b"a\r\n.\n", b"a\n.\r\n", b"a\r\n.\r"]
)
def test_mail_with_a_bare_cr_or_lf_is_refused(data: bytes) -> None:
    """A mail that two servers could cut differently is never written (SMTP smuggling)."""
    with pytest.raises(ValueError, match="CR or LF"):
        envelope(data=data)


@pytest.mark.parametrize(
    ("capabilities", "changes", "line"),
    [
        ({}, {}, "MAIL FROM:<b+tag@mail.example.jp>"),
        ({}, {"reverse_path": ""}, "MAIL FROM:<>"),
        ({"SIZE": "100"}, {"data": b"four\r\n"}, "MAIL FROM:<b+tag@mail.example.jp> SIZE=6"),
        ({"8BITMIME": ""}, {}, "MAIL FROM:<b+tag@mail.example.jp>"),
        ({"8BITMIME": ""}, {"data": "é\r\n".encode()}, "MAIL FROM:<b+tag@mail.example.jp> BODY=8BITMIME"),
        ({"DSN": ""}, {}, "MAIL FROM:<b+tag@mail.example.jp> RET=HDRS"),
        ({"DSN": ""}, {"envid": "msg_1+2=3"}, "MAIL FROM:<b+tag@mail.example.jp> RET=HDRS ENVID=msg_1+2B2+3D3"),
        ({}, {"envid": "msg_1", "deliver_by": 60.0}, "MAIL FROM:<b+tag@mail.example.jp>"),
        ({"DELIVERBY": ""}, {"deliver_by": 279.9}, "MAIL FROM:<b+tag@mail.example.jp> BY=279;R"),
        ({"DELIVERBY": "240"}, {"deliver_by": 240.0}, "MAIL FROM:<b+tag@mail.example.jp> BY=240;R"),
        ({"DELIVERBY": "240"}, {"deliver_by": 239.9}, "MAIL FROM:<b+tag@mail.example.jp>"),
        ({"DELIVERBY": "soon"}, {"deliver_by": 0.9}, "MAIL FROM:<b+tag@mail.example.jp>"),
        ({"DELIVERBY": ""}, {"deliver_by": 1e12}, "MAIL FROM:<b+tag@mail.example.jp> BY=999999999;R"),
    ],
)
def test_mail_command_has_the_parameters_the_server_knows(
    capabilities: Mapping[str, str], changes: dict[str, object], line: str
) -> None:
    """Each extension is used where it is offered, and only there."""
    assert envelope(**changes).mail(capabilities) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("taro@docomo.ne.jp", "RCPT TO:<taro@docomo.ne.jp>"),
        ('"taro..x."@docomo.ne.jp', 'RCPT TO:<"taro..x."@docomo.ne.jp>'),
        ("taro..x.@docomo.ne.jp", "RCPT TO:<taro..x.@docomo.ne.jp>"),
    ],
)
def test_rcpt_command_has_the_path_as_it_stands(path: str, line: str) -> None:
    """A carrier's nonconforming address goes out quoted or raw, exactly as given."""
    assert envelope(forward_path=path).rcpt({}) == line


def test_rcpt_command_asks_for_reports_where_dsn_is_offered() -> None:
    """NOTIFY and ORCPT are in the grammar of RFC 3461, with + and = encoded."""
    line = envelope(forward_path="a+b=c@d.example").rcpt({"DSN": ""})
    assert line == "RCPT TO:<a+b=c@d.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb+3Dc@d.example"


@EXAMPLES
@given(LINES)
def test_dot_stuffed_mail_is_read_back_as_it_was(lines: list[str]) -> None:
    """A receiver that undoes RFC 5321 4.5.2 gets the mail, and finds its end nowhere else."""
    data = "".join(f"{line}\r\n" for line in lines).encode()
    wire = Envelope(reverse_path="", forward_path="a@b.example", data=data).dotted
    assert (b"\r\n" + wire).index(b"\r\n.\r\n") == len(wire) - 3
    received = [line.removeprefix(b".") for line in wire.removesuffix(b".\r\n").split(b"\r\n")]
    assert b"\r\n".join(received) == data
