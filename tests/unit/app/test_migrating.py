"""`imagekit config migrate`: earlier words are found at their line, written in place, and found no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from imagekit.app.migrating import needed_changes, write_changes
from imagekit.app.migration.checkrules import check_changes
from imagekit.app.migration.commandrules import command_changes
from imagekit.app.migration.model import Change, edited
from imagekit.app.migration.yamlrules import Kind, yaml_changes
from imagekit.base.errors import ConfigError
from imagekit.cli import cli
from imagekit.config.cloudconfig import read_cloud_config
from imagekit.config.engine import engine_root
from imagekit.config.layerfile import LayerSpec
from imagekit.config.load import parse_file
from imagekit.config.yamlfile import parse_yaml
from imagekit.trust.gate.policy import Policy, load_policy

EARLIER = Path(__file__).parents[2] / "data/earlier-project"
ROOT = engine_root()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = Path(shutil.copytree(EARLIER, tmp_path / "project"))
    for path in root.rglob("*.py.txt"):  # else linters and pytest would take it for theirs
        path.rename(path.with_suffix(""))
    return root


def said(root: Path) -> list[str]:
    return [
        f"{each.file}:{each.line} {each.old} > {each.new if each.edit else 'by hand'}"
        for file in needed_changes(root)
        for each in file.changes
    ]


def test_every_earlier_word_is_found_at_its_line(project: Path) -> None:
    assert said(project) == [
        ".github/workflows/images.yml:6 --road > --boot",
        ".github/workflows/images.yml:6 fast > direct",
        ".github/workflows/images.yml:6 --again > --fresh",
        ".github/workflows/images.yml:10 --road > --boot",
        ".github/workflows/images.yml:10 fast > direct",
        ".github/workflows/images.yml:10 --road > --boot",
        "cloud-config/node.yaml:9 owner_string > ownerstring",
        "elsewhere.yaml:2 owner_string > ownerstring",
        'fleet/lab.yaml:2 On > "On"',
        "fleet/old/more.yml:1 not read > by hand",
        "images/site/Dockerfile:4 install-packages.sh > by hand",
        "images/site/Dockerfile:5 check-authorities.sh > by hand",
        "images/site/layer.yaml:7 fast > direct",
        "images/stamp/Dockerfile:3 REVISION > by hand",
        "images/stamp/Dockerfile:4 REVISION > by hand",
        "policy.yaml:5 roads > boot_paths",
        "policy.yaml:5 fast > direct",
        "policy.yaml:7 fast:base/* > direct:base/*",
        "policy.yaml:12 roads > boot_paths",
        "policy.yaml:13 fast > direct",
        "policy.yaml:16 fast:base/test_root.py::test_read_only > direct:base/test_root.py::test_read_only",
        "policy.yaml:19 least: 0 > by hand",
        "trust.yaml:6 keyless without source_repository > by hand",
        "vm-harness/checks/site/test_site.py:5 mark.road > mark.boot_path",
        "vm-harness/checks/site/test_site.py:5 fast > direct",
        "vm-harness/checks/site/test_site.py:8 fast > direct",
        "vm-harness/domains/machine.xml.j2:1 no `incoming` > by hand",
    ]


def test_what_is_written_keeps_every_other_character(project: Path) -> None:
    write_changes(needed_changes(project))
    assert (
        (project / "images/site/layer.yaml").read_text().endswith("  only_on: [ direct , 'live' ]   # not on disks\n")
    )
    policy = (project / "policy.yaml").read_text()
    assert "    boot_paths: [direct, live]  # both, quick ones first\n" in policy
    assert """      - 'direct:base/*'\n""" in policy
    assert '        - "direct"   # enough for a lab\n' in policy
    assert '{image: demo-node, channel: fast, power: "Off"}   # channel' in (project / "fleet/lab.yaml").read_text()
    node = (project / "cloud-config/node.yaml").read_text()
    assert '          ownerstring: "root:root"  # by name\n' in node
    assert "            owner_string: stays\n" in node
    check = (project / "vm-harness/checks/site/test_site.py").read_text()
    assert 'pytestmark = [pytest.mark.boot_path("direct"), pytest.mark.runbook("site")]\n' in check
    assert """@pytest.mark.boot_path("live", 'direct')\n""" in check
    assert 'host.run("echo fast road")' in check
    workflow = (project / ".github/workflows/images.yml").read_text()
    assert "          other-tool --road fast --again\n" in workflow
    assert "--boot fast-lane" in workflow


def test_it_is_up_to_date_afterwards_and_reads_by_todays_models(project: Path) -> None:
    write_changes(needed_changes(project))
    after = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    left = [change for file in needed_changes(project) for change in file.changes]
    assert left
    assert all(change.edit is None for change in left)
    assert write_changes(needed_changes(project)) == ()
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == after
    assert parse_file(LayerSpec, project / "images/site/layer.yaml").listens[0].only_on == ("direct", "live")
    read_cloud_config(project / "cloud-config/node.yaml")
    policy = project / "policy.yaml"
    policy.write_text(policy.read_text().replace("least: 0", "least: 1"))
    assert load_policy(project).publish.tests is not None


def test_what_it_says_is_the_same_policy_as_before(project: Path) -> None:
    """Earlier words are still read for one release, so nothing that was decided changes by writing today's."""
    path = project / "policy.yaml"
    path.write_text(path.read_text().replace("least: 0", "least: 1"))
    before = parse_file(Policy, path)
    write_changes(needed_changes(project))
    assert parse_file(Policy, path).digest == before.digest


