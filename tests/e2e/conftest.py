"""One clone of the project for all end-to-end tests, with a work folder and a registry port of its own."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from imagekit.app import servicecontrol as control
from imagekit.base.process import Completed, run
from imagekit.config.lockmode import VARIABLE

ROOT = Path(__file__).parents[2]
IMAGE = "debian-node"
_RUN_SECONDS = 2400.0


@dataclass(frozen=True)
class Clone:
    """A clone of the project, and the program run in it."""

    root: Path
    registry: str

    @property
    def work(self) -> Path:
        """Its work folder."""
        return self.root / ".imagekit"

    def imagekit(self, *arguments: str) -> Completed:
        """Run imagekit there, whatever its exit code."""
        return run(self.argv(*arguments), timeout=_RUN_SECONDS, cwd=self.root, env=environment(), ok=range(256))

    def argv(self, *arguments: str) -> list[str]:
        """The command line of imagekit in this clone."""
        code = "import sys; sys.argv[0] = 'imagekit'; from imagekit.cli import main; main()"
        return [sys.executable, "-c", code, "--project", str(self.root), *arguments]

    def git(self, *arguments: str) -> str:
        """Run git there."""
        return run(["git", *arguments], timeout=60, cwd=self.root).stdout


def environment() -> dict[str, str]:
    """Where imagekit is found by what is started elsewhere; in the clone its own is found first.

    That is of the last commit here: a change that these tests shall see has to be committed first.
    """
    return {"PYTHONPATH": str(ROOT)} | {name: os.environ[name] for name in ("CI", VARIABLE) if name in os.environ}


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """The clone; engine and registry stay up between its commands and are stopped at the end."""
    root = tmp_path_factory.mktemp("e2e") / "project"
    run(["git", "clone", "-q", str(ROOT), str(root)], timeout=120)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        registry = f"127.0.0.1:{probe.getsockname()[1]}"
    (root / "imagekit.yaml").write_text(f"version: 1\nregistry: {registry}\n")
    made = Clone(root, registry)
    try:
        yield made
    finally:
        control.down(made.work, registry, (control.Service.ENGINE, control.Service.REGISTRY))


@pytest.fixture
def pristine(clone: Clone) -> Iterator[Clone]:
    """The clone, put back as it was when the test is over."""
    try:
        yield clone
    finally:
        clone.git("checkout", "-q", "--", ".")
        clone.git("clean", "-qfd", "-e", "imagekit.yaml", "-e", ".imagekit")


@dataclass(frozen=True)
class First:
    """The first run of the clone."""

    done: Completed
    result: dict[str, Any]

    @property
    def reference(self) -> str:
        return str(self.result["release"]["reference"])


def last_result(clone: Clone) -> dict[str, Any]:
    folders = sorted((clone.work / "runs").glob("*/result.json"))
    found: dict[str, Any] = json.loads(folders[-1].read_text())
    return found


@pytest.fixture(scope="session")
def first(clone: Clone) -> First:
    """The main job, cold."""
    done = clone.imagekit("run", IMAGE)
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    return First(done, last_result(clone))
