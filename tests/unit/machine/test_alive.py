"""The machines of this process, ended all at once."""

from __future__ import annotations

import pytest

from imagekit.machine import alive
from imagekit.machine.errors import BootFailedError


class Switch:
    def __init__(self) -> None:
        self.cut = 0

    def cut_power(self) -> None:
        self.cut += 1


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive, "_ended", False)


def test_those_that_are_on_are_ended_and_no_other_begins() -> None:
    on, off = Switch(), Switch()
    with alive.counted(off):
        pass
    with alive.counted(on):
        alive.end_all()
        with pytest.raises(BootFailedError, match="interrupted"), alive.counted(Switch()):
            pytest.fail("it began")
    assert (on.cut, off.cut) == (1, 0)
    alive.end_all()
    assert on.cut == 1
