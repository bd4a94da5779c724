"""What the battery's judge finds wrong: each kind of fault is named, and a good arrival is not."""

import pytest

from tests.scenarios.battery.play import Played, Sent, problems
from tests.scenarios.battery.site import Site
from tests.scenarios.battery.story import Story
from tests.support.smtp_peer import Mail

TO = "code0@story.example"
MAIL = b"From: a@b.example\r\n\r\n042917\r\n.\r\n"


def _played(*seconds: float, within: float | None, copies: int = 1, raw: bytes = MAIL) -> tuple[Played, Sent]:
    """Return a story of 300 s in which copies of one code were taken so many seconds after its submit at 1000."""
    site = Site(domain="story.example", network="127.1.1", port=25, zone={})
    peer = site.host()
    for after in seconds:
        rcpt = f"RCPT TO:<{TO}>\r\n".encode()
        peer.mails.append(Mail(b"MAIL FROM:<>\r\n", rcpt, raw, 1000.0 + after, 1, tls=False, stored=True))
    story = Story(name="story", plan=lambda _: None, within=within, copies=copies)
    code = Sent(TO, "msg", 1000.0)
    return Played(story, site, 1000.0, [code]), code


@pytest.mark.parametrize(
    ("seconds", "within", "copies", "found"),
    [
        ((4.0,), 5.0, 1, []),
        ((4.0, 5.0), 5.0, 2, []),
        ((), None, 1, []),
        ((), 5.0, 1, ["never arrived"]),
        ((6.0,), 5.0, 1, ["arrived after 6.0 s, not within 5 s"]),
        ((6.0,), None, 1, ["arrived after 6.0 s, and no try should have been taken"]),
        ((4.0, 5.0), 5.0, 1, ["arrived 2 times"]),
        ((279.0,), 300.0, 1, []),
        ((281.0,), 300.0, 1, ["was handed over dead"]),
        ((4.0, 310.0), 5.0, 2, ["was handed over dead"]),
    ],
)
def test_judge_names_what_is_wrong(
    seconds: tuple[float, ...], within: float | None, copies: int, found: list[str]
) -> None:
    """An arrival is in time, alive and counted, or the judge says what it is not."""
    assert list(problems(*_played(*seconds, within=within, copies=copies))) == found


def test_lone_dot_is_no_arrival() -> None:
    """What a pipelining sender writes after a refused recipient is not a mail."""
    assert list(problems(*_played(4.0, within=5.0, raw=b".\r\n"))) == ["never arrived"]
