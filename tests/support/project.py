"""A small project on disk for tests: two layers, one image, a git history with fixed dates."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from imagekit.base.process import run

_MADE: dict[str, tempfile.TemporaryDirectory[str]] = {}  # removed when the process ends

IMAGES = """\
version: 1
images:
  small-node:
    family: debian
    base: {distro: trixie}
    kairos_init: {standin: images/standin}
    layers: [base, extra]
    cloud_config: [cloud-config/node.yaml]
"""
BASE = """\
version: 1
name: base
packages:
  debian: [less, nano]
args:
  COLOUR: blue
"""
EXTRA = "version: 1\nname: extra\nneeds: [base]\npackages:\n  debian: [tree]\n"
CLOUD_CONFIG = "#cloud-config\nhostname: node\nstages:\n  initramfs:\n    - name: hello\n"


def make_project(root: Path) -> Path:
    """Write the project below `root` and commit it once, dated 2026-11-22 12:00 UTC."""
    return repository("project", root, _write_project)


def _write_project(root: Path) -> None:
    files = {
        "images/images.yaml": IMAGES,
        "images/base/layer.yaml": BASE,
        "images/base/Dockerfile": "FROM distro AS base\n",
        "images/extra/layer.yaml": EXTRA,
        "images/extra/Dockerfile": "FROM parent AS extra\n",
        "images/stamp/Dockerfile": "FROM parent AS stamp\n",
        "images/distro/Dockerfile": "FROM scratch\nADD rootfs.tar /\n",
        "images/distro/distro.yaml": "version: 1\nsuite: trixie\nsource_date_epoch: 1\n",
        "images/standin/Dockerfile": "FROM scratch\n",
        "images/scripts/lint": "#!/bin/sh\n",
        "cloud-config/node.yaml": CLOUD_CONFIG,
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(root, "init", "-q", "-b", "main")
    commit(root, "first", "2026-11-22T12:00:00+00:00")


def repository(name: str, root: Path, make: Callable[[Path], None]) -> Path:
    """A repository below `root`, which `make` makes the first time that this process asks for that name; then copied.

    Its dates are fixed, so it is the same each time. Where something is there already, it is made beside that.
    """
    if root.is_dir() and any(root.iterdir()):
        make(root)
        return root
    if name not in _MADE:
        _MADE[name] = tempfile.TemporaryDirectory(prefix="imagekit-repository-")
        template = Path(_MADE[name].name, name)
        template.mkdir()
        make(template)
        for sample in (template / ".git/hooks").glob("*.sample"):
            sample.unlink()
    shutil.copytree(Path(_MADE[name].name, name), root, symlinks=True, dirs_exist_ok=True)
    return root


def checked_project(root: Path) -> Path:
    """A project whose one layer has a check of its own."""
    make_project(root)
    checks = root / "vm-harness/checks/base"
    checks.mkdir(parents=True)
    (checks / "test_x.py").write_text('def test_x(host) -> None:\n    """x holds"""\n')
    commit(root, "checks", "2026-11-23T12:00:00+00:00")
    return root


# Each commit would start another process to see whether there is something to tidy up, and what is thrown away in a
# second need not reach the disk (git-config(1)).
_SETTINGS = {"maintenance.auto": "false", "core.fsync": "none"}
_QUICK = {"GIT_CONFIG_COUNT": str(len(_SETTINGS))} | {
    name: value
    for number, setting in enumerate(_SETTINGS.items())
    for name, value in zip((f"GIT_CONFIG_KEY_{number}", f"GIT_CONFIG_VALUE_{number}"), setting, strict=True)
}


def commit(root: Path, message: str, date: str) -> None:
    """Commit everything with fixed author, committer and date."""
    git(root, "add", "-A")
    who = {"NAME": "Test", "EMAIL": "test@example.org", "DATE": date}
    env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    run(["git", "commit", "-q", "-m", message], timeout=20, cwd=root, env=_QUICK | env)


def git(root: Path, *arguments: str) -> str:
    """Run git in the project and return what it printed."""
    return run(["git", *arguments], timeout=20, cwd=root, env=_QUICK).stdout
