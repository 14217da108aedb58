"""What the lint of a layer says when a program of the image refuses its configuration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from imagekit.base.process import ProcessError, run

LINT = Path(__file__).parents[3] / "images/scripts/lint-layer.sh"
# As sudo 1.9.13 answers, with -s, on 29 November 2026.
REFUSED = """\
Warning: /etc/sudoers:1:12: unused User_Alias "OPS"
/etc/sudoers.d/20-ops:2:25: syntax error
%ops ALL=(ALL) NOPASSWD ALL
                        ^~~
"""


def said(folder: Path, visudo: str) -> str:
    """What the lint writes where this is visudo; what else it finds is of the machine of the test."""
    programs = {"visudo": visudo, "grep": "exit 1"}
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    for name in ("cat", "dirname", "sed", "sh"):
        (folder / name).symlink_to(shutil.which(name) or name)
    try:
        return run(["sh", LINT], env={"PATH": str(folder), "LAYER_EPOCH": "1735689600"}, timeout=30).stderr
    except ProcessError as error:
        return error.stderr


def test_rules_that_sudo_would_not_read_are_named(tmp_path: Path) -> None:
    answer = said(tmp_path, f"cat >&2 <<'E'\n{REFUSED}E\nexit 1")
    line = "visudo does not accept sudo's rules: /etc/sudoers.d/20-ops:2:25: syntax error"
    assert [each for each in answer.splitlines() if "sudo" in each] == [f"imagekit: lint: {line}"]


@pytest.mark.parametrize("words", ["", 'Warning: /etc/sudoers:1:12: unused User_Alias "OPS"'])
def test_rules_that_sudo_reads_are_not_told(tmp_path: Path, words: str) -> None:
    assert "sudo" not in said(tmp_path, f"echo '{words}' >&2; echo /etc/sudoers: parsed OK")
