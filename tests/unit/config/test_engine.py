"""imagekit's own data and a project's: whose file counts, and what is put together."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.config import engine
from imagekit.config.engine import engine_root, located, name_of, pieces


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small imagekit of its own."""
    root = tmp_path / "data"
    write(root, "vm-harness/console-patterns.yaml", "ours")
    write(root, "vm-harness/domains/machine.xml.j2", "ours")
    write(root, "images/base/Dockerfile", "FROM ours")
    write(root, "images/base/layer.yaml", "ours")
    monkeypatch.setattr(engine, "_PACKAGED", root)
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path / "project"


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_project_without_a_harness_is_tested_with_imagekits(ours: Path, project: Path) -> None:
    assert located(project, "vm-harness") == ours / "vm-harness"


def test_a_file_of_the_project_stands_in_the_place_of_imagekits(ours: Path, project: Path) -> None:
    write(project, "vm-harness/console-patterns.yaml", "own")
    write(project, "vm-harness/checks/site/test_site.py", "own")
    folder = located(project, "vm-harness")
    assert (folder / "console-patterns.yaml").read_text() == "own"
    assert (folder / "domains/machine.xml.j2").read_text() == "ours"
    assert (folder / "checks/site/test_site.py").read_text() == "own"
    assert located(project, "vm-harness") == folder, "what is the same is not put together twice"
    write(project, "vm-harness/console-patterns.yaml", "another")
    assert located(project, "vm-harness") != folder
    assert not list(folder.parent.glob(".part-*"))


def test_neither_side_is_changed(ours: Path, project: Path) -> None:
    write(project, "vm-harness/console-patterns.yaml", "own")
    (located(project, "vm-harness") / "domains/machine.xml.j2").write_text("altered")
    assert (ours / "vm-harness/domains/machine.xml.j2").read_text() == "ours"
    assert sorted(path.name for path in (project / "vm-harness").rglob("*")) == ["console-patterns.yaml"]


def test_a_layer_is_completed_by_files_and_replaced_by_a_dockerfile(ours: Path, project: Path) -> None:
    write(project, "images/base/files/etc/motd", "own")
    assert (located(project, "images/base") / "Dockerfile").read_text() == "FROM ours"
    assert (located(project, "images/base") / "files/etc/motd").read_text() == "own"
    write(project, "images/base/Dockerfile", "FROM own")
    assert located(project, "images/base") == project / "images/base"


@pytest.mark.parametrize("own", [(), ("images/ca-trust/files/corporate.pem",)])
def test_demo_authorities_are_in_no_other_project(ours: Path, project: Path, own: tuple[str, ...]) -> None:
    write(ours, "images/ca-trust/Dockerfile", "FROM ours")
    write(ours, "images/ca-trust/files/imagekit-demo-root-ca.pem", "everybody has its key")
    for name in own:
        write(project, name, "own")
    found = sorted(path.name for path in (located(project, "images/ca-trust") / "files").iterdir())
    assert found == [name.rpartition("/")[2] for name in own]
    assert located(ours, "images/ca-trust") == ours / "images/ca-trust"


def test_the_harness_keeps_the_certificate_of_its_test_server(ours: Path, project: Path) -> None:
    write(ours, "vm-harness/fixtures/ca/imagekit-demo-issuing-ca.pem", "ours")
    write(project, "vm-harness/checks/site/test_site.py", "own")
    assert (located(project, "vm-harness") / "fixtures/ca/imagekit-demo-issuing-ca.pem").exists()


def test_a_folder_that_was_put_together_has_its_name_in_the_project(ours: Path, project: Path) -> None:
    (ours / "images/ca-x").mkdir(parents=True)
    (ours / "images/ca-x/layer.yaml").write_text("name: ca-x\n")
    (project / "images/ca-x/files").mkdir(parents=True)
    (project / "images/ca-x/files/own.crt").write_text("x")
    together = located(project, "images/ca-x")
    assert together.name != "ca-x"
    assert name_of(together) == "ca-x"
    assert name_of(project / "images/ca-x") == "ca-x"
    assert name_of(project / "images/ca-0123456789abcdef") == "ca-0123456789abcdef"


def test_what_nobody_has_is_named_as_the_projects(ours: Path, project: Path) -> None:
    assert located(project, "images/none") == project / "images/none"


def test_every_piece_says_whose_it_is(ours: Path, project: Path) -> None:
    write(project, "vm-harness/console-patterns.yaml", "own")
    found = {piece.name: piece.own for piece in pieces(project, ("base",))}
    assert found == {
        "images/base/Dockerfile": False,
        "images/base/layer.yaml": False,
        "vm-harness/console-patterns.yaml": True,
        "vm-harness/domains/machine.xml.j2": False,
    }


def test_the_reference_project_is_imagekit_itself() -> None:
    root = engine_root()
    assert located(root, "vm-harness") == root / "vm-harness"
    assert {piece.own for piece in pieces(root, ("base",))} == {True}
