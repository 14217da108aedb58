"""Imports go one way: a package knows only the packages before it, root modules know only one another."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
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


@cache
def imports(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """What a module imports, at its top or inside functions."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def imported(path: Path) -> set[str]:
    """Names below imagekit that a module imports, at its top or inside functions."""
    found = set()
    for node in imports(path):
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
    for node in imports(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def modules() -> dict[str, Path]:
    """Every module of imagekit by its dotted name."""
    found = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in ROOT.rglob("*.py")}
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


def needed_at_once(name: str, known: Mapping[str, Path]) -> set[str]:
    """Modules of imagekit that one imports at its top: not for types alone, and not inside functions."""
    found: set[str] = set()
    for node in ast.parse(known[name].read_text()).body:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= (whole & known.keys()) or {node.module}
    return found & known.keys() - {name}


def test_no_modules_import_one_another_in_a_circle() -> None:
    known = modules()
    order = list(TopologicalSorter({name: needed_at_once(name, known) for name in known}).static_order())
    assert len(order) == len(known) > 500


def test_a_circle_is_seen(tmp_path: Path) -> None:
    known = {}
    for name, other in (("imagekit.a", "imagekit.b"), ("imagekit.b", "imagekit.a")):
        known[name] = tmp_path / name
        known[name].write_text(f"from {other} import thing\n")
    with pytest.raises(CycleError):
        list(TopologicalSorter({name: needed_at_once(name, known) for name in known}).static_order())
