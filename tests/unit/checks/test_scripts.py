"""Labels of domains that mix scripts are spoofs; those that people write are not."""

import pytest

from mailsvc.checks.address import parse_recipient
from mailsvc.checks.scripts import is_of_one_script
from mailsvc.domain.address import AddressError

WRITTEN = """
docomo 日本語 例え ドコモ ドコモshop 東京ぴあ2号 コーヒー らーめん 々木 faß münchen почта παράδειγμα
한국어 한국tv 中文网 العربية ไทย हिन्दी 1-2
"""


@pytest.mark.parametrize("label", [*WRITTEN.split(), ""])
def test_script_that_people_write_is_taken(label: str) -> None:
    """One script, or the ones of Japanese, Chinese or Korean together with Latin letters."""
    assert is_of_one_script(label)


@pytest.mark.parametrize(
    "label",
    [
        "dоcomo",
        "аu",
        "gmаil",
        "αpple",
        "日本а",
        "ひらがな한국",
        "yーmobile",
        "so-ーnet",
        "ーa",
        "日ー",
        "почтa",
        "tесt",
    ],
)
def test_mixture_of_scripts_is_refused(label: str) -> None:
    """A Cyrillic о among Latin letters, and the long-vowel mark where a hyphen is meant."""
    assert not is_of_one_script(label)


@pytest.mark.parametrize("domain", ["dоcomo.ne.jp", "xn--dcomo-jye.ne.jp", "docomo.аu.com", "XN--DCOMO-JYE.ne.jp"])
def test_spoof_is_no_recipient_however_it_is_written(domain: str) -> None:
    """Neither in Unicode nor as the A-label that says the same."""
    with pytest.raises(AddressError, match="several scripts"):
        parse_recipient(f"taro@{domain}")
