"""The script that mmdebstrap runs, for the user that it runs it as."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagekit.build.distro import within_reach


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "distro"
    folder.mkdir(mode=0o700)
    (folder / "customize.sh").write_text("#!/bin/sh\n")
    (folder / "customize.sh").chmod(0o700)
    return folder


def test_without_root_it_is_where_everybody_may_run_it(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mmdebstrap is another user then, and a home is shut to that one."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with within_reach(source, "customize.sh") as folder:
        script = folder / "customize.sh"
        assert script.read_text() == "#!/bin/sh\n"
        assert script.stat().st_mode & 0o005 == 0o005
        assert all(each.stat().st_mode & 0o001 for each in script.parents)
    assert not folder.exists()


def test_root_runs_it_where_it_is(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with within_reach(source, "customize.sh") as folder:
        assert folder == source


def test_without_a_script_there_is_nothing_to_bring(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with within_reach(source, None) as folder:
        assert folder == source
