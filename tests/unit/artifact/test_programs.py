"""The host's programs that write disks."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.artifact.programs import iso_tool


@pytest.mark.parametrize(("name", "large"), [("xorriso", []), ("genisoimage", ["-allow-limited-size"])])
def test_every_writer_of_media_takes_files_of_more_than_4_gib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, large: list[str]
) -> None:
    """W8."""
    program = tmp_path / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = iso_tool()
    assert found[0] == str(program)
    assert found[found.index("-iso-level") + 1] == "3"
    assert found[-1:] == (large or ["3"])
