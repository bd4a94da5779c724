"""When a site is taken to let codes vanish, and when the reports are missing (issue 5.3)."""

import itertools
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsvc.domain import discard
from mailsvc.domain.discard import (
    ALARM,
    ALONE,
    ASKED,
    HALF_LIFE,
    KNOWN_BY,
    KNOWN_FOR,
    PATIENCE,
    RECENT,
    Code,
    Reports,
    Site,
    Turn,
    Verdict,
    accuse,
    ask,
    hear,
    verdict,
)
from tests.support.domain import NOW

_NAMES = itertools.count()


def code(*, used: bool, at: float = NOW, recipient: str | None = None) -> Code:
    """Return a code, to a recipient of its own."""
    return Code(at, used, recipient or f"r{next(_NAMES)}")


def site(share: float = 0.9, sent: float = 1000.0, known_for: float = 30 * KNOWN_FOR, name: str = "a") -> Site:
    """Return a site that is known."""
    return Site(destination=name, known_since=NOW - known_for, at=NOW, sent=sent, used=sent * share)


def heard(place: Site, fates: Sequence[bool], reports: Reports | None = None, *, at: float = NOW) -> list[Turn]:
    """Have a site take codes, one a second; return what they brought about."""
    reports = reports or Reports(deaf_until=0.0)
    turns = (hear(reports, place, code(used=used, at=at + second)) for second, used in enumerate(fates))
    return [turn for turn in turns if turn]


def until_alarm(place: Site, fates: Sequence[bool]) -> int | None:
    """Return how many codes of a repeated pattern bring an alarm, None where a thousand do not."""
    for number, used in enumerate(itertools.islice(itertools.cycle(fates), 1000), start=1):
        if hear(Reports(deaf_until=0.0), place, code(used=used, at=NOW + number)) is Turn.SUSPECT:
            return number
    return None


LOST, GOOD = [False], [True] * 9 + [False]


@pytest.mark.parametrize(
    ("usual", "fates", "expected"),
    [
        (0.9, LOST, 16),
        (0.95, LOST, 14),
        (1.0, LOST, 14),  # never fewer, however good the site
        (0.5, LOST, 68),
        (0.9, [True, False], 56),  # half of the codes
        (0.9, [True, True, True, False, False], 115),  # a third
        (0.9, GOOD, None),
        (0.9, [True] * 4 + [False], None),  # a ninth
        (0.25, LOST, 188),
        (0.19, LOST, None),  # seldom reported: not watched
        (0.0, LOST, None),
    ],
)
def test_fall_below_the_usual_share_is_an_alarm(usual: float, fates: Sequence[bool], expected: int | None) -> None:
    """The further a site falls and the better it was, the fewer codes it takes; a ninth less is none."""
    assert until_alarm(site(usual), fates) == expected


@pytest.mark.parametrize(
    ("sent", "known_for", "expected"),
    [
        (KNOWN_BY + 0.1, KNOWN_FOR, True),
        (KNOWN_BY - 0.1, KNOWN_FOR, False),
        (10_000, KNOWN_FOR - 1, False),
    ],
)
def test_new_site_is_not_watched(sent: float, known_for: float, *, expected: bool) -> None:
    """A site is watched from its hundredth code and second day on."""
    place = site(sent=sent, known_for=known_for)
    place.known_since = NOW - known_for
    assert place.watched is expected


def test_one_customer_is_not_the_site() -> None:
    """A recipient that uses none of its codes counts once, until others have had theirs."""
    place = site()
    for second in range(100):
        assert hear(Reports(deaf_until=0.0), place, code(used=False, at=NOW + second, recipient="r")) is None
    assert (place.episode_sent, round(place.sent)) == (1, 1001)
    heard(place, [True] * RECENT)
    hear(Reports(deaf_until=0.0), place, code(used=False, recipient="r"))
    assert round(place.sent) == 1001 + RECENT + 1


def test_alarm_is_one_until_the_codes_are_used_again() -> None:
    """Raised once, kept through a mixed time, cleared once; the counts are those of the whole time."""
    place, others, reports = site(), [site(name="b")], Reports(deaf_until=0.0)
    assert Turn.SUSPECT in heard(place, LOST * 20)
    heard(others[0], GOOD)
    assert accuse(reports, place, others, NOW + 400)
    assert (place.raised_at, place.episode_sent, place.episode_used) == (NOW + 400, 20, 0)
    assert heard(place, [True, False] * 20, at=NOW + 100) == []
    assert heard(place, GOOD * 10, at=NOW + 200) == [Turn.CLEARED]
    assert place.raised_at is None
    assert heard(place, GOOD * 10, at=NOW + 400) == []


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        (LOST * 20, [GOOD], Verdict.DISCARD),
        (LOST * 20, [[True] * 4], Verdict.UNSURE),
        (LOST * 20, [[True] * 5], Verdict.DISCARD),
        (LOST * 20, [], Verdict.UNSURE),
        (LOST * 20, [LOST * 2], Verdict.UNSURE),  # no sooner than after five minutes
        (LOST * 320, [LOST * 2], Verdict.NO_REPORTS),
        (LOST * 320, [LOST * 320, LOST * 9], Verdict.NO_REPORTS),
        (LOST * 320, [LOST * 320, GOOD, GOOD], Verdict.DISCARD),  # another one fell as well, most did not
        (LOST * 320, [], Verdict.NO_REPORTS),  # alone, and nothing is reported
        ([False, False, True] * 107, [], Verdict.DISCARD),  # alone, but some are
        (LOST * 320, [[True]], Verdict.DISCARD),  # something is reported elsewhere
    ],
)
def test_other_sites_tell_discard_from_missing_reports(
    own: Sequence[bool], others: Sequence[Sequence[bool]], expected: Verdict
) -> None:
    """Where the others fall too nobody reports; where they do not, the site lets its codes vanish."""
    place, rest = site(), [site(name=f"other{number}") for number in range(len(others))]
    heard(place, own)
    for other, fates in zip(rest, others, strict=True):
        heard(other, fates)
    assert verdict(place, rest) is expected


