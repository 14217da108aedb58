"""The power switch, also in the hands of two threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from imagekit.machine.domain import Domain
from imagekit.machine.errors import BootFailedError
from imagekit.machine.power import Power
from imagekit.machine.provider import Provider

DOMAIN = cast("Domain", None)
TEMPLATE = Path("machine.xml.j2")


class Slow:
    """A provider whose machine runs before `started` has come to its yield, as QEMU does before libvirt answers."""

    def __init__(self) -> None:
        self.starting, self.go_on = threading.Event(), threading.Event()
        self.running = False

    @contextmanager
    def started(self, domain: Domain, template: Path) -> Iterator[Any]:
        self.running = True
        self.starting.set()
        assert self.go_on.wait(10)
        try:
            yield self
        finally:
            self.running = False


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def power(slow: Slow) -> Power:
    return Power(cast("Provider", slow))


@pytest.mark.parametrize("verb", ["end", "off"])
def test_a_machine_that_is_just_being_started_loses_its_power_too(slow: Slow, power: Power, verb: str) -> None:
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(power.on, DOMAIN, TEMPLATE)
        assert slow.starting.wait(10)
        ending = pool.submit(getattr(power, verb))
        slow.go_on.set()
        starting.result(10)
        ending.result(10)
    assert not slow.running
    assert not power.running


def test_after_its_end_it_is_never_on_again(slow: Slow, power: Power) -> None:
    slow.go_on.set()
    power.on(DOMAIN, TEMPLATE)
    assert power.running
    power.end()
    assert not slow.running
    with pytest.raises(BootFailedError, match="interrupted"):
        power.on(DOMAIN, TEMPLATE)
    assert not slow.running


def test_after_a_cut_it_starts_again(slow: Slow, power: Power) -> None:
    slow.go_on.set()
    power.on(DOMAIN, TEMPLATE)
    power.off()
    assert not slow.running
    power.on(DOMAIN, TEMPLATE)
    assert power.running
