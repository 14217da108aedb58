"""`imagekit plan` says which stages have another id than before, and because of which input (issue 16, 2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.config.load import load_project
from imagekit.plan.compare import changed_stages
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from tests.support.project import commit, make_project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def plan(root: Path) -> Plan:
    return make_plan(load_project(root), "small-node")


def test_the_same_plan_says_nothing(root: Path) -> None:
    assert changed_stages(plan(root), plan(root)) == ()


def test_a_layer_is_named_with_its_input_and_what_stands_on_it_with_the_layer(root: Path) -> None:
    old = plan(root)
    (root / "images/base/Dockerfile").write_text("FROM distro AS base\nRUN true\n")
    lines = changed_stages(old, plan(root))
    assert lines == ("base: its files changed", "extra: base below it changed", "stamp: extra below it changed")


@pytest.mark.parametrize(
    ("path", "first"),
    [
        ("images/scripts/lint", "base: the shared scripts in images/scripts changed"),
        ("images/distro/Dockerfile", "distro: its files changed"),
        ("images/standin/Dockerfile", "kairos-init: its files changed"),
        ("images/extra/Dockerfile", "extra: its files changed"),
    ],
)
def test_the_lowest_changed_stage_stands_first(path: str, first: str, root: Path) -> None:
    old = plan(root)
    (root / path).write_text((root / path).read_text() + "# more\n")
    assert changed_stages(old, plan(root))[0] == first


def test_a_distro_that_changed_is_named_by_the_framework_on_it(root: Path) -> None:
    old = plan(root)
    (root / "images/distro/Dockerfile").write_text("FROM scratch\n")
    assert "kairos-init: distro below it changed" in changed_stages(old, plan(root))


def test_a_commit_alone_changes_nothing(root: Path) -> None:
    old = plan(root)
    (root / "cloud-config/node.yaml").write_text((root / "cloud-config/node.yaml").read_text() + "# more\n")
    commit(root, "cloud-config", "2026-11-25T12:00:00+00:00")
    assert changed_stages(old, plan(root)) == ()


def test_layers_that_come_and_go_are_named(root: Path) -> None:
    old = plan(root)
    images = root / "images/images.yaml"
    assert "extra" in images.read_text()
    new = plan(root)
    less = Plan(**{**{name: getattr(new, name) for name in new.__slots__}, "stages": new.stages[:2]})
    assert "extra: not in the image any more" in changed_stages(old, less)
    assert "extra: new" in changed_stages(less, old)
