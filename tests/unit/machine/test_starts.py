"""Starts of a machine, counted from what its console says."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.machine.phases import boot_phases
from imagekit.machine.starts import Starts

GRUB = b"\x1b[2J\x1b[1;1HWelcome to GRUB!\r\n\r\n"
MENU = b"\x1b[H GNU GRUB  version 2.12\r\n *Node\r\n"
KERNEL = b"[    0.000000] Linux version 6.12.43+deb13-amd64 (x@y)\r\n"
INIT = b"[    3.250000] Run /init as init process\r\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An empty console log."""
    path = tmp_path / "console.log"
    path.touch()
    return path


def say(log: Path, text: bytes) -> None:
    """Append to the console."""
    with log.open("ab") as stream:
        stream.write(text)


def test_a_boot_by_grub_is_one_start(log: Path) -> None:
    starts = Starts(log)
    say(log, GRUB + MENU + MENU)
    assert starts.poll() == 1
    assert starts.menu
    say(log, KERNEL)
    assert starts.poll() == 1
    assert not starts.menu
    say(log, INIT)
    starts.poll()
    assert starts.init_uptime == 3.25


def test_each_further_greeting_is_a_start_even_when_no_kernel_came(log: Path) -> None:
    starts = Starts(log)
    say(log, GRUB + MENU + KERNEL + b"Kernel panic\r\n" + GRUB + GRUB + KERNEL)
    assert starts.poll() == 3


def test_a_kernel_without_a_boot_loader_that_speaks_is_a_start(log: Path) -> None:
    starts = Starts(log)
    say(log, KERNEL + INIT + KERNEL)
    assert starts.poll() == 2
    assert starts.init_at is None


def test_a_word_cut_in_two_by_reading_counts_once(log: Path) -> None:
    starts = Starts(log)
    text = GRUB + MENU + KERNEL + INIT
    for place in range(len(text)):
        say(log, text[place : place + 1])
        starts.poll()
    assert starts.poll() == 1
    assert starts.init_uptime == 3.25


def test_the_parts_of_a_boot_add_up(log: Path) -> None:
    starts = Starts(log)
    say(log, GRUB + KERNEL + INIT)
    starts.poll()
    assert starts.init_at is not None
    phases = boot_phases(starts, asked=starts.init_at - 20, login=starts.init_at + 10, userspace_usec="7250000\n")
    assert {phase.name: round(phase.seconds, 1) for phase in phases if phase.name in ("initrd", "userspace")} == {
        "initrd": 4.0,
        "userspace": 6.0,
    }
    assert round(sum(phase.seconds for phase in phases), 1) == 30.0


def test_parts_that_were_not_seen_are_not_told(log: Path) -> None:
    assert boot_phases(Starts(log), asked=0, login=10, userspace_usec="0") == ()
