"""The machines of a run in this process, ended all at once."""

from __future__ import annotations

import secrets

import pytest

from imagekit.machine import alive
from imagekit.machine.errors import BootFailedError


class Switch:
    def __init__(self) -> None:
        self.ended = 0

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def run_id() -> str:
    return secrets.token_hex(4)


def test_those_that_are_on_are_ended_and_no_other_begins(run_id: str) -> None:
    on, off = Switch(), Switch()
    with alive.counted(run_id, off):
        pass
    with alive.counted(run_id, on):
        alive.end_all(run_id)
        with pytest.raises(BootFailedError, match="interrupted"), alive.counted(run_id, Switch()):
            pytest.fail("it began")
    assert (on.ended, off.ended) == (1, 0)
    alive.end_all(run_id)
    assert on.ended == 1


def test_those_of_another_run_go_on(run_id: str) -> None:
    mine, other = Switch(), Switch()
    with alive.counted(run_id, mine), alive.counted("another", other):
        alive.end_all(run_id)
        with alive.counted("another", Switch()):
            pass
    assert (mine.ended, other.ended) == (1, 0)
