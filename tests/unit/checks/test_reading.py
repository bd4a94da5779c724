"""What somebody typed or pasted: what is repaired, what is only suggested, what is refused."""

import pytest

from mailsvc.checks.reading import MENDED_MAX, read
from mailsvc.domain.check import Reason, ReasonCode, Severity

SYNTAX = Reason(ReasonCode.SYNTAX, Severity.REJECT)
SMTPUTF8 = Reason(ReasonCode.SMTPUTF8_LOCAL, Severity.REJECT)
NORMALIZED = Reason(ReasonCode.NORMALIZED, Severity.INFO)
NONCONFORMING = Reason(ReasonCode.NONCONFORMING_LOCAL, Severity.INFO)
PLAIN = "taro@docomo.ne.jp"


@pytest.mark.parametrize(
    "text",
    [
        "ｔａｒｏ＠ｄｏｃｏｍｏ．ｎｅ．ｊｐ",
        "taro＠DOCOMO.ne.jp",
        "taro@docomo。ne。jp",
        "taro@docomo｡ne｡jp",
        " taro@docomo.ne.jp",
        "taro@docomo.ne.jp\r\n",
        "\u3000taro@docomo.ne.jp\u00a0\t",
        "\ufefftaro@docomo.ne.jp",
        "ta\u200bro@docomo\u00ad.ne.jp",
        "taro\u2060@\u200edocomo.ne.jp\u200f",
        "\u202ataro@docomo.ne.jp\u202c",
        "taro@docomo.ne.jp\ufe0f",
        "taro\u200d@docomo\u200c.ne.jp",
        "\u200b \u3000taro@docomo.ne.jp \u200b",
        "\u3000\u200d\u3000taro@docomo。\u200dne.jp",
    ],
)
def test_artefact_of_typing_is_repaired_and_told(text: str) -> None:
    """Full-width forms, the Japanese full stop in the domain, blanks around and invisible characters."""
    reading = read(text)
    assert (reading.given, reading.normalized) == (text, PLAIN)
    assert reading.address is not None
    assert (reading.address.wire, reading.reasons, reading.suggestions) == (PLAIN, (NORMALIZED,), ())


@pytest.mark.parametrize(
    ("text", "normalized", "wire"),
    [
        (PLAIN, PLAIN, PLAIN),
        ("Taro+Tag@Docomo.NE.JP", "Taro+Tag@docomo.ne.jp", "Taro+Tag@docomo.ne.jp"),
        ("taro@日本語.JP", "taro@日本語.jp", "taro@xn--wgv71a119e.jp"),
        ("taro@xn--wgv71a119e.jp", "taro@xn--wgv71a119e.jp", "taro@xn--wgv71a119e.jp"),
        ("taro@コーヒー.jp", "taro@コーヒー.jp", "taro@xn--tck2c4fb.jp"),
        ("taro@نامه\u200cای.com", "taro@نامه\u200cای.com", "taro@xn--mgba3gch31f060k.com"),
        ("taro@क्\u200dष.com", "taro@क्\u200dष.com", "taro@xn--11b2ezcw70k.com"),
    ],
)
def test_good_address_is_kept_with_its_domain_in_lower_case(text: str, normalized: str, wire: str) -> None:
    """The form keeps the domain as people read it, the wire has it in ASCII; nothing was repaired."""
    reading = read(text)
    assert reading.address is not None
    assert (reading.normalized, reading.address.wire, reading.reasons) == (normalized, wire, ())


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("taro@ﾄﾞｺﾓ.jp", "taro@ドコモ.jp"),
        ("taro@ト\u3099コモ.jp", "taro@ドコモ.jp"),
        ("ﾀﾛｳ@docomo.ne.jp", "タロウ@docomo.ne.jp"),
    ],
)
def test_half_width_kana_and_loose_voice_marks_become_one_character(text: str, normalized: str) -> None:
    """As the domain is registered; before the @ they remain refused."""
    reading = read(text)
    assert reading.normalized == normalized
    assert NORMALIZED in reading.reasons


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("taro..x@docomo.ne.jp", '"taro..x"@docomo.ne.jp'),
        ("taro.@ezweb.ne.jp", '"taro."@ezweb.ne.jp'),
        ('"taro."@docomo.ne.jp', '"taro."@docomo.ne.jp'),
        ("ｔａｒｏ．＠docomo.ne.jp", '"taro."@docomo.ne.jp'),
    ],
)
def test_dots_as_carriers_once_issued_them_are_quoted_on_the_wire(text: str, wire: str) -> None:
    """The customer is told mildly, and mailed."""
    reading = read(text)
    assert reading.address is not None
    assert reading.address.wire == wire
    assert NONCONFORMING in reading.reasons
    assert all(reason.severity is Severity.INFO for reason in reading.reasons)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("taro yamada@docomo.ne.jp", "taroyamada@docomo.ne.jp"),
        ("taro @ docomo.ne.jp", PLAIN),
        ("taro@docomo,ne,jp", PLAIN),
        ("taro@docomo、ne、jp", PLAIN),
        ("taro@docomo・ne・jp", PLAIN),
        ("taro@docomo;ne:jp", PLAIN),
        ("taro,x@docomo.ne.jp", "taro.x@docomo.ne.jp"),
        ("taro@so―net.ne.jp", "taro@so-net.ne.jp"),
        ("taro@yーmobile.ne.jp", "taro@y-mobile.ne.jp"),
        ("taro@@docomo.ne.jp", PLAIN),
        ("tarodocomo.ne.jp", PLAIN),
        ('taro"docomo.ne.jp', PLAIN),
        ("taro[Gmail.com", "taro@gmail.com"),
        ("taro.i.softbank.jp", "taro@i.softbank.jp"),
        ("mailto:taro@docomo.ne.jp", PLAIN),
        ("MAILTO:taro@docomo.ne.jp?subject=a", PLAIN),
        ("山田太郎 <taro@docomo.ne.jp>", PLAIN),
        ('"Taro" <mailto:taro@docomo.ne.jp>', PLAIN),
        ("＜taro@docomo.ne.jp＞", PLAIN),
        ("「taro@docomo.ne.jp」、", PLAIN),
        ("taro@docomo.ne.jp.", PLAIN),
        ("taro@docomo..ne.jp", PLAIN),
        ("taro@.docomo.ne.jp", PLAIN),
        (".taro@gmail.com", "taro@gmail.com"),
        ("taro..x.@gmail.com", "taro.x@gmail.com"),
        ("taro..x@docomo,ne,jp", "taro..x@docomo.ne.jp"),
        ('"taro."@docomo.ne.jo', "taro.@docomo.ne.jp"),
        ("taro@docomo.ne.jptaro@docomo.ne.jp", PLAIN),
        ("taro@docomonejp", PLAIN),
        ("taro@gmail", "taro@gmail.com"),
        ("taro@gmai,com", "taro@gmail.com"),
        ("taro@dоcomo.ne.jp", PLAIN),
        ("taro @kaisha.co.jp", "taro@kaisha.co.jp"),
    ],
)
def test_what_is_not_surely_harmless_is_suggested_and_not_done(text: str, suggestion: str) -> None:
    """The customer says whether it was meant; dots that a carrier issued are not touched, and no trap is suggested."""
    reading = read(text)
    assert reading.address is None
    assert SYNTAX in reading.reasons
    assert reading.suggestions == (suggestion,)


