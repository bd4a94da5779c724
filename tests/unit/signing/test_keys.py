import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from mailsvc.signing.key import DkimKeyError, UnknownSelectorError
from mailsvc.signing.keys import KeyRing

NOW = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
DOMAIN = "mail.example.jp"


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "dkim", DOMAIN)


def new(ring: KeyRing) -> str:
    """Make an Ed25519 key: quick, and the life of a key is the same for both algorithms."""
    return ring.new("ed25519-sha256", NOW).selector


def states(ring: KeyRing) -> dict[str, str]:
    return {info.selector: info.state for info in ring.list()}


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, encryption: KeySerializationEncryption | None = None
) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


def put(ring: KeyRing, selector: str, content: bytes) -> Path:
    """Place a key file as an operator would."""
    ring.folder.mkdir(mode=0o700, exist_ok=True)
    path = ring.folder / f"{selector}.pem"
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def test_missing_folder_has_no_keys(ring: KeyRing) -> None:
    """A folder that is not there yet is an empty ring, and asking does not make it."""
    assert ring.list() == ()
    assert ring.active() == ()
    assert not ring.folder.exists()


def test_new_rsa_key_is_pending_with_its_record(ring: KeyRing) -> None:
    """A new key has a dated selector, the RFC 6376 record, and does not sign yet."""
    info = ring.new("rsa-sha256", NOW)
    assert (info.selector, info.algorithm, info.state) == ("s2611a", "rsa-sha256", "pending")
    assert info.name == "s2611a._domainkey.mail.example.jp"
    assert info.value.startswith("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0B")
    assert ring.list() == (info,)
    assert ring.active() == ()


def test_new_ed25519_key_publishes_bare_octets(ring: KeyRing) -> None:
    """The Ed25519 record holds the 32 octets of the key in base64 and nothing else (RFC 8463 4.2)."""
    info = ring.new("ed25519-sha256", NOW)
    assert info.selector == "e2611a"
    assert info.value.startswith("v=DKIM1; k=ed25519; p=")
    assert len(info.value.partition("p=")[2]) == 44


def test_record_is_that_of_openssl(ring: KeyRing) -> None:
    """The public key in the record is the one OpenSSL's own program derives from the key file."""
    info = ring.new("rsa-sha256", NOW)
    command = ["openssl", "pkey", "-in", str(ring.folder / "s2611a.pem"), "-pubout"]
    try:
        public = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        pytest.skip("openssl is absent")
    assert info.value.partition("p=")[2] == "".join(public.splitlines()[1:-1])


def test_new_files_are_the_owners_alone(ring: KeyRing) -> None:
    """Key and state files have mode 0600 in a folder of 0700, and no temporary file is left."""
    selector = new(ring)
    ring.activate(selector, published=None)
    modes = {path.name: path.stat().st_mode & 0o777 for path in ring.folder.iterdir()}
    assert modes == {f"{selector}.pem": 0o600, "states.json": 0o600}
    assert ring.folder.stat().st_mode & 0o777 == 0o700


def test_new_keys_of_a_month_take_the_next_letter(ring: KeyRing) -> None:
    """Selectors that signed are never used twice, also when the file of a retired key was removed."""
    assert [new(ring), new(ring)] == ["e2611a", "e2611b"]
    ring.retire("e2611b")
    (ring.folder / "e2611b.pem").unlink()
    assert new(ring) == "e2611c"
    assert states(ring) == {"e2611a": "pending", "e2611c": "pending"}


def test_new_key_after_the_last_letter_is_refused(ring: KeyRing) -> None:
    """After 26 keys in a month the answer is an error, not a strange selector."""
    new(ring)
    (ring.folder / "e2611a.pem").rename(ring.folder / "e2611z.pem")
    with pytest.raises(DkimKeyError, match="e2611z already; make the next one next month"):
        new(ring)


def test_new_keys_made_at_once_are_all_kept(ring: KeyRing) -> None:
    """Processes that make keys at the same moment do not overwrite each other's."""
    with ThreadPoolExecutor(8) as pool:
        selectors = list(pool.map(lambda _: new(ring), range(16)))
    assert sorted(selectors) == [info.selector for info in ring.list()] == [f"e2611{c}" for c in "abcdefghijklmnop"]


#: (steps, states after them); a step is a verb and the letter of a key
LIFE_CYCLE = [
    ([], "pending pending"),
    (["activate a"], "active pending"),
    (["activate a", "activate a"], "active pending"),
    (["activate a", "activate b"], "retired active"),
    (["activate a", "activate b", "activate a"], "active retired"),
    (["activate a", "retire a"], "retired pending"),
    (["retire a"], "retired pending"),
    (["retire a", "retire a"], "retired pending"),
    (["activate a", "retire b"], "active retired"),
]


