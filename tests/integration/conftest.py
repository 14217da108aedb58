"""Foreign programs for the tests of this folder: found in PATH, or the test is skipped with the reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from imagekit.base.process import Completed, run

PASSWORD = "correct horse battery"
Program = Callable[..., Completed]


@pytest.fixture
def cosign(tmp_path: Path) -> Program:
    """Stock cosign 3, with a home of its own."""
    program = os.environ.get("IMAGEKIT_COSIGN") or shutil.which("cosign")
    if program is None:
        pytest.skip("no cosign program in PATH or IMAGEKIT_COSIGN (Debian has 3.1 in sid)")
    if not _reads_referrers(program):
        pytest.skip(f"{program} is older than 3.0: it does not read sigstore bundles from referrers by itself")
    return called(program, tmp_path)


@cache
def _reads_referrers(program: str) -> bool:
    return "--use-signing-config=true" in run([program, "sign", "--help"], timeout=60).stdout


@pytest.fixture
def oras(tmp_path: Path) -> Program:
    """Stock oras."""
    program = shutil.which("oras")
    if program is None:
        pytest.skip("no oras program in PATH")
    return called(program, tmp_path)


def called(program: str, folder: Path) -> Program:
    """What runs the program with a home in `folder`."""
    environ = {"HOME": str(folder), "COSIGN_PASSWORD": PASSWORD, "DOCKER_CONFIG": str(folder)}

    def call(*argv: str | Path, ok: tuple[int, ...] = (0,)) -> Completed:
        return run([program, *argv], timeout=60, env=environ, cwd=folder, ok=ok)

    return call
