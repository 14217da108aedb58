"""The bytecode of an image's Python: valid whatever the time of its source, and the same in every build."""

from __future__ import annotations

import os
import py_compile
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from imagekit.base.process import run

SCRIPT = Path(__file__).parents[3] / "images/scripts/compile-python.py"
SOURCE = "NAMES = {'a', 'b', 'c'} & frozenset('abc')\nLINE = 1\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of modules, one of them in a package."""
    folder = tmp_path / "dist-packages"
    (folder / "package").mkdir(parents=True)
    (folder / "one.py").write_text(SOURCE)
    (folder / "package/__init__.py").write_text("")
    return folder


@pytest.fixture
def finish(root: Path) -> Callable[[], list[str]]:
    """Do what a layer's end does, and tell the files of bytecode that are there then."""
    script = SimpleNamespace(**runpy.run_path(str(SCRIPT)))

    def done() -> list[str]:
        script.remove_others([root], script.compile_modules([root]))
        return sorted(str(path.relative_to(root)).rpartition(".cpython")[0] for path in root.rglob("*.pyc"))

    return done


def imported(root: Path) -> list[str]:
    """What Python says of an import of module `one`, on a root that it cannot write to."""
    argv = [sys.executable, "-B", "-v", "-c", "import one"]
    done = run(argv, env={"PYTHONPATH": str(root)}, timeout=30)
    return [line for line in done.stderr.splitlines() if "'one'" in line or "one.cpython" in line]


def test_every_module_is_compiled_and_an_import_takes_it(root: Path, finish: Callable[[], list[str]]) -> None:
    assert finish() == ["__pycache__/one", "package/__pycache__/__init__"]
    os.utime(root / "one.py", (7, 7))  # as the export of an image sets times
    assert any("code object from" in line and ".pyc" in line for line in imported(root))


def test_without_it_a_changed_time_is_a_new_compilation(root: Path) -> None:
    py_compile.compile(str(root / "one.py"))
    os.utime(root / "one.py", (7, 7))
    assert any("bytecode is stale" in line for line in imported(root))


def test_what_was_compiled_by_time_is_written_anew(root: Path, finish: Callable[[], list[str]]) -> None:
    compiled = Path(py_compile.compile(str(root / "one.py")) or "")
    before = compiled.read_bytes()
    finish()
    assert compiled.read_bytes() != before


def test_a_layer_writes_nothing_that_one_below_has(root: Path, finish: Callable[[], list[str]]) -> None:
    finish()
    times = {path: path.stat().st_mtime_ns for path in root.rglob("*.pyc")}
    (root / "two.py").write_text("LINE = 2\n")
    assert len(finish()) == len(times) + 1
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_source_that_changed_is_compiled_anew(root: Path, finish: Callable[[], list[str]]) -> None:
    finish()
    (root / "one.py").write_text("LINE = 3\n")
    finish()
    argv = [sys.executable, "-B", "-c", "import one; print(one.LINE)"]
    assert run(argv, env={"PYTHONPATH": str(root)}, timeout=30).stdout == "3\n"


def test_what_is_of_no_source_any_more_goes_with_its_folder(root: Path, finish: Callable[[], list[str]]) -> None:
    (root / "gone/__pycache__").mkdir(parents=True)
    (root / "gone/__pycache__/old.cpython-311.pyc").write_bytes(b"\0" * 16)
    (root / "__pycache__").mkdir()
    (root / "__pycache__/one.cpython-37.pyc").write_bytes(b"\0" * 16)
    assert finish() == ["__pycache__/one", "package/__pycache__/__init__"]
    assert not (root / "gone/__pycache__").exists()


def test_a_template_that_is_no_python_is_left_alone(root: Path, finish: Callable[[], list[str]]) -> None:
    (root / "template.py").write_text("def {{ name }}:\n")
    assert "__pycache__/template" not in finish()
    assert (root / "template.py").exists()


def test_two_builds_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    """Each by a Python of its own, whose sets have another order."""
    found = []
    for seed in ("1", "2"):
        code = (
            f"import runpy; s = runpy.run_path({str(SCRIPT)!r}); "
            f"s['remove_others']([{str(root)!r}], s['compile_modules']([{str(root)!r}]))"
        )
        run([sys.executable, "-B", "-S", "-s", "-c", code], env={"PYTHONHASHSEED": seed}, timeout=30)
        found.append({path: path.read_bytes() for path in root.rglob("*.pyc")})
        for folder in [*root.rglob("__pycache__")]:
            shutil.rmtree(folder)
    assert found[0] == found[1]
    assert len(found[0]) == 2
