"""`mailsvc dkim` from outside: its output, its exit codes, and public DNS as a server on loopback."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from typer.testing import CliRunner, Result

from mailsvc.cli.dkim import app
from tests.support.settings import PRODUCTION

NAME = "_domainkey.mail.example.com"


class Zone:
    """TXT records at names, served over UDP on loopback; a name with no entry does not exist."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}  #: name -> TXT values in zone file form
        self.rcode = dns.rcode.NOERROR  #: what every answer says instead, when set
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self.socket.getsockname())

    def serve(self) -> None:
        """Answer until an empty datagram comes."""
        while True:
            packet, peer = self.socket.recvfrom(512)
            if not packet:
                return
            self.socket.sendto(self.answer(dns.message.from_wire(packet)).to_wire(), peer)

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """Return what the zone says to ``query``."""
        name = query.question[0].name
        found = self.records.get(name.to_text(omit_final_dot=True))
        response = dns.message.make_response(query)
        response.set_rcode(self.rcode or (dns.rcode.NXDOMAIN if found is None else dns.rcode.NOERROR))
        if found and not self.rcode:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *found))
        return response


@pytest.fixture
def zone() -> Iterator[Zone]:
    served = Zone()
    thread = threading.Thread(target=served.serve)
    thread.start()
    yield served
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stop:
        stop.sendto(b"", served.socket.getsockname())
    thread.join()
    served.socket.close()


