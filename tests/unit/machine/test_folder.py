"""Where short paths of machines lie."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from imagekit.machine.folder import runtime_base


def test_an_ordinary_user_has_them_where_others_may_search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """systemd shuts XDG_RUNTIME_DIR to everybody else, and libvirt's QEMU is somebody else."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert runtime_base() == Path(tempfile.gettempdir())


def test_root_has_them_below_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert runtime_base() == Path("/run")
