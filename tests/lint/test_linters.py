"""The linters, over everything that git tracks or would track."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from imagekit.base.process import Completed, run

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MEGABYTE = 1_000_000
# In pieces, so that this list does not find itself. Addresses come from each machine's own configuration.
MACHINE_PATHS = ("/work/" + "main", "/work/" + "shared", "../" + "shared", "/root/" + ".pyenv", "/home/" + "runner")
INDEX_HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "deb." + "debian.org", "proxy." + "golang.org")


def project_files() -> list[Path]:
    """Files under version control and new ones that are not ignored."""
    listed = run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], timeout=30, cwd=ROOT
    ).stdout.split("\0")
    return [path for name in listed if name and (path := ROOT / name).is_file()]


def head(path: Path) -> str:
    """The first line of a file, when it is text."""
    with path.open("rb") as stream:
        return stream.readline(200).decode("utf-8", "replace")


def passes(*argv: str | Path, timeout: float = 300) -> Completed:
    """Run a linter from the project's environment; what it says is the failure."""
    done = run([BIN / argv[0], *argv[1:]], timeout=timeout, cwd=ROOT, ok=range(256))
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_ruff_finds_nothing() -> None:
    passes("ruff", "check", ".")


def test_layout_is_that_of_ruff_format() -> None:
    passes("ruff", "format", "--check", ".")


def test_types_are_strict() -> None:
    passes("mypy")


def test_shellcheck_finds_nothing() -> None:
    scripts = [path for path in project_files() if path.suffix == ".sh" or re.match(r"#!.*\b(ba|da)?sh\b", head(path))]
    assert scripts
    passes(
        "shellcheck",
        "--severity=warning",
        "--external-sources",
        "--source-path=SCRIPTDIR",
        f"--source-path={ROOT}",
        *scripts,
    )


def test_hadolint_finds_nothing() -> None:
    files = [path for path in project_files() if path.name == "Dockerfile" or path.suffix == ".Dockerfile"]
    assert files
    passes("hadolint", "--config", ROOT / ".hadolint.yaml", *files)


def test_no_file_is_large() -> None:
    assert [str(path) for path in project_files() if path.stat().st_size > MEGABYTE] == []


@pytest.mark.parametrize("text", [*MACHINE_PATHS, *INDEX_HOSTS])
def test_no_file_names_a_machine_path_or_an_index(text: str) -> None:
    wanted = text.encode()
    assert [str(path) for path in project_files() if wanted in path.read_bytes()] == []
