"""Time and memory of a piece of work, held below bounds."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def bounded(*, seconds: float = 60.0, mebibytes: int = 100) -> Iterator[None]:
    """Fail when the block takes longer, or when this process grows by more meanwhile (VmHWM, which Linux can reset)."""
    Path("/proc/self/clear_refs").write_text("5")
    before, began = _peak(), time.monotonic()
    yield
    took, grown = time.monotonic() - began, (_peak() - before) >> 10
    assert took < seconds, f"{took:.1f} s"
    assert grown < mebibytes, f"{grown} MiB"


def _peak() -> int:
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])
