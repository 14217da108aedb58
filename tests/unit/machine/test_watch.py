"""The watch over a machine that must not end: what the console shows ends the wait, and so does the machine's end."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.console import Console, load_patterns
from imagekit.machine.errors import BootFailedError, EmulatorLostError
from imagekit.machine.watch import ended
from tests.support.simprovider import SimProvider
from tests.support.tinykernel import artifacts

HARNESS = Path(__file__).parents[3] / "vm-harness"


def failing(folder: Path, world: SimProvider, *, limit: float = 60.0) -> str:
    """How a boot without a login ends."""
    request = BootRequest(
        name="tiny", run_id="t", artifacts=artifacts(folder, "x"), folder=folder / "run", harness=HARNESS, limit=limit
    )
    with pytest.raises(BootFailedError) as caught, boot(request, connect=world.connect):
        pytest.fail("it booted")
    assert not any(guest.running for guest in world.guests)
    return str(caught.value)


def test_a_fatal_line_ends_the_wait_while_the_machine_runs(tmp_path: Path) -> None:
    world = SimProvider(says=b"Hello\nKernel panic - not syncing: no luck\n", greets=False)
    assert "the kernel stopped (console line 2" in failing(tmp_path, world, limit=0.3)


def test_a_machine_that_is_gone_ends_the_wait(tmp_path: Path) -> None:
    said = failing(tmp_path, SimProvider(says=b"last words\n", dies=True), limit=0.3)
    assert "ended by itself" in said
    assert "last words" in said


def test_an_emulator_that_was_killed_is_the_hosts_fault(tmp_path: Path) -> None:
    """Row "QEMU killed": a harmless line got the blame, and the exit code was that of a bad image."""
    world = SimProvider(says=b"Hello\n", dies=True, crashes=True)
    with pytest.raises(EmulatorLostError, match="QEMU, which ran imagekit-tiny-") as caught:
        failing(tmp_path, world, limit=0.3)
    assert caught.value.exit_code == ToolError.exit_code
    assert "dmesg" in caught.value.hint
    assert "imagekit-tiny-" in caught.value.hint


def test_a_kernel_that_panics_ends_as_a_crash_too_and_is_the_images_fault(tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text("Kernel panic - not syncing: no luck\n")
    console = Console(log, load_patterns(HARNESS / "console-patterns.yaml"))
    console.poll()
    error = ended("tiny", console, crashed=True)
    assert isinstance(error, BootFailedError)
    assert "ended by itself" in str(error)


def test_the_last_words_of_a_dead_machine_are_its_reason(tmp_path: Path) -> None:
    world = SimProvider(says=b"Kernel panic - not syncing: no luck\n", dies=True)
    assert "the kernel stopped" in failing(tmp_path, world, limit=0.3)


def test_a_machine_that_says_nothing_is_waited_for_until_the_limit(tmp_path: Path) -> None:
    assert "in vain" in failing(tmp_path, SimProvider(says=b"so far\n", greets=False), limit=0.3)