@pytest.mark.parametrize(("steps", "after"), LIFE_CYCLE)
def test_life_cycle_steps_give_states(ring: KeyRing, steps: list[str], after: str) -> None:
    """One key of an algorithm signs at a time; the former is retired, and may come back."""
    new(ring), new(ring)
    for step in steps:
        verb, letter = step.split()
        selector = f"e2611{letter}"
        if verb == "retire":
            ring.retire(selector)
        else:
            assert ring.activate(selector, published=None).state == "active"
    assert " ".join(states(KeyRing(ring.folder, DOMAIN)).values()) == after


def test_activated_key_leaves_other_algorithm_active(ring: KeyRing) -> None:
    """RSA and Ed25519 sign together, RSA first."""
    ring.activate(new(ring), published=None)
    ring.activate(ring.new("rsa-sha256", NOW).selector, published=None)
    assert [key.info.algorithm for key in ring.active()] == ["rsa-sha256", "ed25519-sha256"]


P = "p=AAAA"
OWN = "own"
#: (what DNS shows, part of the refusal); OWN stands for the key's record
DNS = [
    ([OWN], None),
    ([OWN + " ;"], None),
    ([], "has no TXT record at e2611a._domainkey.mail.example.jp"),
    ([OWN, OWN], "has 2 TXT records"),
    ([OWN, "v=spf1 -all"], "has 2 TXT records"),
    (["v=DKIM1; k=ed25519; " + P], "not that of this key"),
    (["v=DKIM1; k=ed25519; p="], "not that of this key"),
    ([OWN + "; t=y"], "not that of this key"),
    ([OWN + "; h=sha1"], "not that of this key"),
    (["v=spf1 -all"], "not that of this key"),
    ([""], "not that of this key"),
]


@pytest.mark.parametrize(("shown", "refusal"), DNS)
def test_activate_asks_dns(ring: KeyRing, shown: list[str], refusal: str | None) -> None:
    """A key signs only when DNS shows exactly its record; else it stays as it was and the error says why."""
    selector = new(ring)
    asked = []

    def published(name: str) -> list[str]:
        asked.append(name)
        return [text.replace(OWN, ring.info(selector).value) for text in shown]

    if refusal is None:
        assert ring.activate(selector, published=published).state == "active"
    else:
        with pytest.raises(DkimKeyError, match=refusal) as caught:
            ring.activate(selector, published=published)
        assert str(caught.value).startswith(f"{selector} stays pending: ")
        assert states(ring) == {selector: "pending"}
    assert asked == [f"{selector}._domainkey.{DOMAIN}"]


def test_fault_overlooks_order_and_blanks(ring: KeyRing) -> None:
    """A record whose tags were reordered or whose base64 was broken into lines shows the same key."""
    info = ring.new("ed25519-sha256", NOW)
    key = info.value.partition("p=")[2]
    assert info.fault([f"p={key[:10]} {key[10:]};k=ed25519;v=DKIM1;"]) is None


def test_zone_line_cuts_long_values(ring: KeyRing) -> None:
    """No string of the zone line is over 255 octets, and joined they are the value."""
    info = ring.new("rsa-sha256", NOW)
    name, _, strings = info.zone_line.partition(" IN TXT ")
    parts = strings.strip('"').split('" "')
    assert name == f"{info.name}."
    assert [len(part) for part in parts] == [255, len(info.value) - 255]
    assert "".join(parts) == info.value


def test_selector_like_a_code_is_not_activated(ring: KeyRing) -> None:
    """The selector stands in the mail, where the code is the only number of six digits."""
    (ring.folder / f"{new(ring)}.pem").rename(ring.folder / "s202611a.pem")
    with pytest.raises(DkimKeyError, match="s202611a stays pending: rename its file, six digits in a row"):
        ring.activate("s202611a", published=None)
    assert states(ring) == {"s202611a": "pending"}


@pytest.mark.parametrize("selector", ["s2611z", "", "../e2611a", "e2611a.pem", "*", "states"])
@pytest.mark.parametrize("verb", ["activate", "retire", "info"])
def test_unknown_selector_is_refused(ring: KeyRing, verb: str, selector: str) -> None:
    """A selector without a key file is an error and never a path."""
    new(ring)
    with pytest.raises(UnknownSelectorError, match="has no key"):
        ring.activate(selector, published=None) if verb == "activate" else getattr(ring, verb)(selector)
    assert states(ring) == {"e2611a": "pending"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666, 0o610])
def test_key_open_to_others_is_refused(ring: KeyRing, mode: int) -> None:
    """A key that group or world may read or use is refused with the command that closes it."""
    path = ring.folder / f"{new(ring)}.pem"
    path.chmod(mode)
    with pytest.raises(DkimKeyError, match=rf"e2611a\.pem is open to others \(mode 0{mode:o}\); run: chmod 600"):
        ring.list()


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_key_closed_to_others_is_taken(ring: KeyRing, mode: int) -> None:
    """The owner's file is taken, also when it is read-only."""
    (ring.folder / f"{new(ring)}.pem").chmod(mode)
    assert states(ring) == {"e2611a": "pending"}


