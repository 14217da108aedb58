"""What people write into images.yaml, and where their checkout lies, reaches BuildKit as it is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagekit.artifact.programs import busybox
from imagekit.build.builder import build
from imagekit.build.result import Build
from imagekit.config.load import load_project
from imagekit.plan.resolve import make_plan
from imagekit.services.dockerd import engine
from tests.support.evil import EVIL
from tests.support.layout import directory, layer, member
from tests.support.project import commit, make_project

pytestmark = pytest.mark.docker
DESCRIPTION = "team $HOME ${HOME} $$ 5% %{if} grün"
STAMP = 'FROM parent AS stamp\nARG DESCRIPTION\nLABEL description="${DESCRIPTION}"\n'


def scratch_project(root: Path) -> Path:
    """A small project whose base is one file, so that it builds in a second."""
    root.mkdir(parents=True)
    make_project(root)
    images = root / "images"
    (images / "stamp/Dockerfile").write_text(STAMP)
    # A step that runs: its root is a mount, whose options name every layer's folder.
    (images / "extra/Dockerfile").write_text("FROM parent AS extra\nRUN echo one >/one\nRUN cat /one >/two\n")
    (images / "base/Dockerfile").write_text("FROM distro AS base\n")
    (images / "images.yaml").write_text((images / "images.yaml").read_text() + f'    description: "{DESCRIPTION}"\n')
    commit(root, "described", "2026-11-22T12:00:00+00:00")
    return root


def built(root: Path, host: str) -> Build:
    """Build its image from a distribution that is there already: a shell and nothing else."""
    project = load_project(root)
    plan = make_plan(project, "small-node")
    distro = project.work / "distro" / plan.stage("distro").id[:32]
    distro.mkdir(parents=True)
    shell = busybox().read_bytes()
    programs = [member(f"bin/{name}", shell, mode=0o755) for name in ("sh", "cat")]
    (distro / "rootfs.tar").write_bytes(layer(directory("bin"), *programs))
    return build(project, plan, {"DOCKER_HOST": host})


def labels(made: Build) -> dict[str, str]:
    """The labels of a built image."""
    blobs = made.layout / "blobs" / "sha256"
    config = json.loads((blobs / made.digest.hex).read_text())["config"]["digest"]
    found: dict[str, str] = json.loads((blobs / config.removeprefix("sha256:")).read_text())["config"]["Labels"]
    return found


def test_the_builders_environment_is_not_in_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W6: the label said /root, so that each builder's home made a digest of its own."""
    with engine(tmp_path / "w") as private:
        made = []
        for home in ("one", "two"):
            (tmp_path / home).mkdir()
            monkeypatch.setenv("HOME", str(tmp_path / home))
            made.append(built(scratch_project(tmp_path / home / "project"), private.host))
    assert labels(made[0])["description"] == DESCRIPTION
    assert made[0].digest == made[1].digest


def test_a_checkout_in_an_evil_folder_builds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """W5: with its own engine, whose data lie below that folder too; a comma ended with "invalid value"."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    plain = scratch_project(tmp_path / "plain")
    with engine(plain / ".imagekit") as private:
        expected = built(plain, private.host)
    evil = scratch_project(tmp_path / EVIL)
    with engine(evil / ".imagekit") as private:
        found = built(evil, private.host)
    assert (found.digest, labels(found)) == (expected.digest, labels(expected))
