"""Destinations: which site a mail exchanger belongs to, how each wants to be treated, what a company may change."""

import asyncio
import re
import time
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from mailsvc.delivery import destinations
from mailsvc.delivery.back_off import wants_less
from mailsvc.delivery.destinations import (
    BACK_OFF_MAX,
    BACK_OFF_MIN,
    CROWDED,
    FIRST,
    RECOVERY,
    Destination,
    Destinations,
    Profile,
    ProfileError,
    load_profiles,
)
from mailsvc.delivery.handed import Handed
from mailsvc.delivery.session import Ended, Kind
from mailsvc.delivery.shares import Shares, Standing
from mailsvc.domain.reply import Reply, Stage
from mailsvc.feedback import rules

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "destinations.md"
OURS = """
[default]
connections = 7
mails = 8
idle = 9

[[profile]]
name = "gmail"
sites = ["google.com"]
connections = 1
mails = 2
idle = 3.5

[[profile]]
name = "provider"
sites = ["provider.example"]
connections = 4
mails = 5
idle = 6
"""


@pytest.mark.parametrize(
    ("host", "site", "profile"),
    [
        ("mfsmax.docomo.ne.jp", "docomo.ne.jp", "docomo"),
        ("MFSMAX.DOCOMO.NE.JP", "docomo.ne.jp", "docomo"),
        ("lsean.ezweb.ne.jp", "ezweb.ne.jp", "au"),
        ("mx.au.com", "au.com", "au"),
        ("mx.softbank.ne.jp", "softbank.ne.jp", "softbank"),
        ("mx.i.softbank.jp", "softbank.jp", "softbank"),
        ("mx.ymobile.ne.jp", "ymobile.ne.jp", "ymobile"),
        ("mx.y-mobile.ne.jp", "y-mobile.ne.jp", "ymobile"),
        ("mx5.mail.yahoo.co.jp", "yahoo.co.jp", "yahoo_japan"),
        ("gmail-smtp-in.l.google.com", "google.com", "gmail"),
        ("aspmx2.googlemail.com", "googlemail.com", "gmail"),
        ("outlook-com.olc.protection.outlook.com", "outlook.com", "outlook"),
        ("company-example.mail.protection.outlook.com", "outlook.com", "outlook"),
        ("mx01.mail.icloud.com", "icloud.com", "icloud"),
        ("mx.company.example", "company.example", "default"),
        ("mx.docomo.ne.jp.example", "jp.example", "default"),
        ("notdocomo.ne.jp", "notdocomo.ne.jp", "default"),
        ("ne.jp", "ne.jp", "default"),
        ("localhost", "localhost", "default"),
    ],
)
def test_exchanger_belongs_to_the_site_of_its_registrable_domain(host: str, site: str, profile: str) -> None:
    """However many domains point at it, a mail exchanger is one destination, with the profile of its site."""
    destination = Destinations(load_profiles()).of(host)
    assert (destination.name, destination.profile.name) == (site, profile)


def test_every_shipped_profile_belongs_to_a_site_of_its_own() -> None:
    """The recipients named by the issue have a profile each; no site is in two, and none asks for a burst."""
    profiles = load_profiles()
    assert [profile.name for profile in profiles] == [
        "docomo", "au", "softbank", "ymobile", "yahoo_japan", "gmail", "outlook", "icloud", "default",
    ]  # fmt: skip
    sites = [site for profile in profiles for site in profile.sites]
    assert len(sites) == len(set(sites))
    assert all(profile.sites for profile in profiles[:-1])
    assert all(profile.connections <= 30 and profile.mails <= 100 and profile.idle <= 10 for profile in profiles)


def test_documentation_lists_the_shipped_profiles() -> None:
    """The table in the reference is what the file says, in its order, the default last."""
    shipped = tomllib.loads((resources.files(destinations.__package__) / "profiles.toml").read_text("utf-8"))
    everything = [*shipped["profile"], {"name": "default", "sites": ["everything else"], **shipped["default"]}]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (\d+) \| (\d+) \| (\d+) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert rows == [
        (entry["name"], ", ".join(entry["sites"]), *(str(entry[key]) for key in ("connections", "mails", "idle")))
        for entry in everything
    ]


