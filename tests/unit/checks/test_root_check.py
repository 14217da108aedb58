"""A full file system is named with what fills it (operator.md: "/var full: journal.log 0 bytes, silently")."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imagekit.checks.facts import Mount

FILE = Path(__file__).resolve().parents[3] / "vm-harness/checks/base/test_root.py"
DF = """Filesystem 1024-blocks Used Available Capacity Mounted on
overlay 594944 {used} {free} 100% /var
tmpfs 495616 0 495616 0% /tmp
/dev/vda4 100 100 0 100% /run/state
udev 0 0 0 - /nothing
"""
MOUNTS = {
    "/var": Mount("overlay", "overlay", frozenset({"rw"}), frozenset({"rw"})),
    "/run/state": Mount("/dev/vda4", "ext4", frozenset({"ro"}), frozenset({"rw"})),
}


@pytest.fixture(autouse=True)
def _marks(pytestconfig: pytest.Config) -> None:
    """The marks of check files, which the process that runs checks knows."""
    for mark in ("runbook(page): of a check file", "boot_path(name): of a check file"):
        pytestconfig.addinivalue_line("markers", mark)


def checks() -> Any:
    """The check file as a module."""
    spec = importlib.util.spec_from_file_location("root_check", FILE)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def judge(free: int) -> None:
    df = DF.format(used=594944 - free, free=free)
    node = SimpleNamespace(
        run=lambda command: SimpleNamespace(stdout="586632 KiB /var/log/eaten\n" if "find" in command else df)
    )
    checks().test_no_file_system_is_full(node, SimpleNamespace(mounts=MOUNTS))


def test_a_full_var_is_named_with_what_fills_it() -> None:
    with pytest.raises(AssertionError) as caught:
        judge(free=0)
    assert str(caught.value).startswith("full: /var; the largest files: 586632 KiB /var/log/eaten")


def test_space_is_enough_and_what_is_only_read_may_be_full() -> None:
    judge(free=400000)


def test_memory_is_told_after_what_fills_it_and_with_what_files_in_memory_hold() -> None:
    text = FILE.read_text()
    assert text.index("def test_no_file_system_is_full") < text.index("def test_boot_does_not_fill_the_memory")
    said = "MemTotal: 991000 kB\nMemAvailable: {available} kB\nShmem: 601000 kB\n"
    for available, enough in ((208900, False), (400000, True)):
        node = SimpleNamespace(run=lambda _, now=available: SimpleNamespace(stdout=said.format(available=now)))
        if enough:
            checks().test_boot_does_not_fill_the_memory(node)
            continue
        with pytest.raises(AssertionError, match=r"204 of 967 MiB are available; .* hold 586 MiB"):
            checks().test_boot_does_not_fill_the_memory(node)