def test_a_project_of_today_has_nothing_to_change() -> None:
    assert needed_changes(ROOT) == ()


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_line_ends_and_modes_stay(project: Path, end: str) -> None:
    path = project / "policy.yaml"
    path.write_bytes(path.read_bytes().replace(b"\n", end.encode()))
    path.chmod(0o640)
    lines = path.read_bytes().count(end.encode())
    write_changes(needed_changes(project))
    assert path.read_bytes().count(end.encode()) == lines
    assert path.stat().st_mode & 0o777 == 0o640
    assert b"boot_paths: [direct, live]" in path.read_bytes()


def test_a_file_that_changed_meanwhile_stops_everything(project: Path) -> None:
    files = needed_changes(project)
    (project / "policy.yaml").write_text("version: 1\n")
    before = (project / "images/site/layer.yaml").read_text()
    with pytest.raises(ConfigError, match=r"policy\.yaml was changed meanwhile"):
        write_changes(files)
    assert (project / "images/site/layer.yaml").read_text() == before


def test_a_link_to_a_file_elsewhere_is_left_alone(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "shared-layer.yaml"
    (project / "images/site/layer.yaml").rename(elsewhere)
    (project / "images/site/layer.yaml").symlink_to(elsewhere)
    before = elsewhere.read_text()
    assert "images/site/layer.yaml:7 fast > by hand" in said(project)
    write_changes(needed_changes(project))
    assert elsewhere.read_text() == before


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        (
            "policy.yaml",
            "publish:\n  tests: {roads: [fast], boot_paths: [live]}\n",
            r"policy\.yaml:2: .*which is there",
        ),
        ("policy.yaml", "version: 2\n", r"policy\.yaml:1: version: 2 is a later format"),
        ("policy.yaml", "version: [\n", r"policy\.yaml:\d+: not valid YAML"),
        ("images/images.yaml", "version: 3\nimages: {}\n", r"images\.yaml:1: version: 3 is a later format"),
        ("vm-harness/checks/site/test_site.py", "def x(:\n", r"test_site\.py:1: not valid Python"),
    ],
)
def test_what_cannot_be_read_is_named_and_nothing_written(project: Path, name: str, text: str, why: str) -> None:
    (project / name).write_text(text)
    with pytest.raises(ConfigError, match=why):
        needed_changes(project)


def test_not_utf_8_is_named(project: Path) -> None:
    (project / "policy.yaml").write_bytes(b"version: 1 # \xff\n")
    with pytest.raises(ConfigError, match=r"policy\.yaml: not UTF-8 text \(byte 13\)"):
        needed_changes(project)