def test_profiles_of_a_company_stand_in_front(tmp_path: Path) -> None:
    """A company's file replaces the default, overrides a shipped profile site by site, and adds its own."""
    file = tmp_path / "profiles.toml"
    file.write_text(OURS)
    found = Destinations(load_profiles(file))
    assert found.of("mx.google.com").profile == Profile("gmail", ("google.com",), 1, 2, 3.5)
    assert found.of("mx.googlemail.com").profile.connections == 20
    assert found.of("mx.provider.example").profile.name == "provider"
    assert found.of("mx.docomo.ne.jp").profile.connections == 10
    assert found.of("mx.company.example").profile == Profile("default", (), 7, 8, 9)
    assert found.of("mx.google.com").places.limit == 1
    assert found.of("mx.docomo.ne.jp").places.limit == FIRST


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("idle = 6\n", ""), "profile provider must have connections, idle, mails, name, sites"),
        (("idle = 6", "idle = 6\nretries = 1"), "profile provider must have connections, idle, mails, name, sites"),
        (('name = "provider"\n', ""), "profile ? must have connections, idle, mails, name, sites"),
        (("connections = 4", "connections = 0"), "profile provider: connections and mails must be whole numbers"),
        (("connections = 4", "connections = 4.5"), "profile provider: connections and mails must be whole numbers"),
        (("connections = 4", "connections = true"), "profile provider: connections and mails must be whole numbers"),
        (("mails = 5", 'mails = "5"'), "profile provider: connections and mails must be whole numbers"),
        (("idle = 6", "idle = nan"), "profile provider: idle must be a number of seconds from 1 to 300"),
        (("idle = 6", "idle = 301"), "profile provider: idle must be a number of seconds from 1 to 300"),
        (('["provider.example"]', '"provider.example"'), "profile provider: sites must be a list of registrable"),
        (('["provider.example"]', '["mx.provider.example"]'), "profile provider: sites must be a list of registrable"),
        (('["provider.example"]', '["Provider.example"]'), "profile provider: sites must be a list of registrable"),
        (('["provider.example"]', "[1]"), "profile provider: sites must be a list of registrable"),
        (("connections = 7", "connections = -1"), "profile default: connections and mails must be whole numbers"),
        (("connections = 7\n", ""), "profile default must have"),
        (("[[profile]]", "[[profiles]]"), "found default, profiles, expected the tables [default] and [[profile]]"),
        ((OURS, "[profile]\nname = 'x'"), "found profile, expected the tables"),
        ((OURS, "profile = [1]"), "found profile, expected the tables"),
        ((OURS, "default = 20"), "found default, expected the tables"),
        (("connections = 7", "connections = seven"), "Invalid value (at line 3, column 15)"),
        ((OURS, None), "No such file or directory"),
    ],
)
def test_file_that_cannot_be_used_is_told_in_one_line(
    tmp_path: Path, change: tuple[str, str | None], problem: str
) -> None:
    """The error names the file, the profile and what is expected there."""
    file = tmp_path / "profiles.toml"
    was, now = change
    if now is not None:
        assert was in OURS
        file.write_text(OURS.replace(was, now))
    with pytest.raises(ProfileError) as caught:
        load_profiles(file)
    assert str(file) in str(caught.value)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def _destination(connections: int = 20) -> Destination:
    return Destination("site.example", Profile("p", (), connections, 100, 10.0))


