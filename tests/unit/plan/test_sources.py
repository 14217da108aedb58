"""Many images that share their layers cost no more reading than one."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.base.tree import folder_hash
from imagekit.config import cloudconfig
from imagekit.config.load import Project, load_project
from imagekit.plan import revision, sources
from imagekit.plan.matrix import make_plans
from imagekit.plan.resolve import make_plan
from tests.support.project import IMAGES, commit, make_project

IMAGE = IMAGES.partition("images:\n")[2]


def fleet(root: Path, count: int) -> Project:
    """`make_project` with many images of the same layers."""
    make_project(root)
    text = "".join(IMAGE.replace("small-node", f"node-{number:03}") for number in range(count))
    (root / "images/images.yaml").write_text(f"version: 1\nimages:\n{text}")
    commit(root, "many", "2026-11-23T12:00:00+00:00")
    return load_project(root)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every folder that is hashed and every question to git."""
    seen: list[str] = []

    def hashed(folder: Path) -> str:
        seen.append(str(folder))
        return folder_hash(folder)

    def asked(argv, **how):  # type: ignore[no-untyped-def]  # handed through as it is
        seen.append(" ".join(map(str, argv)))
        return run(argv, **how)

    monkeypatch.setattr(sources, "folder_hash", hashed)
    monkeypatch.setattr(revision, "run", asked)
    return seen


def test_thirty_images_read_what_one_reads(tmp_path: Path, reads: list[str]) -> None:
    make_plans(fleet(tmp_path / "one", 1))
    one = len(reads)
    reads.clear()
    plans = make_plans(fleet(tmp_path / "thirty", 30))
    assert len(reads) == one
    assert len({plan.id for plan in plans}) == len(plans), "each image has a stamp of its own"


def test_the_plans_are_those_of_single_images(tmp_path: Path) -> None:
    project = fleet(tmp_path, 3)
    alone = tuple(make_plan(project, name, arch=arch) for name, image in project.images.items() for arch in image.arch)
    assert make_plans(project) == alone


def test_the_next_command_sees_what_has_changed(tmp_path: Path) -> None:
    project = fleet(tmp_path, 2)
    before = make_plans(project)
    (tmp_path / "images/extra/more").write_text("new")
    after = make_plans(project)
    assert all(old.stage("extra").id != new.stage("extra").id for old, new in zip(before, after, strict=True))


def test_a_cloud_config_that_many_images_name_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    monkeypatch.setattr(cloudconfig, "read_cloud_config", read.append)
    fleet(tmp_path, 5)
    assert read == [tmp_path / "cloud-config/node.yaml"]
