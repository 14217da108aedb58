"""Policies that the documents show are ones that the program takes, as they stand there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from imagekit.app.patterns import require_patterns
from imagekit.config.load import load_project
from imagekit.trust.gate.policy import load_policy

ROOT = Path(__file__).parents[4]
PAGES = ("docs/releasing.md", "docs/release-policy.md")


@pytest.mark.parametrize("page", PAGES)
def test_a_policy_on_a_page_is_taken_and_binds_real_checks(page: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(version: 1\npublish:.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert blocks
    for text in blocks:
        (tmp_path / "policy.yaml").write_text(text)
        require_patterns(load_project(ROOT), load_policy(tmp_path))