def test_back_off_doubles_while_it_goes_on_and_ends_after_enough_success(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each "slow down" after the last wait doubles the next, up to a minute, until ten sessions in a row go well."""
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    destination, waits = _destination(), []
    for _ in range(7):
        destination.slow_down()
        waits.append(destination.wait())
        now += destination.wait()
    assert waits == [BACK_OFF_MIN, 6.0, 12.0, 24.0, 48.0, BACK_OFF_MAX, BACK_OFF_MAX]
    assert destination.places.limit == 1
    for _ in range(RECOVERY):
        assert destination.places.limit == 1
        destination.went_well()
    assert destination.places.limit == 2
    destination.slow_down()
    assert destination.wait() == BACK_OFF_MIN


def test_many_who_hear_slow_down_at_once_are_one_step() -> None:
    """The sessions that were under way all hear the same."""
    destination = _destination()
    for _ in range(5):
        destination.slow_down()
    assert destination.places.limit == FIRST // 2
    assert destination.wait() <= BACK_OFF_MIN


def test_trouble_halves_the_sessions_and_success_adds_one_up_to_the_profile() -> None:
    """An unknown destination is in good standing once a session goes well, until one leads nowhere."""
    destination = _destination(connections=5)
    assert (destination.places.limit, destination.standing) == (FIRST, Standing.NEW)
    for _ in range(5):
        destination.went_well()
    assert (destination.places.limit, destination.standing) == (5, Standing.GOOD)
    destination.led_nowhere()
    assert (destination.places.limit, destination.standing) == (2, Standing.FAILING)
    destination.went_well()
    assert (destination.places.limit, destination.standing) == (3, Standing.GOOD)
    for _ in range(5):
        destination.led_nowhere()
    assert destination.places.limit == 1


def test_site_of_a_profile_is_trusted_from_the_beginning() -> None:
    """The carriers' sessions are not among those that unknown destinations share."""
    found = Destinations(load_profiles())
    carrier, unknown = found.of("mfsmax.docomo.ne.jp"), found.of("mx.company.example")
    assert (carrier.standing, unknown.standing) == (Standing.GOOD, Standing.NEW)


async def test_site_not_heard_of_has_one_session_while_others_that_may_hang_hold_many() -> None:
    """It has as many as any other before and after that, and once it has said something about a mail."""
    shares, by, destination, limits = Shares(8), asyncio.get_running_loop().time() + 60, _destination(), []

    async def look() -> None:
        async with destination.place(by, shares):
            limits.append(destination.places.limit)

    async with shares.at(Standing.NEW, by):
        await look()
        async with shares.at(Standing.FAILING, by):
            await look()
            destination.answered()
            await look()
    assert limits == [FIRST, CROWDED, FIRST]


def test_word_that_is_no_acceptance_restores_the_standing_and_allows_no_more() -> None:
    """A site that defers or refuses is alive, but not asking for more."""
    destination = _destination()
    destination.led_nowhere()
    limit = destination.places.limit
    destination.answered()
    assert (destination.places.limit, destination.standing) == (limit, Standing.GOOD)


async def test_who_was_given_a_place_asks_again_whether_a_session_is_welcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that wait when a site says "slow down" one comes when the wait is over; one without time, at once."""
    monkeypatch.setattr(destinations, "BACK_OFF_MIN", 0.2)
    destination, came, loop, shares = _destination(connections=1), [], asyncio.get_running_loop(), Shares(8)

    async def come(name: str, life: float) -> None:
        async with destination.place(loop.time() + life, shares):
            came.append(name)

    async with destination.place(loop.time() + 60, shares):
        waiting = [asyncio.create_task(come(name, life)) for name, life in (("later", 60), ("last chance", 15))]
        await asyncio.sleep(0)
        destination.slow_down()
    begun = loop.time()
    await waiting[1]
    assert came == ["last chance"]
    await waiting[0]
    assert loop.time() - begun >= 0.15


@pytest.mark.parametrize(
    ("lines", "stage", "less"),
    [
        (("421", "4.3.2 closing"), Stage.BANNER, True),
        (("450", "4.7.1 rate limit exceeded"), Stage.RCPT, True),
        (("452", "4.5.3 too many messages"), Stage.MAIL, True),
        (("550", "5.7.1 too many connections"), Stage.BANNER, True),
        (("450", "4.2.1 too many messages for that user"), Stage.RCPT, False),
        (("450", "4.2.0 Greylisted"), Stage.RCPT, False),
        (("550", "5.1.1 unknown"), Stage.RCPT, False),
    ],
)
def test_site_wants_less_of_us(lines: tuple[str, str], stage: Stage, less: bool) -> None:  # noqa: FBT001
    """A 421 says so, and words about our rate under any code; not how fast one mailbox may be written to."""
    code, text = lines
    reply = Reply(int(code), (text,))
    ended = Ended(kind=Kind.of(reply), stage=stage, reply=reply, text=reply.text)
    handed = Handed(ended=ended, begun=0.0, host="mx.site.example")
    assert wants_less(handed, rules.load().verdict) is less


async def test_idle_destinations_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, but what is in use, or waited for, is kept."""
    monkeypatch.setattr(destinations, "SIZE", 3)
    found = Destinations(load_profiles())
    busy = found.of("mx.busy.example")
    async with busy.places.at(float("inf")):
        for number in range(10):
            found.of(f"mx.site{number}.example")
        assert found.of("mx.busy.example") is busy
        assert len(found._known) <= 4
