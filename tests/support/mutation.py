"""A mutation run: mutmut changes one module at a time in a copy of the code; its tests must fail on each change.

``bin/mutate MODULE...`` runs it for some modules, without a name for all of trust, release and app. It ends with its
budget, and the next run goes on where it stopped: with the mutants that are left of a module, then with the modules
that nobody tried, or that changed since, they or their tests. What survives is shown and judged by a person; it is no
failure by itself, for some changes mean the same.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.process import ProcessTimeoutError, now, run

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".imagekit/mutate"
PACKAGES = ("trust", "release", "app")
# Tests of a module that neither have its name nor import it, or that hold more than the one file with its name.
TESTS = {
    "imagekit/app/stages.py": ("tests/unit/app/test_run.py", "tests/unit/app/test_suiteruns.py"),
    "imagekit/app/runstate.py": ("tests/unit/app/test_run.py",),
    "imagekit/app/outcome.py": ("tests/unit/app/test_run.py",),
    "imagekit/trust/gate/evaluate.py": ("tests/unit/trust/gate",),
    **{
        f"imagekit/app/migration/{name}.py": ("tests/unit/app/test_migrating.py",)
        for name in ("checkrules", "commandrules", "handrules", "model", "yamlplaces", "yamlrules")
    },
    "imagekit/trust/gate/people.py": ("tests/unit/trust/gate", "tests/unit/app/test_people.py"),
}
_CONFIG = """
[tool.mutmut]
source_paths = ["imagekit"]
only_mutate = ["{module}"]
also_copy = ["vm-harness", "images", "cloud-config", "docs", "bin", "setup.py", "README.md", "CONTRIBUTING.md"]
pytest_add_cli_args = ["-q", "-p", "no:cacheprovider", "-W", "ignore"]
pytest_add_cli_args_test_selection = [{tests}]
timeout_multiplier = 4.0
timeout_constant = 2.0
"""
_RESULT = re.compile(r"^\s*(\S+__mutmut_\d+): (.+)$", re.M)
_LIVES = "survived"
_OPEN = "not checked"  # how mutmut says that it did not come to a mutant
_MINUTES = 60.0


def where_tested(module: str) -> tuple[str, ...]:
    """Where the tests of a module are: named in `TESTS`, else the file that mirrors it and what imports it in its
    package's folder, else whatever imports it, else that folder.
    """
    if module in TESTS:
        return TESTS[module]
    path = Path(module)
    folder = Path("tests/unit", *path.parent.parts[1:])
    mirror = str(folder / f"test_{path.name}")
    importing = {test for test, names in _imports().items() if ".".join(path.with_suffix("").parts) in names}
    near = {test for test in importing if Path(test).is_relative_to(folder)} | ({mirror} & {*_imports()})
    return tuple(sorted(near or importing)) or (str(folder),)


@cache
def _imports() -> dict[str, frozenset[str]]:
    """Every unit test file, and the modules that it imports."""
    files = (ROOT / "tests/unit").rglob("test_*.py")
    return {str(path.relative_to(ROOT)): frozenset(_imported(ast.parse(path.read_text()))) for path in files}


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{each.name}" for each in node.names)


def modules() -> tuple[str, ...]:
    """Every module of the packages that decide."""
    found = (path for package in PACKAGES for path in (ROOT / "imagekit" / package).rglob("*.py"))
    return tuple(sorted(str(path.relative_to(ROOT)) for path in found if path.name != "__init__.py"))


def state_of(module: str) -> str:
    """The hash of a module and its tests: what was found out about one state counts for that one."""
    found = hashlib.sha256()
    for name in (module, *where_tested(module)):
        for path in sorted((ROOT / name).rglob("*.py")) if (ROOT / name).is_dir() else [ROOT / name]:
            found.update(path.read_bytes())
    return found.hexdigest()[:16]


def mutated(module: str, copy: Path, seconds: float) -> dict[str, str]:
    """How each mutant of a module ended, by its name; `copy` is a new folder, or one that an earlier run began."""
    if not (copy / "pyproject.toml").is_file():
        _copied(module, copy)
    program = Path(sys.executable).with_name("mutmut")
    try:
        run([program, "run"], timeout=seconds, cwd=copy)
    except ProcessTimeoutError:
        if not (copy / "mutants").is_dir():
            raise
    ended = dict(_RESULT.findall(run([program, "results", "--all", "true"], timeout=60, cwd=copy).stdout))
    return {name: f"{how}{_change(program, copy, name)}" if how == _LIVES else how for name, how in ended.items()}


def _change(program: Path, copy: Path, name: str) -> str:
    """The lines that a mutant has and the module has not, and the reverse."""
    shown = run([program, "show", name], timeout=60, cwd=copy).stdout.splitlines()
    return "".join(f"\n    {line[0]} {line[1:].strip()}" for line in shown if re.match(r"[-+](?![-+])", line))


def _copied(module: str, copy: Path) -> None:
    for name in run(["git", "ls-files", "-co", "--exclude-standard"], timeout=60, cwd=ROOT).stdout.splitlines():
        if (ROOT / name).is_file() and name != "pyproject.toml":
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    tests = ", ".join(f'"{each}"' for each in where_tested(module))
    settings = _CONFIG.format(module=module, tests=tests)
    (copy / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text() + settings)


class Memory:
    """What earlier runs found out, in `.imagekit/mutate`."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "results.json"
        folder.mkdir(parents=True, exist_ok=True)

    def _all(self) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = json.loads(self._file.read_text()) if self._file.is_file() else {}
        return found

    def ended(self, module: str) -> dict[str, str] | None:
        """How the mutants of a module ended, all of them and in its present state; else None."""
        row = self._all().get(module)
        return row["ended"] if row is not None and row["state"] == state_of(module) else None  # type: ignore[return-value]

    def keep(self, module: str, ended: dict[str, str]) -> None:
        """All mutants of a module were tried; its copy goes."""
        rows = {**self._all(), module: {"state": state_of(module), "ended": ended}}
        self._file.write_text(json.dumps(rows, indent=1, sort_keys=True))
        shutil.rmtree(self.copy(module))

    def copy(self, module: str) -> Path:
        """Where the mutants of a module in its present state lie; copies of earlier states go."""
        name = module.replace("/", "-").removesuffix(".py")
        place = self._folder / f"{name}-{state_of(module)}"
        for other in self._folder.glob(f"{name}-*"):
            if other != place and len(other.name) == len(place.name):
                shutil.rmtree(other)
        place.mkdir(exist_ok=True)
        return place


