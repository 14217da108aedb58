"""A mutation run: mutmut changes one module at a time in a copy of the code; its tests must fail on each change.

``bin/mutate MODULE...`` runs it for some modules, without a name for all of trust, release and app (hours: for the
night). What survives is shown and judged by a person; it is no failure by itself, for some changes mean the same.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.process import now, run

ROOT = Path(__file__).parents[2]
PACKAGES = ("trust", "release", "app")
# Tests of a module that does not have a file or folder of its own under tests/unit.
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
"""
_RESULT = re.compile(r"^\s*(\S+__mutmut_\d+): (.+)$", re.M)
_LONGEST = 4 * 3600.0  # seconds for one module


def where_tested(module: str) -> tuple[str, ...]:
    """Where the tests of a module are: named in `TESTS`, else the file that mirrors it, else its package's folder."""
    if module in TESTS:
        return TESTS[module]
    path = Path(module)
    folder = Path("tests/unit", *path.parent.parts[1:])
    mirror = folder / f"test_{path.name}"
    return (str(mirror if (ROOT / mirror).is_file() else folder),)


def modules() -> tuple[str, ...]:
    """Every module of the packages that decide."""
    found = (path for package in PACKAGES for path in (ROOT / "imagekit" / package).rglob("*.py"))
    return tuple(sorted(str(path.relative_to(ROOT)) for path in found if path.name != "__init__.py"))


def mutated(module: str, copy: Path) -> dict[str, str]:
    """How each mutant of a module ended, by its name; `copy` is an empty folder."""
    for name in run(["git", "ls-files", "-co", "--exclude-standard"], timeout=60, cwd=ROOT).stdout.splitlines():
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    tests = ", ".join(f'"{each}"' for each in where_tested(module))
    with (copy / "pyproject.toml").open("a") as settings:
        settings.write(_CONFIG.format(module=module, tests=tests))
    program = Path(sys.executable).with_name("mutmut")
    run([program, "run"], timeout=_LONGEST, cwd=copy)
    return dict(_RESULT.findall(run([program, "results", "--all", "true"], timeout=60, cwd=copy).stdout))


def main(asked: Sequence[str]) -> int:
    """Print, module by module, how many mutants were killed and which survived."""
    for module in asked or modules():
        if not (ROOT / module).is_file():
            sys.stderr.write(f"{module}: no such file\n")
            return 2
        began = now()
        try:
            with tempfile.TemporaryDirectory(prefix="imagekit-mutate-") as folder:
                ended = mutated(module, Path(folder))
        except ToolError as error:  # its tests do not even pass without a change, for one
            sys.stderr.write(f"{module}: {error}\n{error.hint}\n")
            return error.exit_code
        counts = ", ".join(f"{number} {how}" for how, number in Counter(ended.values()).most_common())
        sys.stdout.write(f"{module}: {counts or 'nothing to mutate'} ({now() - began:.0f} s)\n")
        sys.stdout.writelines(f"  {name}: {how}\n" for name, how in ended.items() if how != "killed")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
