"""Imports go one way: a package knows only the packages before it, root modules know only one another."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import imagekit

ROOT = Path(imagekit.__file__).parent
ORDER = (
    "base",
    "services",
    "config",
    "packages",
    "plan",
    "oci",
    "build",
    "registry",
    "artifact",
    "inventory",
    "cve",
    "machine",
    "fixtures",
    "checks",
    "trust",
    "fleet",
    "release",
    "kube",
    "provision",
    "report",
    "history",
    "observe",
    "audit",
    "scenarios",
    "doctor",
    "app",
    "drift",
    "bench",
    "cli",
)


def imported(path: Path) -> set[str]:
    """Names below imagekit that a module imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found |= {name.split(".")[1] for name in names if name.startswith("imagekit.")}
    return found


def forward(path: Path) -> list[str]:
    """Imports of a module that point forward."""
    package = path.relative_to(ROOT).parts[0].removesuffix(".py")
    allowed = {*ORDER[: ORDER.index(package) + 1]} if package in ORDER else set()
    return sorted(name for name in imported(path) if name in ORDER and name not in allowed)


def test_every_package_has_a_place() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - set(ORDER) == set(), "give the new package its place in ORDER"


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_import_points_forward(path: Path) -> None:
    assert forward(path) == []


def test_a_forward_import_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.test_layers.ROOT", tmp_path)
    (tmp_path / "plan").mkdir()
    module = tmp_path / "plan" / "late.py"
    module.write_text("def late() -> None:\n    from imagekit import registry\n    import imagekit.build.bake\n")
    assert forward(module) == ["build", "registry"]


def test_libvirt_is_imported_in_one_package() -> None:
    """Everything else goes through `imagekit.machine.provider`; a second provider then needs no other change."""
    found = {path.parent for path in ROOT.rglob("*.py") if foreign(path) & {"libvirt", "libvirt_qemu"}}
    assert found == {ROOT / "machine" / "libvirt"}


def foreign(path: Path) -> set[str]:
    """Top-level names of what a module imports from outside."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
