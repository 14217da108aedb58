"""What a folder's hash is of; plan ids and kept results stand on it, so it is the same from release to release."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.base.tree import folder_hash

KNOWN = "1fc35ce2e10f2b2c2b702174d1de68cd5bdccf47afec99f551fcb59c97944a78"


def tree(root: Path) -> Path:
    for name in ("a/b", "a-b", "a/c/d", "x", "\u00e4"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (root / "x").chmod(0o755)
    (root / "link").symlink_to("a/b")
    (root / "folder").symlink_to("a")
    (root / "broken").symlink_to("/nowhere")
    return root


def test_it_is_as_it_always_was(tmp_path: Path) -> None:
    assert folder_hash(tree(tmp_path / "tree")) == KNOWN


def test_where_it_lies_is_no_part_of_it(tmp_path: Path) -> None:
    assert folder_hash(tree(tmp_path / "__pycache__/tree")) == KNOWN


def test_what_no_build_sees_is_no_part_of_it(tmp_path: Path) -> None:
    root = tree(tmp_path / "tree")
    (root / "a/__pycache__").mkdir()
    (root / "a/__pycache__/b.pyc").write_text("code")
    (root / "a/.DS_Store").write_text("icons")
    (root / "empty").mkdir()
    os.mkfifo(root / "pipe")
    assert folder_hash(root) == KNOWN


@pytest.mark.parametrize("change", ["content", "name", "mode", "link"])
def test_all_else_is(tmp_path: Path, change: str) -> None:
    root = tree(tmp_path / "tree")
    match change:
        case "content":
            (root / "a/c/d").write_text("else")
        case "name":
            (root / "a/c/d").rename(root / "a/c/e")
        case "mode":
            (root / "x").chmod(0o644)
        case _:
            (root / "link").unlink()
            (root / "link").symlink_to("a/c/d")
    assert folder_hash(root) != KNOWN


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such folder"):
        folder_hash(tmp_path / "nowhere")
