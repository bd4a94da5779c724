"""Where settings are stated, and the rules between them."""

import socket
from pathlib import Path

import pytest

from mailsvc.settings import Endpoint, Mode, Rate, RouteKind, load_settings
from mailsvc.settings.source import DEFINITIONS
from tests.support.settings import KEY_TEXT, PRODUCTION, error_of


def toml(folder: Path, text: str) -> dict[str, str]:
    """Write a settings file and return the environment that names it."""
    path = folder / "mailsvc.toml"
    path.write_text(text, encoding="utf-8")
    return {"MAILSVC_CONFIG": str(path)}


def without(name: str) -> dict[str, str]:
    """Return the production settings without one."""
    return {each: text for each, text in PRODUCTION.items() if each != f"MAILSVC_{name}"}


def test_nothing_set_development_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With nothing set a development service listens on loopback and captures its mail in ./var."""
    monkeypatch.chdir(tmp_path)
    settings = load_settings({})
    assert settings.mode is Mode.DEVELOPMENT
    assert settings.route.kind is RouteKind.CAPTURE
    assert settings.http == Endpoint("127.0.0.1", 8080)
    assert settings.receiver == ("127.0.0.1", 2525)
    assert settings.database_url == f"sqlite:///{tmp_path}/var/mailsvc.db"
    assert settings.dkim_dir == tmp_path / "var" / "dkim"
    assert settings.rate_per_address == (Rate(3, 30.0), Rate(8, 600.0), Rate(60, 86400.0))
    assert settings.keep_messages == 90 * 86400.0
    assert list(tmp_path.iterdir()) == []


def test_production_complete_taken() -> None:
    """A production that states everything starts, its domains in lower case."""
    settings = load_settings(PRODUCTION)
    assert settings.sender_domain == settings.bounce_domain == "mail.example.com"
    assert settings.sender.wire == "no-reply@Mail.Example.com"


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name not in ("MAILSVC_MODE", "MAILSVC_HELO")])
def test_production_value_missing_refused(name: str) -> None:
    """Production starts with none of its required values missing, and takes no development value instead."""
    message = error_of(without(name.removeprefix("MAILSVC_")))
    assert message.startswith(f"{name}: found nothing, expected ")
    assert "production" in message


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        (PRODUCTION | {"MAILSVC_ROUTE": "capture"}, "ROUTE"),
        (PRODUCTION | {"MAILSVC_FALLBACK_ROUTE": "capture"}, "FALLBACK_ROUTE"),
        (PRODUCTION | {"MAILSVC_HTTP": "0.0.0.0:8080"}, "HTTP"),
        (PRODUCTION | {"MAILSVC_HTTP": "[::]:8080"}, "HTTP"),
        ({"MAILSVC_ROUTE": "mx"}, "ROUTE"),
        ({"MAILSVC_FALLBACK_ROUTE": "mx"}, "FALLBACK_ROUTE"),
        ({"MAILSVC_REDIS_URL": "redis://127.0.0.1:6379"}, "MODE"),
        ({"MAILSVC_DATABASE_URL": "postgresql://127.0.0.1/mail"}, "MODE"),
        (without("HTTP") | {"MAILSVC_MODE": ""}, "MODE"),
    ],
)
def test_values_together_wrong_refused(environ: dict[str, str], name: str) -> None:
    """Values that are right alone and wrong together are refused in one line."""
    assert error_of(environ).startswith(f"MAILSVC_{name}: ")


@pytest.mark.parametrize(
    "environ",
    [
        PRODUCTION | {"MAILSVC_HTTP": "0.0.0.0:8080", "MAILSVC_HTTP_BEHIND_PROXY": "true"},
        PRODUCTION | {"MAILSVC_HTTP": "[::1]:8080"},
        PRODUCTION | {"MAILSVC_API_KEY": "x" * 20},
        {"MAILSVC_HTTP": "0.0.0.0:8080"},
        {"MAILSVC_ROUTE": "mx", "MAILSVC_DNS": "127.0.0.1:5353"},
        {"MAILSVC_MODE": "development", "MAILSVC_REDIS_URL": "redis://127.0.0.1:6379"},
        {"MAILSVC_MODE": "development", "MAILSVC_DATABASE_URL": "postgresql://127.0.0.1/mail"},
    ],
)
def test_values_together_right_taken(environ: dict[str, str]) -> None:
    """The same values are taken where what they need is stated too."""
    assert load_settings(environ)


def test_machine_name_unusable_development_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose name cannot stand in EHLO may develop, but production has to state a name."""
    monkeypatch.setattr(socket, "gethostname", lambda: "my_machine")
    assert load_settings({}).helo == "localhost"
    assert error_of(without("HELO")).startswith("MAILSVC_HELO: ")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("ROUT", "ROUTE"),
        ("FALBACK_ROUTE", "FALLBACK_ROUTE"),
        ("DATABASE", "DATABASE_URL"),
        ("KEEP_MESSAGE", "KEEP_MESSAGES"),
    ],
)
def test_unknown_name_nearest_known_named(tmp_path: Path, name: str, nearest: str) -> None:
    """An unknown name, in the environment or the file, is refused with the nearest known one, without its value."""
    for environ in ({f"MAILSVC_{name}": "geheim"}, toml(tmp_path, f'{name.lower()} = "geheim"')):
        message = error_of(environ)
        assert message.startswith(f"MAILSVC_{name}: ")
        assert f"expected MAILSVC_{nearest}," in message
        assert "geheim" not in message


