"""Two revisions side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from imagekit.base import process
from imagekit.base.errors import ConfigError
from imagekit.bench import clone, compare, table
from imagekit.bench.clone import cloned
from imagekit.bench.model import Comparison
from imagekit.config.load import SETTINGS_FILE, Project
from imagekit.config.settings import Settings
from tests.unit.bench.sample import report


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository of two commits; settings of the second are of today."""
    root = tmp_path / "project"
    root.mkdir()
    git(root, "init", "-q")
    for text in ("version: 1\nof_old: true\n", "version: 1\n"):
        (root / SETTINGS_FILE).write_text(text)
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", "one")
    return Project(root=root, images={}, layers={}, settings=Settings())


def git(root: Path, *argv: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return process.run(["git", *who, *argv], timeout=30, cwd=root).stdout.strip()


def test_a_revision_is_a_commit_or_refused(project: Project) -> None:
    assert compare.commit_of(project.root, "HEAD~1") == git(project.root, "rev-parse", "HEAD~1")
    for wrong in ("v9", "--all", "HEAD:imagekit.yaml"):
        with pytest.raises(ConfigError, match="no such revision"):
            compare.commit_of(project.root, wrong)


def test_a_clone_of_an_earlier_commit_keeps_the_settings_that_its_imagekit_knows(
    project: Project, tmp_path: Path
) -> None:
    commit = compare.commit_of(project.root, "HEAD~1")
    with cloned(project, tmp_path / "clone", commit=commit) as folder:
        assert git(folder, "rev-parse", "HEAD") == commit
        settings = yaml.safe_load((folder / SETTINGS_FILE).read_text())
    assert settings["of_old"] is True
    assert settings["registry"].startswith("127.0.0.1:")


def test_of_each_row_the_round_with_the_middle_ratio_counts() -> None:
    rounds = [
        ({"boot": (10.0, "s"), "gone": (1.0, "s")}, {"boot": (20.0, "s"), "new": (3.0, "s")}),
        ({"boot": (10.0, "s"), "gone": (1.0, "s")}, {"boot": (10.0, "s"), "new": (4.0, "s")}),
        ({"boot": (40.0, "s"), "gone": (1.0, "s")}, {"boot": (44.0, "s"), "new": (5.0, "s")}),
    ]
    found = {row.name: (row.before, row.now, row.ratio) for row in compare.compared(rounds)}
    assert found == {"boot": (40.0, 44.0, 1.1), "new": (None, 3.0, None), "gone": (1.0, None, None)}


def test_a_row_of_nothing_has_no_ratio() -> None:
    [row] = compare.compared([({"lost": (0, "of 200")}, {"lost": (2, "of 200")})])
    assert (row.before, row.now, row.ratio) == (0, 2, None)


@pytest.fixture
def measured(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Benchmarks that are played; what was run where, and by whose code."""
    calls: list[str] = []

    def ran(argv: list[Any], **options: Any) -> process.Completed:
        where = Path(argv[argv.index("--project") + 1])
        code = options["env"].get("PYTHONPATH", "")
        calls.append(
            f"{'now' if where == project.root else 'then'} {'own code' if code == str(where) else 'this code'}"
        )
        data = table.as_json(report(error="" if where == project.root else "no such benchmark"))
        return process.Completed(tuple(map(str, argv)), 1, data, "")

    real = process.run
    monkeypatch.setattr(process, "run", lambda argv, **o: ran(argv, **o) if "bench" in argv else real(argv, **o))

    class Engine:
        def __init__(self, _work: Path) -> None:
            self.host = "unix:///engine"

        def __enter__(self) -> Engine:
            return self

        def __exit__(self, *_error: object) -> None:
            return None

    monkeypatch.setattr(clone, "engine", Engine)
    return calls


def test_both_are_measured_in_turn_each_by_its_own_code(project: Project, measured: list[str]) -> None:
    found = compare.compare(project, "debian-node", ("boot",), "HEAD~1", 2)
    assert measured == ["then own code", "now this code"] * 2
    assert {row.ratio for row in found.rows} == {1.0}
    assert found.errors == (f"{found.revision[:12]}: boot: no such benchmark",)
    assert not list((project.work / "bench").glob("tmp-*"))


def test_views() -> None:
    rows = tuple(compare.compared([({"a | b": (2.0, "s")}, {"a | b": (3.0, "s"), "new": (1.0, "s")})]))
    found = Comparison(revision="0123456789abcdef", rounds=3, rows=rows, errors=("now: boot: broken",))
    text = table.comparison_text(found)
    assert "a | b   2 s  3 s         1.5" in text
    assert "then: 0123456789ab; the round of 3 whose ratio is the middle one" in text
    assert "not measured: now: boot: broken" in text
    assert "| a \\| b | 2 s | 3 s | 1.5 |" in table.comparison_markdown(found)
    assert '"ratio": 1.5' in table.comparison_json(found)
