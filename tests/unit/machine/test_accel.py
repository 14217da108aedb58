"""The probe's boot sector and its cache; a program of our own plays QEMU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagekit.machine.accel import Acceleration, acceleration, boot_sector
from imagekit.machine.errors import HypervisorError
from imagekit.machine.interface import Accelerator
from imagekit.machine.libvirt.connection import check_version, version_text


def emulator(folder: Path, body: str) -> Path:
    """A stand-in for QEMU: notes its call, then does as told; $2 is the accelerator."""
    path = folder / "qemu"
    path.write_text(f"#!/bin/sh\necho call >> {folder}/calls\n{body}\n")
    path.chmod(0o755)
    return path


def calls(folder: Path) -> int:
    """How often the stand-in ran."""
    return len((folder / "calls").read_text().splitlines())


def test_sector_is_bootable() -> None:
    for rounds in (0, 1 << 28):
        sector = boot_sector(rounds)
        assert len(sector) == 512
        assert sector[510:] == b"\x55\xaa"


def test_kvm_that_ends_otherwise_means_emulation_and_is_remembered(tmp_path: Path) -> None:
    qemu = emulator(tmp_path, '[ "$2" = tcg ] && exit 33; exit 1')
    cache = tmp_path / "cache.json"
    found = acceleration(qemu, cache=cache)
    assert found.accelerator is Accelerator.TCG
    before = calls(tmp_path)
    assert acceleration(qemu, cache=cache) == found
    assert calls(tmp_path) == before


def test_an_answer_that_cannot_be_kept_is_an_answer(tmp_path: Path) -> None:
    """In a folder of all (TMPDIR of an ordinary user) the name may be taken by somebody else."""
    qemu, cache = emulator(tmp_path, "exit 33"), tmp_path / "taken"
    (cache / "by-another").mkdir(parents=True)
    before = {path.name for path in tmp_path.iterdir()}
    assert acceleration(qemu, cache=cache) == acceleration(qemu, cache=cache)
    assert {path.name for path in tmp_path.iterdir()} == before | {"calls"}


def test_cache_of_another_boot_or_damaged_is_not_believed(tmp_path: Path) -> None:
    qemu = emulator(tmp_path, '[ "$2" = tcg ] && exit 33; exit 1')
    cache = tmp_path / "cache.json"
    for text in ("{", json.dumps({"key": "other", "accelerator": "kvm", "speed": 9}), "[]"):
        cache.write_text(text)
        assert acceleration(qemu, cache=cache).accelerator is Accelerator.TCG


def test_no_answer_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HypervisorError, match="boot sector"):
        acceleration(emulator(tmp_path, "exit 1"), cache=tmp_path / "cache.json")


def test_limits_grow_on_slow_machines_and_never_shrink() -> None:
    assert Acceleration(Accelerator.TCG, 0.5).scaled(60) == 120
    assert Acceleration(Accelerator.TCG, 2.0).scaled(60) == 60


def test_old_qemu_is_refused() -> None:
    assert version_text(10_000_002) == "10.0.2"
    check_version(10_000_000)
    with pytest.raises(HypervisorError, match=r"7\.2\.19 is too old"):
        check_version(7_002_019)