def test_what_other_sites_took_before_the_fall_says_nothing() -> None:
    """Codes used before reports stopped are no sign that reports come."""
    place, other = site(), site(name="b")
    heard(other, [True] * RECENT, at=NOW - 1000)
    heard(place, LOST * 320)
    heard(other, LOST * 10)
    assert verdict(place, [other]) is Verdict.NO_REPORTS


def test_missing_reports_raise_and_teach_nothing() -> None:
    """While nobody reports, no site is accused and no usual share moves; it ends when the sites are as they were."""
    reports, places = Reports(deaf_until=0.0), [site(name=name) for name in "abc"]
    for place in places:
        heard(place, LOST * 320, reports)
    usual = [place.usual for place in places]
    assert not accuse(reports, places[0], places[1:], NOW + 600)
    assert reports.missing_since == NOW
    for place in places:
        assert heard(place, LOST * 100, reports, at=NOW + 600) == []
    ask(reports, places, NOW + 600 + ASKED)
    assert [place.usual for place in places] == pytest.approx(usual)
    assert reports.missing_since == NOW
    for place in places:
        heard(place, GOOD * 3, reports, at=NOW + 1200)
    ask(reports, places, NOW + 1200 + ASKED)
    assert (reports.missing_since, reports.deaf_until) == (None, NOW + 1200 + ASKED)
    later = reports.deaf_until + 1
    for place in places:
        assert heard(place, [False, True] * 3, reports, at=later) == []
        assert place.began >= later  # what spoke against it before does not count any more


def test_codes_whose_use_nobody_could_report_are_not_heard() -> None:
    """What was accepted while the service was away neither accuses nor teaches."""
    place = site()
    heard(place, LOST * 100, Reports(deaf_until=NOW + 1000))
    assert (place.sent, place.evidence) == (1000, 0)


def test_usual_share_follows_within_weeks() -> None:
    """After a week old codes count half."""
    place = site(0.9, sent=100)
    heard(place, LOST * 100, at=NOW + HALF_LIFE)
    assert place.usual == pytest.approx(45 / 150, abs=0.001)


@given(st.lists(st.booleans(), max_size=13), st.floats(0, 1))
def test_few_codes_are_never_an_alarm(fates: list[bool], share: float) -> None:
    """Whatever becomes of thirteen codes, nobody is accused."""
    assert Turn.SUSPECT not in heard(site(share), fates)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.integers(0, 40)), max_size=400))
def test_invariants_hold_whatever_comes(codes: list[tuple[str, bool, int]]) -> None:
    """Evidence stays in its bounds, an alarm never stands without a raise before, counts never exceed each other."""
    places, reports = {name: site(name=name) for name in "abc"}, Reports(deaf_until=0.0)
    for second, (name, used, recipient) in enumerate(codes):
        place = places[name]
        turn = hear(reports, place, code(used=used, at=NOW + second, recipient=str(recipient)))
        assert turn is not Turn.SUSPECT or place.evidence >= ALARM
        if turn is Turn.SUSPECT:
            raised = accuse(reports, place, [other for other in places.values() if other is not place], NOW + second)
            assert raised is (place.raised_at is not None)
            assert not (raised and reports.missing_since is not None)
        ask(reports, places.values(), NOW + second)
        assert 0 <= place.evidence <= ALARM
        assert 0 <= place.used <= place.sent
        assert 0 <= place.episode_used <= place.episode_sent
        assert len(place.recent) <= RECENT


@settings(max_examples=15)
@given(st.integers(2, 6), st.randoms(use_true_random=False))
def test_all_sites_falling_together_accuse_none(sites: int, rng: random.Random) -> None:
    """However the traffic is spread, when no use is reported it is the reports."""
    reports = Reports(deaf_until=0.0)
    places = [site(rng.uniform(0.85, 0.95), name=str(number)) for number in range(sites)]
    weights = [rng.uniform(0.1, 1.0) for _ in places]
    for second in range(700):
        place = rng.choices(places, weights)[0]
        if hear(reports, place, code(used=False, at=NOW + second)) is Turn.SUSPECT:
            others = [other for other in places if other is not place and other.at >= place.began]
            assert not accuse(reports, place, others, NOW + second)
    assert reports.missing_since is not None


def test_constants_fit_each_other() -> None:
    """The last codes that are remembered suffice for a vote, and a site is alone only after more than that."""
    assert ALONE > RECENT
    assert PATIENCE < 600
    assert discard.JUDGED_AFTER == 330
