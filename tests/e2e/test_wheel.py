"""The product as people install it: a wheel in an environment of its own, and a project that imagekit itself began."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit import __version__
from imagekit.base.process import Completed, run

ROOT = Path(__file__).parents[2]
_PIP = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
_SECONDS = 2400.0


class Installed:
    """imagekit as pipx leaves it (a virtual environment with the wheel in it), and a home without any settings."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.program = folder / "venv/bin/imagekit"
        self.home.mkdir()

    def install(self) -> None:
        """A wheel of the committed files, and with it whatever it asks for, as pip resolves it today."""
        clone, wheels = self.folder / "clone", self.folder / "wheels"
        run(["git", "clone", "-q", ROOT, clone], timeout=120)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
        run([*pip, "wheel", "-q", "--no-deps", "-w", wheels, clone], timeout=300, env=_PIP)
        (wheel,) = wheels.glob("imagekit-*.whl")
        run([sys.executable, "-m", "venv", self.folder / "venv"], timeout=120)
        own = (self.folder / "venv/bin/python", "-m", "pip", "--disable-pip-version-check")
        run([*own, "install", "-q", wheel], timeout=1200, env=_PIP)

    def imagekit(self, project: Path, *arguments: str, ci: bool = False) -> Completed:
        """Run it in a folder as a person does, or a job of `ci`; nothing of this checkout is in reach."""
        env = {"HOME": str(self.home)} | ({"CI": "true"} if ci else {})
        return run([self.program, *arguments], timeout=_SECONDS, cwd=project, env=env, ok=range(256))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    made = Installed(tmp_path_factory.mktemp("wheel"))
    made.install()
    return made


@pytest.fixture
def demo(installed: Installed, tmp_path: Path) -> Iterator[Path]:
    """What `imagekit init demo` wrote; its services are stopped at the end."""
    done = installed.imagekit(tmp_path, "init", "demo", "--from", "debian")
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        yield tmp_path / "demo"
    finally:
        installed.imagekit(tmp_path / "demo", "down")


@pytest.mark.online
@pytest.mark.nightly(minutes=1)
def test_an_installed_imagekit_knows_its_own_data(installed: Installed, demo: Path) -> None:
    """Outside of any checkout: the engine's own layers and scripts come out of the wheel."""
    done = installed.imagekit(demo, "plan", "--json")
    assert done.returncode == 0, done.stderr
    assert {stage["name"] for stage in json.loads(done.stdout)["stages"]} >= {"distro", "base", "stamp"}
    origin = installed.imagekit(demo, "config", "show", "--origin")
    assert origin.returncode == 0, origin.stderr
    rows = [line.rsplit(maxsplit=1) for line in origin.stdout.splitlines() if line.strip()]
    owners = {name: owner.strip() for owner, name in rows}
    assert (
        owners["images/base/Dockerfile"] == owners["vm-harness/checks/base/test_boot.py"] == f"imagekit {__version__}"
    )


@pytest.mark.online
@pytest.mark.nightly(minutes=0.1)
def test_ci_builds_a_new_project_from_its_locks_alone(installed: Installed, demo: Path) -> None:
    """As the README of a new project says: `imagekit lock` once, then commit images/locks."""
    done = installed.imagekit(demo, "run", ci=True)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "there is no images/locks/demo-node.amd64.lock" in done.stdout
    assert "imagekit lock demo-node" in done.stdout


@pytest.mark.vm
@pytest.mark.registry
@pytest.mark.online
@pytest.mark.nightly(minutes=15)
def test_a_new_project_is_green_without_an_edit(installed: Installed, demo: Path) -> None:
    done = installed.imagekit(demo, "run")
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    (result,) = (demo / ".imagekit/runs").glob("*/result.json")
    assert json.loads(result.read_text())["verdict"] == "passed"