def policy(text: str) -> str:
    changes = list(yaml_changes(text, Path("policy.yaml"), "policy.yaml", Kind.POLICY))
    return edited(text, changes)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("publish: {tests: {roads: [fast]}}", "publish: {tests: {boot_paths: [direct]}}"),
        ("publish: {tests: {'roads': []}}", "publish: {tests: {'boot_paths': []}}"),
        ('publish: {tests: {checks: ["fast\\u003abase/x"]}}', 'publish: {tests: {checks: ["direct:base/x"]}}'),
        ("publish: {tests: {checks: [fast]}}", "publish: {tests: {checks: [fast]}}"),
        ("publish: {tests: {scenarios: [fast]}}", "publish: {tests: {scenarios: [fast]}}"),
        ("channels: {fast: {tests: {roads: [fast]}}}", "channels: {fast: {tests: {boot_paths: [direct]}}}"),
        ("channels: {roads: {tests: null}}", "channels: {roads: {tests: null}}"),
        ("# é\npublish: {tests: {roads: [fäst, fast]}}", "# é\npublish: {tests: {boot_paths: [fäst, direct]}}"),
        ("", ""),
        ("- fast\n", "- fast\n"),
    ],
)
def test_words_are_changed_where_they_are_words(before: str, after: str) -> None:
    assert policy(before) == after
    assert policy(after) == after
    parse_yaml(after, Path("policy.yaml"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("imagekit run x --road fast", "imagekit run x --boot direct"),
        ("imagekit run x --road=fast --road live", "imagekit run x --boot=direct --boot live"),
        ("bin/imagekit bench ladder", "bin/imagekit bench lifecycle"),
        ("imagekit test --again\nx --again", "imagekit test --fresh\nx --again"),
        ("imagekit test --roadmap fast --boot fast-lane", "imagekit test --roadmap fast --boot fast-lane"),
        ("myimagekit --road fast", "myimagekit --road fast"),
        ("imagekit test \\\r\n  --road fast", "imagekit test \\\r\n  --boot direct"),
    ],
)
def test_command_lines(before: str, after: str) -> None:
    assert edited(before, command_changes(before, "ci.yml")) == after
    assert edited(after, command_changes(after, "ci.yml")) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('@mark.road("fast")\ndef test(): ...\n', '@mark.boot_path("direct")\ndef test(): ...\n'),
        ('x = "ü"; m = pytest.mark.road("fast")\n', 'x = "ü"; m = pytest.mark.boot_path("direct")\n'),
        ('pytest.mark.road(\n    "fa" "st",\n)\n', 'pytest.mark.boot_path(\n    "direct",\n)\n'),
        ('car.road("fast")\n', 'car.road("fast")\n'),
        ("\x0cpytest.mark.road('fast')\n", "\x0cpytest.mark.boot_path('direct')\n"),
    ],
)
def test_marks(before: str, after: str) -> None:
    found: list[Change] = list(check_changes(before, Path("test_x.py"), "test_x.py"))
    assert edited(before, found) == after


def migrate(project: Path, *words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, ["--project", str(project), "config", "migrate", *words], standalone_mode=False)
    assert done.exception is None, done.exception
    return int(done.return_value or 0), done.stdout, done.stderr


def test_the_command_says_writes_and_exits(project: Path) -> None:
    code, out, err = migrate(project)
    assert (code, out.count("\n")) == (0, 27)
    assert "policy.yaml:5: roads → boot_paths\n" in out
    assert "images/stamp/Dockerfile:3: REVISION: by hand: nothing sets it" in out
    assert "19 changes can be written: `imagekit config migrate --write`. 8 are yours to make." in err
    assert migrate(project, "--check")[0] == 1
    code, out, err = migrate(project, "--write")
    assert code == 1
    assert "19 changes written to 7 files" in err
    assert migrate(project)[2] == "Nothing can be written. 8 are yours to make.\n"
    rows = json.loads(migrate(project, "--json")[1])
    assert len(rows) == 8
    assert all(row["by_hand"] for row in rows)


def test_a_good_project_ends_with_0(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("version: 1\n")
    for words in ((), ("--check",), ("--write",)):
        assert migrate(tmp_path, *words) == (0, "", "Nothing has to change.\n")
