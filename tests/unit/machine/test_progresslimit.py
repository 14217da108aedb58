"""K15: limits that follow a machine's progress: starved, spinning, hanging and talking ones."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from imagekit.base.waiting import DeadlineError, wait_until
from imagekit.machine.progresslimit import ProgressLimit


@dataclass
class Machine:
    """What a machine uses and says per second of the host's clock, until it ends its boot or for ever."""

    cpu: float
    bytes_a_second: float = 0.0
    needs_cpu: float = float("inf")
    stops_at: float = float("inf")
    now: float = 5000.0
    used: float = 300.0  # of an earlier boot
    size: float = 1000.0

    def go(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        if self.now - 5000.0 < self.stops_at:
            self.used += self.cpu * seconds
            self.size += self.bytes_a_second * seconds

    @property
    def done(self) -> bool:
        """Whether it booted."""
        return self.used - 300.0 >= self.needs_cpu

    def given_up_after(self, limit: float) -> float | None:
        """Seconds until the limit ended; None when the boot came first."""
        deadline = ProgressLimit(limit, lambda: self.used, lambda: int(self.size), clock=lambda: self.now)
        while not self.done:
            if deadline.passed:
                return self.now - 5000.0
            assert deadline.remaining > 0
            self.go(0.5)
        return None


def test_a_good_boot_on_a_starved_host_is_waited_for() -> None:
    """A boot of 191 CPU seconds took 543 s of a busy host, and was missed by seconds with a limit of 473 s."""
    assert Machine(cpu=191 / 543, bytes_a_second=1.0, needs_cpu=191).given_up_after(360.0) is None
    assert Machine(cpu=0.2, needs_cpu=191).given_up_after(360.0) is None


@pytest.mark.parametrize("cpus", [1.0, 2.0])
def test_a_machine_that_spins_is_given_up_at_the_limit(cpus: float) -> None:
    assert Machine(cpu=cpus).given_up_after(360.0) == pytest.approx(360, abs=1)


def test_a_machine_that_hangs_is_given_up_at_the_limit() -> None:
    assert Machine(cpu=0.03).given_up_after(360.0) == pytest.approx(360, abs=1)


def test_a_machine_that_says_one_thing_for_ever_is_given_up_in_the_end() -> None:
    assert Machine(cpu=0.05, bytes_a_second=3.0).given_up_after(100.0) == pytest.approx(400, abs=1)


def test_a_machine_that_stops_after_the_limit_is_given_up_within_two_minutes() -> None:
    found = Machine(cpu=0.3, bytes_a_second=1.0, stops_at=200.0).given_up_after(150.0)
    assert found is not None
    assert 200 < found <= 320


def test_a_short_limit_has_no_whole_window_to_look_back_on() -> None:
    assert Machine(cpu=0.0).given_up_after(3.0) == pytest.approx(3, abs=1)


def test_the_error_says_how_long_it_was() -> None:
    machine = Machine(cpu=0.3, stops_at=10.0)
    deadline = ProgressLimit(4.0, lambda: machine.used, lambda: int(machine.size), clock=lambda: machine.now)

    def look() -> bool:
        machine.go(1.0)
        return False

    with pytest.raises(DeadlineError, match=r"waited 1\d s for a login"):
        wait_until(look, deadline, what="a login", every=0.0)