def main(words: Sequence[str], folder: Path = STATE) -> int:
    """Print, module by module, how many mutants were killed and which survived."""
    parser = argparse.ArgumentParser(prog="bin/mutate", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="end after so many (%(default).0f)")
    parser.add_argument("modules", nargs="*", metavar="MODULE")
    asked = parser.parse_args(words)
    missing = [each for each in asked.modules if not (ROOT / each).is_file()]
    if missing:
        sys.stderr.writelines(f"{each}: no such file\n" for each in missing)
        return 2
    memory, until, left = Memory(folder), now() + asked.minutes * 60, []
    for module in asked.modules or modules():
        known = memory.ended(module)
        if known is None and now() >= until:
            left.append(module)
            continue
        try:
            ended = known if known is not None else mutated(module, memory.copy(module), max(1.0, until - now()))
        except ProcessTimeoutError:
            left.append(module)
            continue
        except ToolError as error:  # its tests do not even pass without a change, for one
            sys.stderr.write(f"{module}: {error}\n{error.hint}\n")
            return error.exit_code
        if known is None and _OPEN in ended.values():
            left.append(module)
        elif known is None:
            memory.keep(module, ended)
        _tell(module, ended, known is not None)
    if left:
        sys.stdout.write(f"{len(left)} modules are left, beginning with {left[0]}; the next run goes on there\n")
    return 0


def _tell(module: str, ended: dict[str, str], known: bool) -> None:
    counts = ", ".join(
        f"{number} {how}" for how, number in Counter(how.partition("\n")[0] for how in ended.values()).most_common()
    )
    sys.stdout.write(f"{module}: {counts or 'nothing to mutate'}{' (known)' if known else ''}\n")
    sys.stdout.writelines(f"  {name}: {how}\n" for name, how in ended.items() if how not in ("killed", _OPEN))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
