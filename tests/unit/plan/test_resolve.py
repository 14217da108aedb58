"""The plan: order, ids that follow the inputs and nothing else, versions."""

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.config.load import load_project
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan, version_of
from imagekit.plan.show import as_data, as_text
from tests.support.project import commit, make_project


def plan_of(root: Path) -> Plan:
    return make_plan(load_project(root), "small-node")


def ids(plan: Plan) -> dict[str, str]:
    return {stage.name: stage.id for stage in plan.stages}


def changed(before: Plan, after: Plan) -> set[str]:
    return {name for name, value in ids(after).items() if ids(before).get(name) != value}


def test_stages_stand_on_each_other(tmp_path: Path) -> None:
    plan = plan_of(make_project(tmp_path))
    assert [stage.name for stage in plan.stages] == ["distro", "kairos-init", "base", "extra", "stamp"]
    assert plan.stage("base").needs == ("kairos-init", "distro")
    assert plan.stage("extra").needs == ("kairos-init", "base")
    assert plan.stage("base").args == {"FAMILY": "debian", "PACKAGES": "less nano", "COLOUR": "blue"}


def test_same_inputs_same_plan(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    assert plan_of(root) == plan_of(root)


def test_the_version_is_semver_and_follows_the_plan(tmp_path: Path) -> None:
    plan = plan_of(make_project(tmp_path))
    assert plan.version == f"v2026.1122.0-g{plan.id[:7]}"
    assert version_of(1_767_571_200, "0" * 64) == "v2026.105.0-g0000000"  # semver knows no leading zeros


CHANGES = {
    "a file of the top layer": ("images/extra/files/hello", {"extra", "stamp"}),
    "a file of the bottom layer": ("images/base/files/hello", {"base", "extra", "stamp"}),
    "the distribution": ("images/distro/customize.sh", {"distro", "kairos-init", "base", "extra", "stamp"}),
    "the framework": ("images/standin/main.go", {"kairos-init", "base", "extra", "stamp"}),
    "a shared script": ("images/scripts/install", {"base", "extra", "stamp"}),
}


@pytest.mark.parametrize(("path", "rebuilt"), CHANGES.values(), ids=CHANGES)
def test_a_change_renames_what_stands_on_it_and_nothing_else(tmp_path: Path, path: str, rebuilt: set[str]) -> None:
    root = make_project(tmp_path)
    before = plan_of(root)
    (root / path).parent.mkdir(exist_ok=True)
    (root / path).write_text("new")
    after = plan_of(root)
    assert changed(before, after) == rebuilt
    assert after.version != before.version
    assert after.source.revision.endswith("-dirty")


def test_an_execute_bit_is_an_input(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    before = plan_of(root)
    (root / "images/scripts/lint").chmod(0o755)
    assert "base" in changed(before, plan_of(root))


def test_a_commit_elsewhere_changes_nothing(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    before = plan_of(root)
    (root / "README.md").write_text("new")
    commit(root, "readme", "2026-11-23T12:00:00+00:00")
    assert plan_of(root) == before


def test_a_commit_at_the_top_keeps_the_file_times_of_the_layers_below(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    before = plan_of(root)
    (root / "images/extra/note").write_text("new")
    commit(root, "top", "2026-11-23T12:00:00+00:00")
    after = plan_of(root)
    assert after.source.epoch == before.source.epoch
    assert after.version.startswith("v2026.1123.0-g")


def test_a_wrong_order_is_refused(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    path = root / "images/images.yaml"
    path.write_text(path.read_text().replace("[base, extra]", "[extra, base]"))
    with pytest.raises(ConfigError, match="'extra' needs 'base' below it"):
        plan_of(root)


def test_a_circle_is_named(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    path = root / "images/base/layer.yaml"
    path.write_text(path.read_text() + "needs: [extra]\n")
    with pytest.raises(ConfigError, match=r"in a circle: (base -> extra -> base|extra -> base -> extra)"):
        plan_of(root)


def test_without_git_the_date_must_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_project(tmp_path / "project")
    (root / ".git").rename(tmp_path / "away")
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    with pytest.raises(ConfigError, match="not a git checkout"):
        plan_of(root)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert plan_of(root).version.startswith("v2001.909.0-g")


def test_a_plan_can_be_shown(tmp_path: Path) -> None:
    plan = plan_of(make_project(tmp_path))
    assert as_data(plan)["stages"][0]["name"] == "distro"
    text = as_text(plan)
    assert plan.version in text
    assert [line.split()[1] for line in text.splitlines()[2:4]] == ["stamp", "kairos-init"]
