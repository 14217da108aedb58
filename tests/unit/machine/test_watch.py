"""The watch over a machine that must not end: what the console shows ends the wait, and so does the machine's end."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.machine import watch
from imagekit.machine.console import Console, load_patterns
from imagekit.machine.errors import BootFailedError

TABLE = Path(__file__).parents[3] / "vm-harness" / "console-patterns.yaml"


@pytest.fixture
def console(tmp_path: Path) -> Console:
    log = tmp_path / "console.log"
    log.write_bytes(b"")
    return Console(log, load_patterns(TABLE))


def test_a_fatal_line_ends_the_wait_while_the_machine_runs(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagekit.machine.watch.hypervisor.runs", lambda _: True)
    look = watch.watcher("node", None, console)
    look()
    console.log.write_bytes(b"Hello\nKernel panic - not syncing: no luck\n")
    with pytest.raises(BootFailedError, match=r"the kernel stopped \(console line 2"):
        look()


def test_a_machine_that_is_gone_ends_the_wait(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagekit.machine.watch.hypervisor.runs", lambda _: False)
    console.log.write_bytes(b"last words\n")
    with pytest.raises(BootFailedError, match="last words"):
        watch.watcher("node", None, console)()


def test_the_last_words_of_a_dead_machine_are_its_reason(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagekit.machine.watch.hypervisor.runs", lambda _: False)
    console.log.write_bytes(b"Kernel panic - not syncing: no luck\n")
    with pytest.raises(BootFailedError, match="the kernel stopped"):
        watch.watcher("node", None, console)()
