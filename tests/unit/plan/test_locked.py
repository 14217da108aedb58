"""A locked plan holds every package; a lock that does not cover what is declared is planned, told, and not built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.build import bake
from imagekit.config.load import Project, load_project
from imagekit.config.lockmode import is_locked
from imagekit.config.model import Arch
from imagekit.config.packagelock import LockedPackage, PackageLock, as_text, lock_path
from imagekit.plan.asks import asks_of
from imagekit.plan.lock import NotLockedError, require_buildable
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.plan.show import as_text as shown
from tests.support.project import make_project


def row(stage: str, name: str, version: str = "1-1") -> LockedPackage:
    path = f"pool/main/{name[0]}/{name}/{name}_{version}_amd64.deb"
    return LockedPackage(stage, name, version, "amd64", name.encode().hex().ljust(64, "0")[:64], 9, "D/s/main", path)


def locked(root: Path, *, less: str = "1-1", asked: dict[str, tuple[str, ...]] | None = None) -> Project:
    project = replace(load_project(root), locked=True)
    lock = PackageLock(
        image="small-node",
        arch="amd64",
        asked=asked or {ask.stage: ask.packages for ask in asks_of(project, "small-node", Arch.AMD64)},
        packages=(row("distro", "libc6"), row("base", "less", less), row("base", "nano"), row("extra", "tree")),
    )
    path = root / lock_path("small-node", "amd64")
    path.parent.mkdir(exist_ok=True)
    path.write_text(as_text(lock))
    return project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def plan_of(project: Project) -> Plan:
    return make_plan(project, "small-node", arch=Arch.AMD64)


def test_each_stage_has_its_packages_and_the_steps_have_no_network(root: Path) -> None:
    plan = plan_of(locked(root))
    assert [each.name for each in plan.stage("base").packages] == ["less", "nano"]
    assert plan.stale == ()
    require_buildable(plan)
    graph = bake.Graph((plan,), root, {}, packages={plan.stage("base").id: Path("/repository")})
    services = bake.compose(graph)["services"]
    assert {service["build"]["network"] for service in services.values()} == {"none"}
    assert services["base"]["build"]["additional_contexts"]["packages"] == "/repository"
    assert "4 by images/locks, no network" in shown(plan)


def test_a_floating_plan_is_what_it_was_whatever_the_lock(root: Path) -> None:
    before = plan_of(load_project(root))
    locked(root)
    after = plan_of(load_project(root))
    assert {stage.name: stage.id for stage in after.stages if stage.name != "stamp"} == {
        stage.name: stage.id for stage in before.stages if stage.name != "stamp"
    }
    assert not any(stage.packages for stage in after.stages)
    services = bake.compose(bake.Graph((after,), root, {}))["services"]
    assert {service["build"]["network"] for service in services.values()} == {"host"}


def test_a_package_that_moved_makes_its_layer_and_those_above_anew_and_none_below(root: Path) -> None:
    old, new = plan_of(locked(root)), plan_of(locked(root, less="1-2"))
    same = {stage.name for stage in new.stages if stage.id == old.stage(stage.name).id}
    assert same == {"distro", "kairos-init"}
    assert new.stage("stamp").args["LOCK"] != old.stage("stamp").args["LOCK"]


def test_without_a_lock_a_locked_build_is_refused(root: Path) -> None:
    plan = plan_of(replace(load_project(root), locked=True))
    assert plan.stale == ("there is no images/locks/small-node.amd64.lock",)
    with pytest.raises(NotLockedError, match=r"there is no images/locks") as caught:
        require_buildable(plan)
    assert "imagekit lock small-node" in caught.value.hint
    assert "--floating" in caught.value.hint


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"distro": (), "kairos-init": (), "base": ("less",), "extra": ("tree",)}, "base asks for nano"),
        (
            {"distro": (), "kairos-init": (), "base": ("less", "nano", "vim"), "extra": ("tree",)},
            "base does not ask for vim any more",
        ),
        ({"distro": (), "kairos-init": (), "base": ("less", "nano"), "extra": ("tree",), "old": ()}, "old is no part"),
        ({"distro": (), "base": ("less", "nano"), "extra": ("tree",)}, "kairos-init is not in it"),
    ],
)
def test_a_lock_that_does_not_cover_the_project_says_where(
    root: Path, asked: dict[str, tuple[str, ...]], said: str
) -> None:
    plan = plan_of(locked(root, asked=asked))
    assert any(said in part for part in plan.stale)
    assert f"the lock does not fit: {plan.stale[0]}" in shown(plan)
    with pytest.raises(NotLockedError, match=said):
        require_buildable(plan)


@pytest.mark.parametrize(
    ("choice", "environ", "found"),
    [
        (None, {}, False),
        (None, {"CI": "true"}, True),
        (None, {"CI": "false"}, False),
        (False, {"CI": "true"}, False),
        (True, {}, True),
        (None, {"CI": "true", "IMAGEKIT_LOCKED": "no"}, False),
        (None, {"IMAGEKIT_LOCKED": "yes"}, True),
        (True, {"IMAGEKIT_LOCKED": "no"}, True),
    ],
)
def test_the_command_line_then_the_variable_then_ci_decide(
    choice: bool | None, environ: dict[str, str], found: bool
) -> None:
    assert is_locked(choice, environ) is found


def test_another_word_in_the_variable_is_an_error() -> None:
    with pytest.raises(ConfigError, match="neither yes nor no"):
        is_locked(None, {"IMAGEKIT_LOCKED": "maybe"})