@pytest.fixture
def development(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSVC_DATA_DIR", str(tmp_path))


@pytest.fixture
def production(development: None, zone: Zone, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**PRODUCTION, "MAILSVC_DNS": zone.address}.items():
        monkeypatch.setenv(name, value)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def new(algorithm: str = "ed25519-sha256") -> dict[str, str]:
    key: dict[str, str] = json.loads(run("new", "--algorithm", algorithm, "--json").stdout)
    return key


def listed() -> list[dict[str, str]]:
    keys: list[dict[str, str]] = json.loads(run("list", "--json").stdout)
    return keys


def complaint(result: Result, code: int) -> str:
    """Return the one line on stderr of a command that ended with ``code``."""
    assert result.exit_code == code
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_list_json_has_the_members_of_the_contract(development: None) -> None:
    """The list is a JSON list of objects with exactly the agreed members, empty while there is no key."""
    assert listed() == []
    key = new("rsa-sha256")
    assert listed() == [key]
    assert set(key) == {"selector", "algorithm", "name", "value", "state"}
    assert key["name"] == f"{key['selector']}._domainkey.mail.example.jp"


def test_new_key_is_rsa_and_says_what_comes_next(development: None) -> None:
    """Without options a key is RSA, and the text holds the zone line and the next command."""
    result = run("new")
    (key,) = listed()
    assert key["algorithm"] == "rsa-sha256"
    assert f'{key["name"]}. IN TXT "v=DKIM1; k=rsa; p=' in result.stdout
    assert f"mailsvc dkim activate {key['selector']}" in result.stdout


def test_list_text_shows_state_and_record_of_every_key(development: None) -> None:
    """The text names each selector with its state and the record to publish."""
    first, second = new(), new()
    run("activate", first["selector"])
    text = run("list").stdout
    assert f"{first['selector']}  ed25519-sha256  active\n{first['name']}. IN TXT" in text
    assert f"{second['selector']}  ed25519-sha256  pending\n{second['name']}. IN TXT" in text


def test_activate_in_development_asks_no_dns(development: None) -> None:
    """A development key signs at once."""
    result = run("activate", new()["selector"], "--json")
    assert (result.exit_code, json.loads(result.stdout)["state"]) == (0, "active")


def test_activate_retires_the_former_key_and_keeps_its_record(development: None) -> None:
    """The key that signed before is retired, and the text says to leave its record in DNS for a week."""
    first, second = new(), new()
    run("activate", first["selector"])
    assert "leave its DNS record for 7 days" in run("activate", second["selector"]).stdout
    assert [key["state"] for key in listed()] == ["retired", "active"]


def test_activate_in_production_takes_published_key(production: None, zone: Zone) -> None:
    """A long record, published in two strings, is read back as one, and the key signs."""
    key = new("rsa-sha256")
    zone.records[key["name"]] = [f'"{key["value"][:200]}" "{key["value"][200:]}"']
    assert run("activate", key["selector"]).exit_code == 0
    assert listed()[0]["state"] == "active"


@pytest.mark.parametrize(
    ("shown", "refusal"),
    [
        (None, "has no TXT record at"),
        ([], "has no TXT record at"),
        (['"v=DKIM1; k=ed25519; p=AAAA"'], "is not that of this key"),
        (['"v=spf1 -all"', '"x"'], "has 2 TXT records"),
    ],
)
def test_activate_in_production_refuses_unpublished_key(
    production: None, zone: Zone, shown: list[str] | None, refusal: str
) -> None:
    """No such name, no record, another key, two records: exit 1, one line, and the key stays pending."""
    key = new()
    if shown is not None:
        zone.records[key["name"]] = shown
    line = complaint(run("activate", key["selector"]), 1)
    assert line.startswith(f"mailsvc dkim: {key['selector']} stays pending: ")
    assert refusal in line
    assert listed() == [key]


def test_activate_without_answer_of_dns_is_refused(production: None, zone: Zone) -> None:
    """A resolver in trouble is no proof: exit 1 and one line that names the record asked for."""
    key = new()
    zone.rcode = dns.rcode.SERVFAIL
    assert f"DNS gave no answer about {key['name']}" in complaint(run("activate", key["selector"]), 1)
    assert listed() == [key]


def test_retire_of_the_only_rsa_key_warns(development: None) -> None:
    """The command is obeyed, and stderr says that no mail can leave now; with another key there is no warning."""
    first, second = new("rsa-sha256"), new("rsa-sha256")
    run("activate", first["selector"])
    assert run("retire", second["selector"]).stderr == ""
    result = run("retire", first["selector"])
    assert (result.exit_code, listed()[0]["state"]) == (0, "retired")
    assert "leave its DNS record for 7 days" in result.stdout
    assert "no rsa-sha256 key is active" in result.stderr


def test_retire_json_names_key_and_state(development: None) -> None:
    """The JSON form says which key is in which state now."""
    selector = new()["selector"]
    assert json.loads(run("retire", selector, "--json").stdout) == {"selector": selector, "state": "retired"}


@pytest.mark.parametrize("command", ["activate", "retire"])
def test_unknown_selector_is_wrong_use(development: None, command: str) -> None:
    """Exit 2, and one line that says where the known ones are shown."""
    assert "has no key nope; `mailsvc dkim list`" in complaint(run(command, "nope"), 2)


@pytest.mark.parametrize(
    "arguments", [["new", "--algorithm", "rsa-sha1"], ["activate"], ["retire"], ["list", "x"], ["rotate"], []]
)
def test_wrong_arguments_are_wrong_use(development: None, arguments: list[str]) -> None:
    """Unknown algorithm, missing or extra argument, unknown or no command: exit 2."""
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", [["new"], ["list"], ["activate", "x"], ["retire", "x"]])
def test_wrong_setting_is_wrong_use(development: None, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    """A setting that is wrong is reported by every command in one line, exit 2."""
    monkeypatch.setenv("MAILSVC_MODE", "live")
    assert "MAILSVC_MODE: found 'live', expected" in complaint(run(*command), 2)


def test_key_open_to_others_is_reported(development: None, tmp_path: Path) -> None:
    """A key file that others can read is one line with the command that closes it, exit 1."""
    (tmp_path / "dkim" / f"{new()['selector']}.pem").chmod(0o644)
    assert "run: chmod 600" in complaint(run("list"), 1)


def test_folder_that_cannot_be_made_is_reported(development: None, tmp_path: Path) -> None:
    """A folder that cannot be written is one line, exit 1."""
    (tmp_path / "dkim").touch()
    assert "dkim cannot be written: " in complaint(run("new"), 1)