@pytest.mark.parametrize(
    ("text", "suggestions"),
    [
        ("山田@docomo.ne.jp", ()),
        ("ﾔﾏﾀﾞ@docomo.ne.jp", ()),
        ("taro。yamada@docomo.ne.jp", ("taro.yamada@docomo.ne.jp",)),
        ("taroー1@docomo.ne.jp", ("taro-1@docomo.ne.jp",)),
        ("taro−1@docomo.ne.jp", ("taro-1@docomo.ne.jp",)),
        ("taro‐1@docomo.ne.jp", ("taro-1@docomo.ne.jp",)),
        ("\u212aen@docomo.ne.jp", ()),
        ("o\ufb00ice@docomo.ne.jp", ()),
        ("tаro@docomo.ne.jp", ()),
    ],
)
def test_letters_outside_ascii_before_the_at_are_refused_and_never_folded(
    text: str, suggestions: tuple[str, ...]
) -> None:
    """Folding would make one mailbox of two (RELIABILITY A32): a Kelvin sign is no k, a Cyrillic а no a."""
    reading = read(text)
    assert reading.address is None
    assert reading.reasons[0] == SMTPUTF8
    assert reading.suggestions == suggestions


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "taro",
        "taro@",
        "@docomo.ne.jp",
        "docomo.ne.jp",
        "taro@localhost",
        "taro@[192.0.2.1]",
        "taro@[IPv6:2001:db8::1]",
        "taro@192.0.2.1",
        "taro@a_b.jp",
        "taro@xn--a.jp",
        "taro@㏕.jp",
        "taro@℀.jp",
        "taro@kаisha.co.jp",
        f"{'a' * 65}@docomo.ne.jp",
        f"taro@{'a' * 64}.jp",
        f"taro@{'a.' * 125}jp",
        "x@y.test <v@b.test>",
        "taro@docomo.ne.jp,hanako@docomo.ne.jp",
        "taro@docomo.ne.jp\n山田太郎",
        "taro@docomo.ne.jp>\r\nRCPT TO:<x@y.jp",
        "taro(x)@docomo.ne.jp",
        "taro\x00@docomo.ne.jp",
        "taro@docomo.ne.jp hanako",
        "山田",
        "@" * 1000,
        "a," * 100_000,
    ],
)
def test_text_that_is_no_address_is_refused_without_a_guess(text: str) -> None:
    """Lone hosts, address literals, lengths, two addresses, and what has no meaning at all."""
    reading = read(text)
    assert reading.address is None
    assert (reading.reasons, reading.suggestions) == ((SYNTAX,), ())


def test_long_text_is_refused_without_looking_for_what_was_meant() -> None:
    """Nobody types so much by mistake, and looking takes time."""
    assert read("taro@docomo,ne,jp").suggestions
    assert not read("taro@docomo,ne,jp".rjust(MENDED_MAX + 1, "a")).suggestions
