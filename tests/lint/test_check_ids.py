"""Ids and patterns of checks that the documents name are those of checks that there are (issue 16, 6)."""

from __future__ import annotations

import re
from pathlib import Path

from imagekit.checks.known import known_checks, matches

ROOT = Path(__file__).parents[2]
CHECKS = ROOT / "vm-harness" / "checks"
_ID = re.compile(r"(?:(?:[a-z]+|\*):)?[a-z0-9*-]+/[\w*/]+\.py::[\w*]+")
# As ids were written once; no check has such a one.
_OLD = re.compile(r"\b(?:fast|live|direct|installed):[a-z0-9-]+::")
_TEXTS = [path for path in (ROOT / "docs").rglob("*.md") if "adr" not in path.parts] + [ROOT / "README.md"]
_PATHS = ("direct", "live", "installed")


def named() -> list[tuple[str, str]]:
    return [
        (f"{path.relative_to(ROOT)}:{number}", found)
        for path in _TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for found in (*_ID.findall(line), *_OLD.findall(line))
        if "tests/" not in found  # the project's own tests, which are no checks
    ]


def test_every_id_in_the_documents_is_real() -> None:
    known = known_checks(sorted(path.name for path in CHECKS.iterdir() if path.is_dir()), CHECKS)
    found = named()
    assert len(found) > 4
    assert [(where, text) for where, text in found if not matches(text, known, _PATHS)] == []