@pytest.mark.parametrize("name", ["MAILSVC_route", "MAILSVC_Route", "MAILSVC_routes"])
def test_name_in_lower_case_nearest_known_named(name: str) -> None:
    """A name in other letters is not known, and the one that was meant is found whatever their case."""
    assert (
        error_of({name: "mx"})
        == f"{name}: found a name that is not known, expected MAILSVC_ROUTE, the nearest known one"
    )


def test_names_of_others_ignored() -> None:
    """Variables without the prefix are nobody's business here."""
    assert load_settings({"PATH": "/bin", "MAILPIT_URL": "http://127.0.0.1:8025"}) == load_settings({})


def test_environment_wins_over_file(tmp_path: Path) -> None:
    """What both state is the environment's; the rest is the file's."""
    settings = load_settings(toml(tmp_path, 'log = "debug"\nmx_port = 2525') | {"MAILSVC_LOG": "error"})
    assert (settings.log, settings.mx_port) == ("error", 2525)


def test_file_native_types_taken(tmp_path: Path) -> None:
    """A file may state numbers, truth values and lists as TOML does."""
    settings = load_settings(
        toml(
            tmp_path,
            f"""
            mx_port = 2525
            allow_private_mx = true
            source_addresses = ["127.0.0.1", "::1"]
            secret_keys = ["{KEY_TEXT}"]
            rate_per_address = []
            [[webhooks]]
            url = "http://localhost:9/hook"
            secret = "whsec_{KEY_TEXT}"
            """,
        )
    )
    assert settings.mx_port == 2525
    assert settings.allow_private_mx
    assert settings.source_addresses == ("127.0.0.1", "::1")
    assert len(settings.secret_keys) == 1
    assert settings.rate_per_address == ()
    assert settings.webhooks[0].url == "http://localhost:9/hook"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("mode = 1", "a number"),
        ("http = 8080", "a number"),
        ("mx_port = true", "true or false"),
        ("mx_port = 25.0", "a float"),
        ("allow_private_mx = 1", "a number"),
        ('sender = ["a@example.jp"]', "a list"),
        ("keep_events = 30", "a number"),
        ("log = 2026-11-23", "a date"),
        ('route = {kind = "mx"}', "a dict"),
    ],
)
def test_file_wrong_type_refused(tmp_path: Path, line: str, found: str) -> None:
    """A value of another TOML type is refused; the line names variable, type and file."""
    name, message = line.split(maxsplit=1)[0].upper(), error_of(toml(tmp_path, line))
    assert message.startswith(f"MAILSVC_{name}: found {found} in {tmp_path}/mailsvc.toml, expected ")


def test_file_wrong_value_names_file(tmp_path: Path) -> None:
    """A wrong value in the file is refused like one in the environment, and says where it stands."""
    assert f"found 'loud' in {tmp_path}/mailsvc.toml, " in error_of(toml(tmp_path, 'log = "loud"'))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"api_key = geheim", "no TOML at line 1"), (b'log = "\xff"', "not UTF-8"), (b'"a\\nb" = 1', "not known")],
)
def test_file_unreadable_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """A file that is no TOML of settings is refused in one line that shows nothing of it."""
    path = tmp_path / "mailsvc.toml"
    path.write_bytes(content)
    message = error_of({"MAILSVC_CONFIG": str(path)})
    assert words in message
    assert "geheim" not in message


def test_file_missing_refused(tmp_path: Path) -> None:
    """A settings file that is not there is an error, never an empty one."""
    assert "No such file" in error_of({"MAILSVC_CONFIG": str(tmp_path / "none.toml")})


def test_config_named_in_file_refused(tmp_path: Path) -> None:
    """The file cannot name another file."""
    assert error_of(toml(tmp_path, 'config = "x"')).startswith("MAILSVC_CONFIG: found a name that is not known in ")


def test_reference_page_lists_every_setting() -> None:
    """docs/reference/configuration.md has one row for every setting with its default, and no other row."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
    rows = [line.split("|") for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| `MAILSVC_")]
    documented = {row[1].strip(" `"): row[2].strip(" `") for row in rows}
    assert list(documented) == ["MAILSVC_CONFIG", *(f"MAILSVC_{name.upper()}" for name in DEFINITIONS)]
    for name, definition in DEFINITIONS.items():
        default = definition.default or definition.development
        assert default is None or documented[f"MAILSVC_{name.upper()}"].startswith(default)
