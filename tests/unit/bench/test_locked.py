"""What a locked build is measured by, and what it is kept from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from imagekit.bench import locked
from imagekit.bench.locked import built_of
from imagekit.bench.model import Met
from imagekit.bench.subject import BenchSubject
from imagekit.build.result import LayerBuild
from imagekit.cli import build as command_line
from imagekit.config.load import Project
from imagekit.config.settings import Settings
from tests.support.images import a_build


def test_layers_that_were_built_anew_are_counted(tmp_path: Path) -> None:
    layers = tuple(
        LayerBuild(name=str(at), id="", seconds=0.0, reused=reused) for at, reused in enumerate((True, False, False))
    )
    built = replace(a_build(tmp_path), layers=layers)
    assert built_of(command_line._json(built), 2.0) == locked._Built(2.0, built.digest.value, 2)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BenchSubject:
    """A project whose builds are played; its clone is a folder with the project's own settings."""
    (tmp_path / ".imagekit/packages/sha256").mkdir(parents=True)
    (tmp_path / ".imagekit/packages/sha256/aa").write_text("a package")
    for name in ("make_plan", "require_buildable", "ensure_packages"):
        monkeypatch.setattr(locked, name, lambda *_arguments: None)

    class Clone:
        def __init__(self, _project: Project, folder: Path) -> None:
            self.folder = folder

        def __enter__(self) -> Path:
            self.folder.mkdir()
            (self.folder / "imagekit.yaml").write_text("version: 1\ndebian_mirror: http://m.example/debian\n")
            return self.folder

        def __exit__(self, *_error: object) -> None:
            return None

    monkeypatch.setattr(locked, "cloned", Clone)
    project = Project(root=tmp_path, images={}, layers={}, settings=Settings(version=1))
    return BenchSubject(project=project, name="node", scratch=tmp_path)


def test_a_second_build_that_is_not_from_the_cache_misses_the_goal(
    bench: BenchSubject, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def build(clone: Path, _name: str, mode: str) -> locked._Built:
        calls.append(mode)
        if mode == "--locked":
            assert yaml.safe_load((clone / "imagekit.yaml").read_text())["debian_mirror"] == "http://127.0.0.1:9/debian"
            assert (clone / ".imagekit/packages/sha256/aa").read_text() == "a package"
            assert not (clone / ".imagekit/builds").exists(), "a build that is kept would be shown again"
            (clone / ".imagekit/builds").mkdir()
        return locked._Built({"--floating": 100.0}.get(mode, 105.0), f"sha256:{len(calls)}", len(calls) - 1)

    monkeypatch.setattr(locked, "_build", build)
    first, anew, _ = locked.measure(bench)
    assert calls == ["--floating", "--locked", "--locked"]
    assert (first.met, first.ratio) == (Met.YES, 1.05)
    assert (anew.met, anew.measured, anew.note) == (Met.NO, 2.0, "ANOTHER DIGEST")