def test_own_key_of_operator_is_pending(ring: KeyRing) -> None:
    """A key file made elsewhere joins the ring as pending under its file's name; other files are no keys."""
    put(ring, "2026-autumn", pem(rsa.generate_private_key(65537, 2048)))
    put(ring, "Not_A_Selector", b"")
    put(ring, ".hidden", b"")
    assert states(ring) == {"2026-autumn": "pending"}


def broken_rsa() -> bytes:
    """Give a key whose public exponent does not belong to its private one."""
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    other = rsa.RSAPublicNumbers(257, numbers.public_numbers.n)
    private = rsa.RSAPrivateNumbers(numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp, other)
    return pem(private.private_key(unsafe_skip_rsa_key_validation=True))


UNFIT = {
    "is damaged or no private key": lambda: b"",
    "is damaged or no private key in PEM form": lambda: pem(rsa.generate_private_key(65537, 2048))[:-100],
    "is damaged": broken_rsa,
    "is encrypted; store it without": lambda: pem(
        rsa.generate_private_key(65537, 2048), BestAvailableEncryption(b"pass")
    ),
    "is RSA with 1024 bits; 2048 or more": lambda: pem(rsa.generate_private_key(65537, 1024)),
    "is neither an RSA nor an Ed25519 key": lambda: pem(ec.generate_private_key(ec.SECP256R1())),
}


@pytest.mark.parametrize("complaint", UNFIT)
def test_unfit_key_is_refused(ring: KeyRing, complaint: str) -> None:
    """A key that cannot sign is an error of one line that names the file and quotes nothing of it."""
    content = UNFIT[complaint]()
    path = put(ring, "s2611a", content)
    with pytest.raises(DkimKeyError, match=complaint) as caught:
        ring.list()
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"e2611a": "live"}', b'{"e2611a": ["active"]}', b"\xff", b"null"]
)
def test_damaged_states_are_refused(ring: KeyRing, content: bytes) -> None:
    """States that cannot be read stop every command, and nothing is written over them."""
    selector = new(ring)
    path = ring.folder / "states.json"
    path.write_bytes(content)
    for step in (ring.list, ring.active, lambda: ring.retire(selector)):
        with pytest.raises(DkimKeyError, match=r"states\.json is damaged"):
            step()
    assert path.read_bytes() == content


def test_damaged_retired_key_does_not_stop_active_ones(ring: KeyRing) -> None:
    """The service starts on its active keys whatever became of an old one; a lost active one stops it."""
    old, current = new(ring), new(ring)
    ring.activate(old, published=None)
    ring.activate(current, published=None)
    (ring.folder / f"{old}.pem").write_bytes(b"")
    assert [key.info.selector for key in ring.active()] == [current]
    (ring.folder / f"{current}.pem").unlink()
    with pytest.raises(DkimKeyError, match=rf"{current}\.pem cannot be read: No such file"):
        ring.active()


@pytest.mark.parametrize("lost", [True, False])
def test_lost_active_key_can_be_replaced(ring: KeyRing, lost: bool) -> None:  # noqa: FBT001
    """A lost or damaged active key does not bar the way: it is retired by name, then another one is activated."""
    old, replacement = new(ring), new(ring)
    ring.activate(old, published=None)
    path = ring.folder / f"{old}.pem"
    path.unlink() if lost else path.write_bytes(b"")
    with pytest.raises(DkimKeyError, match=rf"{old}\.pem"):
        ring.activate(replacement, published=None)
    ring.retire(old)
    ring.activate(replacement, published=None)
    assert [key.info.selector for key in ring.active()] == [replacement]


def test_failed_write_keeps_former_states(ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new states cannot be put in place, the former ones stay whole and the error says so."""
    first, second = new(ring), new(ring)
    ring.activate(first, published=None)
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(DkimKeyError, match="dkim cannot be written: No space left on device"):
        ring.activate(second, published=None)
    assert states(ring) == {first: "active", second: "pending"}
    assert len(list(ring.folder.iterdir())) == 3


def test_states_file_is_plain(ring: KeyRing) -> None:
    """The state file names what signs, so that a person can read and mend it."""
    ring.activate(new(ring), published=None)
    assert json.loads((ring.folder / "states.json").read_text()) == {"e2611a": "active"}


def test_private_key_does_not_show(ring: KeyRing) -> None:
    """Nothing of the private key is in the repr of what the ring hands out."""
    ring.activate(new(ring), published=None)
    assert "PrivateKey" not in repr(ring.active())


def test_domain_outside_ascii_is_refused(tmp_path: Path) -> None:
    """The signing domain is written in A-labels, and kept in lower case."""
    with pytest.raises(DkimKeyError, match=r"証券\.jp must be written in ASCII"):
        KeyRing(tmp_path, "証券.jp")
    assert KeyRing(tmp_path, "Mail.Example.JP").domain == "mail.example.jp"
