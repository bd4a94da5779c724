"""Phrases are found whatever the case, the punctuation and the accents, and in bounded time; wrong ones are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsvc.domain.phrases import READ_MAX, PhraseIndex, prepare

FOUND = [
    ("user unknown", "550 <a@mail.example>: User UNKNOWN."),
    ("user (is|) unknown", "the user is unknown"),
    ("(mailbox|(in|out) box) full", "IN_BOX-FULL"),
    ("does not exist", "it does\tnot exist"),
    ("doesn't exist", "it doesn’t exist"),
    ("account ... disabled", "the account of that person has been disabled"),
    ("block*", "Blocked"),
    ("block* by", "it is blocking by night"),
    ("boite pleine", "Boîte pleine"),
    ("user unknown", "Ｕｓｅｒ ｕｎｋｎｏｗｎ"),
    ("email refused", "e-mail refused"),
    ("ящик переполнен", "Ящик переполнен"),
    ("宛先不明", "エラー: 宛先 不明 です"),
    ("(容量|サイズ) ... 超過", "容量が大きく超過しました"),
    ("tried to reach does not", "550-5.1.1 that you tried to 550-5.1.1 reach does not"),
]
ABSENT = [
    ("user unknown", "unknown user"),
    ("user unknown", "superuser unknowns"),
    ("user unknown", "user <unknown@mail.example>"),
    ("spam", "from <spam@spam.example> and antispam"),
    ("account ... disabled", "account a b c d e f g h i disabled"),
    ("5 1 1", "550 5.1.1 none"),
    ("block*", "unblocked"),
    ("宛先不明", "宛先は不明"),
]
WRONG = ["", "...", "()", "(a|b", "a)", "a b) c", "a | b", ") a ("]


def says(phrase: str, text: str) -> bool:
    return 0 in PhraseIndex([[phrase]]).look(prepare(text))


@pytest.mark.parametrize(("phrase", "text"), FOUND)
def test_phrase_is_found_in_text(phrase: str, text: str) -> None:
    """Words count, not how they are written."""
    assert says(phrase, text)


@pytest.mark.parametrize(("phrase", "text"), ABSENT)
def test_phrase_is_not_found_in_text(phrase: str, text: str) -> None:
    """Whole words count, in their order; addresses and status codes say nothing."""
    assert not says(phrase, text)


@pytest.mark.parametrize("phrase", WRONG)
def test_wrong_phrase_is_refused(phrase: str) -> None:
    """A phrase without words or with brackets that are no pairs is refused when the index is made."""
    with pytest.raises(ValueError, match="phrase"):
        PhraseIndex([[phrase]])


def test_groups_are_told_apart() -> None:
    """An index of several groups says which of them have a phrase in the text."""
    index = PhraseIndex([["no such user"], ["user ... here", "容量"], [], ["gr*"]])
    look = index.look(prepare("No such user here"))
    assert {group for group in range(4) if group in look} == {0, 1}


def test_statuses_and_domain_stand_beside_the_words() -> None:
    """Enhanced status codes are taken out of the text, numbers that only look like them are not."""
    text = prepare("550-5.1.1 <taro@Mail.Example>: no (#5.2.1) 192.0.2.1 v4.4.1 5.1.1")
    assert (text.statuses, text.domain) == (("5.1.1", "5.2.1"), "mail.example")
    assert text.spaced == " addr no 192 0 2 1 v4 4 1 "


def test_only_the_beginning_of_a_text_is_read() -> None:
    """What stands behind the limit is not looked at, so that no length costs more than that."""
    assert says("user unknown", "x " * 900 + "user unknown")
    assert not says("user unknown", "x " * READ_MAX + "user unknown")


@given(st.text(), st.text(alphabet="ab ()|*.", max_size=30))
def test_any_phrase_on_any_text_is_answered_or_refused(text: str, phrase: str) -> None:
    """Nothing but `ValueError` comes out, whatever stands in rules and replies."""
    try:
        index = PhraseIndex([[phrase]])
    except ValueError:
        return
    assert (0 in index.look(prepare(text))) in (True, False)
