"""A small file system of its own, to be filled up: a tmpfs, which only root may mount."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from imagekit.base.process import ProcessError, run
from imagekit.base.waiting import Deadline, wait_until


@contextmanager
def small_disk(folder: Path, mebibytes: int = 40) -> Iterator[Path]:
    """Mount it on the new folder until the block ends; skips the test where that is not allowed."""
    folder.mkdir(parents=True)
    try:
        run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "imagekit-test", folder], timeout=10)
    except ProcessError as error:
        pytest.skip(f"no tmpfs can be mounted here: {error.stderr.strip()}")
    try:
        yield folder
    finally:
        # A server that was just stopped may hold its files a moment longer.
        wait_until(lambda: _unmounted(folder), Deadline.after(10), what=f"{folder} unmounted")


def enlarge(folder: Path, mebibytes: int) -> None:
    """Make space, as an administrator would."""
    run(["mount", "-o", f"remount,size={mebibytes}m", folder], timeout=10)


def read_only(folder: Path) -> None:
    """Let nobody write there any more."""
    run(["mount", "-o", "remount,ro", folder], timeout=10)


def fill(folder: Path, *, leave: int = 0) -> Path:
    """A file that takes all space but about `leave` KiB; returns it."""
    taken = folder / "taken"
    with taken.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            stream.truncate(max(0, stream.tell() - (leave << 10)))
    return taken


def files(folder: Path) -> list[str]:
    """Every file there, by its path below."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _unmounted(folder: Path) -> bool:
    return run(["umount", folder], timeout=10, ok=(0, 32)).returncode == 0
