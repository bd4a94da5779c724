"""The dot gate: who may pass, who knows that something has passed, and what a dead process leaves behind."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailsvc.domain.identifier import new_id
from mailsvc.store import DotGate, GateLocked, Store
from mailsvc.store.gate import SLOTS
from tests.support.domain import NOW
from tests.support.store import accepted, opened

ID, OTHER = new_id("msg", NOW), new_id("msg", NOW + 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mailsvc.gate"


@pytest.fixture
def gate(path: Path) -> Iterator[DotGate]:
    gate = DotGate(path)
    yield gate
    gate.close()


def test_open_attempt_holds_and_is_admitted(gate: DotGate) -> None:
    """An attempt may go on until it leaves, and counts as handed over once it was admitted; asking twice is one."""
    assert not gate.holds(ID, 1)
    assert not gate.admit(ID, 1)
    gate.enter(ID, 1)
    assert (gate.open(ID), gate.holds(ID, 1), gate.passed(ID)) == (True, True, False)
    assert gate.admit(ID, 1)
    assert gate.admit(ID, 1)
    assert gate.passed(ID)
    gate.leave(ID)
    assert (gate.open(ID), gate.holds(ID, 1), gate.passed(ID), gate.admit(ID, 1)) == (False, False, False, False)


@pytest.mark.parametrize("fence", [0, 1, 3])
def test_attempt_of_another_fence_may_not_pass(gate: DotGate, fence: int) -> None:
    """Only the newest claim of a message passes."""
    gate.enter(ID, 2)
    assert not gate.holds(ID, fence)
    assert not gate.admit(ID, fence)
    assert not gate.passed(ID)


def test_revoked_attempt_may_not_pass_until_it_is_reinstated(gate: DotGate) -> None:
    """A revocation shuts the gate of its message only; one that is taken back opens it."""
    gate.enter(ID, 1)
    gate.enter(OTHER, 1)
    assert gate.revoke(ID) is False
    assert not gate.holds(ID, 1)
    assert not gate.admit(ID, 1)
    assert gate.admit(OTHER, 1)
    gate.reinstate(ID)
    assert gate.admit(ID, 1)


def test_revocation_of_an_admitted_attempt_says_that_it_races(gate: DotGate) -> None:
    """What has passed cannot be stopped, and its revocation says so; what is unknown cannot race."""
    gate.enter(ID, 1)
    gate.admit(ID, 1)
    assert gate.revoke(ID) is True
    assert gate.revoke(OTHER) is False


def test_slots_are_bounded_and_come_back(gate: DotGate) -> None:
    """No more attempts than there are slots pass at one time; one that leaves makes room for another."""
    ids = [new_id("msg", NOW) for _ in range(SLOTS + 1)]
    for id_ in ids:
        gate.enter(id_, 1)
    assert [gate.admit(id_, 1) for id_ in ids] == [True] * SLOTS + [False]
    gate.leave(ids[0])
    assert gate.admit(ids[-1], 1)


def test_revoke_and_admit_from_two_threads_agree(gate: DotGate) -> None:
    """Whichever comes first, an attempt is admitted exactly when its revocation says that it races."""
    rounds = 1000
    ids = [new_id("msg", NOW) for _ in range(rounds)]
    admitted: list[bool] = []
    barrier = threading.Barrier(2)

    def admit() -> None:
        for id_ in ids:
            barrier.wait(10)
            admitted.append(gate.admit(id_, 1))

    for id_ in ids:
        gate.enter(id_, 1)
    thread = threading.Thread(target=admit)
    thread.start()
    raced = []
    for id_ in ids:
        barrier.wait(10)
        raced.append(gate.revoke(id_))
    thread.join(10)
    assert raced == admitted


def test_marks_of_a_closed_gate_tell_what_may_have_left(path: Path, gate: DotGate) -> None:
    """The next process knows which open attempts were admitted, and which had not got so far or were recorded."""
    recorded = new_id("msg", NOW)
    for id_ in (ID, OTHER, recorded):
        gate.enter(id_, 1)
    gate.admit(ID, 1)
    gate.admit(recorded, 1)
    gate.leave(recorded)
    gate.close()
    again = DotGate(path)
    assert [again.may_have_left(id_) for id_ in (ID, OTHER, recorded)] == [True, False, False]
    again.close()


def test_marks_survive_processes_that_begin_nothing(path: Path, gate: DotGate) -> None:
    """A process that dies before it has recorded what it found leaves the marks to the next."""
    gate.enter(ID, 1)
    gate.admit(ID, 1)
    gate.close()
    for _ in range(3):
        again = DotGate(path)
        assert (again.may_have_left(ID), again.may_have_left(OTHER)) == (True, False)
        again.close()


def test_first_attempt_starts_a_file_of_its_own(path: Path, gate: DotGate) -> None:
    """Once a process begins an attempt, the marks of the one before are gone, in memory and in the file."""
    gate.enter(ID, 1)
    gate.admit(ID, 1)
    gate.close()
    again = DotGate(path)
    again.enter(OTHER, 1)
    assert not again.may_have_left(ID)
    again.close()
    third = DotGate(path)
    assert not third.may_have_left(ID)
    third.close()


@pytest.mark.parametrize("octets", [b"another-boot-id", b"\0", b"\xff"])
def test_after_a_power_cut_every_open_attempt_may_have_left(path: Path, gate: DotGate, octets: bytes) -> None:
    """A file from before the machine started proves nothing, for as many starts as it takes to record that."""
    gate.enter(ID, 1)
    gate.close()
    _overwrite(path, octets.ljust(64, b"\0"))
    for _ in range(2):
        again = DotGate(path)
        assert again.may_have_left(ID)
        again.close()


def test_torn_marks_after_a_power_cut_do_not_stop_the_start(path: Path, gate: DotGate) -> None:
    """Whatever stands in the file, it can be opened and used."""
    gate.close()
    _overwrite(path, os.urandom(path.stat().st_size))
    again = DotGate(path)
    again.enter(ID, 1)
    assert again.admit(ID, 1)
    again.close()


def test_abandoned_attempt_tells_whether_it_had_passed(gate: DotGate) -> None:
    """An attempt that died unrecorded may have left if it had been admitted; its repeat starts afresh."""
    for id_ in (ID, OTHER):
        gate.enter(id_, 1)
    gate.admit(ID, 1)
    for id_ in (ID, OTHER):
        gate.abandon(id_)
    assert [gate.may_have_left(id_) for id_ in (ID, OTHER)] == [True, False]
    assert not gate.open(ID)
    gate.enter(ID, 2)
    gate.abandon(ID)
    assert not gate.may_have_left(ID)


def test_gate_is_locked_while_it_is_open(path: Path, gate: DotGate) -> None:
    """A second owner is refused in words that name the folder, in this process or in another."""
    with pytest.raises(GateLocked, match="in use by another mailsvc process") as caught:
        DotGate(path)
    assert str(path.parent) in str(caught.value)
    command = "import sys, pathlib, mailsvc.store as s; s.DotGate(pathlib.Path(sys.argv[1]))"
    other = subprocess.run([sys.executable, "-c", command, path], capture_output=True, text=True, check=False)
    assert "GateLocked" in other.stderr
    gate.close()
    DotGate(path).close()


async def test_store_is_open_once(store: Store, database_url: str) -> None:
    """A store that is open is not opened again, and is not harmed by the try."""
    with pytest.raises(GateLocked):
        async with opened(database_url):
            pass
    await accepted(store)


def _overwrite(path: Path, octets: bytes) -> None:
    with path.open("r+b") as file:
        file.write(octets)
