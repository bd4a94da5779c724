"""SMTP replies: enhanced status, class of the code, the text that is kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.reply import TEXT_MAX, Reply, Stage

ENHANCED = [
    (550, ("5.1.1 no such user",), "5.1.1"),
    (250, ("2.0.0",), "2.0.0"),
    (450, ("4.2.0\tlater",), "4.2.0"),
    (550, ("5.7.123 refused",), "5.7.123"),
    (550, ("no status here", "5.1.1 second line"), "5.1.1"),
    (550, ("4.1.1 wrong class", "5.2.2 right class"), "5.2.2"),
    (550, ("4.1.1 wrong class",), None),
    (354, ("2.0.0 go on",), None),
    (550, ("<taro@example.jp>: 5.1.1",), None),
    (550, ("5.1.1: colon",), None),
    (550, ("5.1 short",), None),
    (550, ("5.1.1111 long",), None),
    (550, ("5.１.１ full-width digits",), None),
    (550, ("3.1.1 no class",), None),
    (550, ("",), None),
    (550, (), None),
]


@pytest.mark.parametrize(("code", "lines", "enhanced"), ENHANCED)
def test_enhanced_status_of_the_codes_class_is_read(code: int, lines: tuple[str, ...], enhanced: str | None) -> None:
    """The first line that begins with an ASCII status of the reply code's class gives the status."""
    assert Reply(code, lines).enhanced == enhanced


@given(st.sampled_from([2, 4, 5]), st.integers(0, 999), st.integers(0, 999), st.text("ab \t", max_size=9))
def test_enhanced_any_status_is_found(class_: int, subject: int, detail: int, rest: str) -> None:
    """Every status of RFC 3463's form is found before a blank or the end."""
    status = f"{class_}.{subject}.{detail}"
    assert Reply(class_ * 100 + 50, (f"{status} {rest}",)).enhanced == status
    assert Reply(class_ * 100 + 50, (status,)).enhanced == status


@given(st.integers(200, 599), st.lists(st.text(max_size=300), max_size=4).map(tuple))
def test_reply_any_code_has_one_class_and_a_short_text(code: int, lines: tuple[str, ...]) -> None:
    """A reply is positive, transient or permanent, never two of these, and its text begins with its code."""
    reply = Reply(code, lines)
    assert [reply.positive, reply.transient, reply.permanent] == [code < 400, 400 <= code < 500, code >= 500]
    assert reply.text.startswith(str(code))
    assert len(reply.text) <= TEXT_MAX


def test_text_is_code_and_lines_in_one_line() -> None:
    """People read code and texts in one line, without a blank at the end."""
    assert Reply(550, ("5.1.1 no", "such user")).text == "550 5.1.1 no such user"
    assert Reply(250, ("",)).text == Reply(250, ()).text == "250"
    assert Reply(550, ("x" * 600,)).text == "550 " + "x" * (TEXT_MAX - 4)


def test_stages_stand_in_the_order_of_the_contract() -> None:
    """The stages are those of the contract, in the order of the dialogue."""
    assert " ".join(Stage) == "dns connect banner ehlo starttls auth mail rcpt data dot"
