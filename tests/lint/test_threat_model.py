"""The threat model's promises are tests that exist, and lines of the attack table that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from imagekit.base.process import run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/threat-model.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda value: value.rpartition("/")[2])
def test_a_named_test_exists(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_named_lines_of_the_attack_table_exist() -> None:
    table = (ROOT / "tests/unit/trust/gate/test_attacks.py").read_text()
    lines = [
        line
        for each in re.findall(r"\blines? ((?:\*[^*]+\*(?:, )?)+)", PAGE)
        for line in re.findall(r"\*([^*]+)\*", each)
    ]
    assert len(lines) >= 5
    for line in lines:
        assert line.removesuffix(" ...") in table, line


def test_every_party_of_the_table_has_its_section() -> None:
    parties = re.findall(r"^\| \*\*([^*]+)\*\*", PAGE, re.MULTILINE)
    heads = [head.lower() for head in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)]
    for party in parties:
        assert any(party.lower().removeprefix("the ").split("'")[0] in head for head in heads), party


def test_what_is_to_be_reviewed_covers_what_decides() -> None:
    """A file that decides and stands in no list of owners is changed unseen."""
    owners = re.findall(r"^(/\S+)\s+@", (ROOT / "docs/github.md").read_text(), re.MULTILINE)
    decides = {
        *("/.github/", "/action.yml", "/bin/", "/imagekit/", "/imagekit.yaml", "/policy.yaml", "/trust.yaml", "/keys/"),
        *("/waivers/", "/yanks/", "/channels/", "/ledger/", "/fleet/", "/images/", "/cloud-config/", "/vm-harness/"),
    }
    assert decides <= set(owners)
    # What git keeps, not what lies around in a checkout that was worked in.
    tracked = run(["git", "ls-files"], timeout=30, cwd=ROOT).stdout.splitlines()
    tops = {Path(name).parts[0] for name in tracked}
    kept = {f"/{name}" + ("/" if (ROOT / name).is_dir() else "") for name in tops if not name.startswith(".")}
    harmless = {
        "/docs/",
        "/tests/",
        "/Makefile",
        "/LICENSE",
        "/NOTICE",
        *(name for name in kept if name.endswith(".md")),
    }
    listed = {name for name in kept if any(re.fullmatch(owner.replace("*", ".*"), name) for owner in owners)}
    assert kept - listed - harmless == set(), "say in docs/github.md who reviews it"
