"""What the documentation names is there: files, folders, modules, the pages and headings that links point at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
        *(path for name in ("docs", "images", "vm-harness", "cloud-config") for path in (ROOT / name).rglob("*.md")),
    ]
)
_FENCE = re.compile(r"^```.*?^```", re.S | re.M)
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s\[]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.M)
# A path of this repository, written out: no placeholder, no glob.
_PATH = re.compile(r"(?!.*(?:NAME|PAGE))(?:imagekit|tests|docs|vm-harness|bin)/[\w./-]+")
_MODULE = re.compile(r"(?:imagekit|tests)(?:\.[A-Za-z_]\w*){2,}")  # with one dot it is a file or a key of one
_INSTALLED = {"imagekit/data"}  # made by setup.py, in a wheel alone


def codes(page: Path) -> Iterator[str]:
    """What a page shows as code in running text."""
    yield from _CODE.findall(_FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub links to them."""
    names = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", name).strip().lower() for name in _HEADING.findall(page.read_text()))
    return {re.sub(r"[^\w\- ]", "", name).replace(" ", "-") for name in names}


def is_module(name: str) -> bool:
    """Whether a dotted name is a module here, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = ROOT.joinpath(*parts[:length])
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file() or path.is_dir():
            module = path.with_suffix(".py") if path.with_suffix(".py").is_file() else path / "__init__.py"
            rest = parts[length:]
            return not rest or (module.is_file() and re.search(rf"\b{rest[0]}\b", module.read_text()) is not None)
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_paths_and_modules_are_there(page: Path) -> None:
    """Also by the name of a test in a file: `tests/unit/x.py::test_y`."""
    missing = []
    for code in codes(page):
        path, _, name = code.partition("::")
        if _PATH.fullmatch(path) and path not in _INSTALLED:
            where = ROOT / path.rstrip("/")
            if not where.exists() or (name and name.partition("[")[0] not in where.read_text()):
                missing.append(code)
        elif _MODULE.fullmatch(code) and not is_module(code):
            missing.append(code)
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(re.sub(r"`[^`]*`", "", _FENCE.sub("", page.read_text()))):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        where = (page.parent / target).resolve() if target else page
        if not where.exists() or (anchor and where.suffix == ".md" and anchor not in anchors(where)):
            broken.append(link)
    assert not broken
