"""imagekit init, layer new, check new: what they write is a project that plans, and nothing of anybody's is lost."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import yaml

from imagekit.app.starter import Forge, NewProject, Origin, new_check, new_layer, start_project
from imagekit.base.errors import ConfigError
from imagekit.base.process import run
from imagekit.checks.request import Suites
from imagekit.checks.runner import collect_checks
from imagekit.config.load import load_project
from imagekit.config.model import Family
from imagekit.machine.interface import BootPath
from imagekit.plan.resolve import make_plan
from imagekit.trust.gate.policy import load_policy


@pytest.mark.parametrize("origin", list(Origin))
@pytest.mark.parametrize("forge", list(Forge))
def test_a_new_project_is_committed_and_plans(tmp_path: Path, origin: Origin, forge: Forge) -> None:
    new = NewProject(root=tmp_path / "demo", origin=origin, forge=forge)
    files = start_project(new)
    assert all((new.root / name).is_file() for name in files)
    assert run(["git", "status", "--porcelain"], timeout=20, cwd=new.root).stdout == ""
    project = load_project(new.root)
    plan = make_plan(project, "demo-node")
    assert [stage.name for stage in plan.stages][-3:] == ["base", "site", "stamp"]
    assert plan.embedded is (origin is Origin.DEBIAN)
    assert "-dirty" not in plan.source.revision
    assert load_policy(new.root).publish.tests is not None
    ci = {Forge.GITHUB: ".github/workflows/images.yml", Forge.GITLAB: ".gitlab-ci.yml", Forge.NONE: None}[forge]
    assert ci is None or "demo-node" in yaml.safe_dump(yaml.safe_load((new.root / ci).read_text()))


def test_a_new_image_judges_new_passwords(tmp_path: Path) -> None:
    """PAM-02 is required: without sssd, which brings the module, the first run of every new project was red."""
    new = NewProject(root=tmp_path / "demo")
    start_project(new)
    project = load_project(new.root)
    brought = [
        name for layer in project.image("demo-node").layers for name in project.layers[layer].packages_of(Family.DEBIAN)
    ]
    assert "libpam-pwquality" in brought
    assert "PAM-02" not in [each.control for each in project.layers["base"].hardening.waived]


def test_what_its_user_has_set_for_commits_is_not_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing without an agent at hand, a hook of a template, an identity that must be said."""
    hook = tmp_path / "template/hooks/pre-commit"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    (tmp_path / ".gitconfig").write_text(
        f"[commit]\n gpgSign = true\n[gpg]\n program = /bin/false\n[init]\n templateDir = {tmp_path}/template\n"
        "[user]\n useConfigOnly = true\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    new = NewProject(root=tmp_path / "demo", origin=Origin.DEBIAN, forge=Forge.NONE)
    start_project(new)
    assert make_plan(load_project(new.root), "demo-node").source.revision.isalnum()


def test_its_checks_are_collected_as_they_stand(tmp_path: Path) -> None:
    new = NewProject(root=tmp_path / "demo")
    start_project(new)
    new_check(new.root, "site", "dns_is_reachable")
    project = load_project(new.root)
    suites = Suites(
        checks_root=project.harness / "checks", images_root=new.root / "images", out=tmp_path / "out", family="debian"
    )
    found = collect_checks(["site"], suites, boot_path=BootPath.DIRECT)
    assert [check.title for check in found] == [
        "Dns is reachable",
        "Every package that the layer declares is installed",
        "The layer's own files are on the node, and everybody may read them",
    ]


def test_a_new_layer_can_be_named_by_an_image(tmp_path: Path) -> None:
    new = NewProject(root=tmp_path / "demo")
    start_project(new)
    for name in new_layer(new.root, "time-sync"):
        if name.endswith(".py"):
            ast.parse((new.root / name).read_text())
    path = new.root / "images/images.yaml"
    path.write_text(path.read_text().replace("[base, site]", "[base, site, time-sync]"))
    plan = make_plan(load_project(new.root), "demo-node")
    assert plan.stage("time-sync").context == "images/time-sync"


def test_a_folder_with_something_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"something here already \(notes.txt\)"):
        start_project(NewProject(root=tmp_path / "demo"))
    assert [path.name for path in (tmp_path / "demo").iterdir()] == ["notes.txt"]


def test_an_empty_repository_keeps_its_own(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    root.mkdir()
    run(["git", "init", "-q", "-b", "trunk"], timeout=20, cwd=root)
    start_project(NewProject(root=root))
    assert run(["git", "branch", "--show-current"], timeout=20, cwd=root).stdout.strip() == "trunk"


@pytest.mark.parametrize("name", ["Demo", "a_b", "-x", "x-", "x--y", "9x", "x" * 41, "é"])
def test_names_that_no_registry_takes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="is no name for a"):
        start_project(NewProject(root=tmp_path / name))
    with pytest.raises(ConfigError, match="is no name for a layer"):
        new_layer(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(tmp_path: Path) -> None:
    start_project(NewProject(root=tmp_path / "demo"))
    with pytest.raises(ConfigError, match="is there already"):
        new_layer(tmp_path / "demo", "site")
    new_check(tmp_path / "demo", "site", "x")
    with pytest.raises(ConfigError, match="is there already"):
        new_check(tmp_path / "demo", "site", "x")
    with pytest.raises(ConfigError, match="no name for a check"):
        new_check(tmp_path / "demo", "site", "no-dash")


def test_a_new_layer_runs_its_setup(tmp_path: Path) -> None:
    new = NewProject(root=tmp_path / "demo")
    start_project(new)
    new_layer(new.root, "chrony")
    assert 'sh -eu /media/setup.sh "${FAMILY}"' in (new.root / "images/chrony/Dockerfile").read_text()
