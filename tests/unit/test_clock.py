"""The process's clock while the machine sleeps and while the wall clock is moved; only the machine is made up."""

import time

import pytest

from mailsvc.clock import JUMP_PATIENCE, STEP, Clock

START = 1795396542.5


class Machine:
    """The clocks of a machine."""

    def __init__(self) -> None:
        self.wall, self.awake, self.asleep = START, 1000.0, 0.0

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.awake += seconds

    def sleeps(self, seconds: float) -> None:
        """Suspend it and wake it up."""
        self.wall += seconds
        self.asleep += seconds

    def clock(self, which: int) -> float:
        """Return what one of its clocks shows, as ``clock_gettime`` does."""
        return self.awake + (self.asleep if which == time.CLOCK_BOOTTIME else 0.0)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Run on a machine that is made up."""
    made = Machine()
    monkeypatch.setattr(time, "time", lambda: made.wall)
    monkeypatch.setattr(time, "monotonic", lambda: made.awake)
    monkeypatch.setattr(time, "clock_gettime", made.clock)
    return made


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no clock that goes on in its sleep")
def test_time_goes_on_while_the_machine_is_suspended(machine: Machine) -> None:
    """After an hour of sleep it is an hour later at once, and the wall clock is not taken for one that jumped."""
    clock = Clock()
    machine.passes(10)
    machine.sleeps(3600)
    assert clock.now() == pytest.approx(START + 3610)
    assert clock.discipline() == 0.0


@pytest.mark.parametrize("jump", [-3600, -300, -STEP - 0.1, STEP + 0.1, 300, 3600])
def test_jump_of_the_wall_clock_is_reported_and_not_followed_until_it_has_lasted(machine: Machine, jump: float) -> None:
    """Time goes on as before while any code of before may live; then the wall clock is believed."""
    clock = Clock()
    machine.wall += jump
    assert clock.discipline() == pytest.approx(jump)
    machine.passes(JUMP_PATIENCE)
    assert clock.discipline() == pytest.approx(jump)
    assert clock.now() == pytest.approx(START + JUMP_PATIENCE)
    machine.passes(1)
    clock.discipline()
    assert clock.now() == pytest.approx(START + jump + JUMP_PATIENCE + 1)


@pytest.mark.parametrize("step", [-0.9 * STEP, -0.2, 0.2, 0.9 * STEP])
def test_small_step_of_the_wall_clock_is_followed(machine: Machine, step: float) -> None:
    """A clock that is being disciplined is followed at once, without an alarm."""
    clock = Clock()
    machine.wall += step
    assert clock.discipline() == 0.0
    assert clock.now() == pytest.approx(START + step)
