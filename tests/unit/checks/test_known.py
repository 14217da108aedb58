"""The names of checks out of their files, and what a person who writes them meets (issue 16, 6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.checks.known import UnknownCheckError, known_checks, matches, require_known, unknown, without_path

PATHS = ("fast", "live")


@pytest.fixture
def known(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "base/deep").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "base/test_ssh.py").write_text(
        "def helper(): ...\ndef test_root(): ...\nclass TestKeys:\n  def test_one(self): ...\n  def help(self): ...\n"
    )
    (tmp_path / "base/deep/test_x.py").write_text("import no_such_module\ndef test_y(): ...\n")
    (tmp_path / "other/test_z.py").write_text("def test_z(): ...\n")
    return known_checks(["base", "base"], tmp_path)


def test_ids_are_those_of_a_run(known: tuple[str, ...]) -> None:
    assert known == (
        "base/deep/test_x.py::test_y",
        "base/test_ssh.py::test_root",
        "base/test_ssh.py::TestKeys::test_one",
    )


def test_a_file_that_does_not_parse_is_named(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base/test_a.py").write_text("def test_(:\n")
    with pytest.raises(ConfigError, match=r"base/test_a\.py cannot be read"):
        known_checks(["base"], tmp_path)


@pytest.mark.parametrize("before", ["", "live:", "fast:"])
@pytest.mark.parametrize("after", ["", "[eth0]"])
def test_a_name_is_taken_with_and_without_its_boot_path(known: tuple[str, ...], before: str, after: str) -> None:
    assert require_known(f"{before}base/test_ssh.py::test_root{after}", known) == f"base/test_ssh.py::test_root{after}"


@pytest.mark.parametrize("name", ["base/test_ssh.py::test_rot", "test_root", "live:base/test_shs.py::test_root"])
def test_a_name_that_is_not_there_names_the_likely_one(known: tuple[str, ...], name: str) -> None:
    with pytest.raises(UnknownCheckError) as caught:
        require_known(name, known)
    assert "base/test_ssh.py::test_root" in caught.value.hint


def test_a_name_that_is_like_nothing_says_where_all_are() -> None:
    assert unknown("zzz", ()).hint == "`imagekit check list` shows every check."


def test_an_id_is_not_cut_at_its_own_colons() -> None:
    assert without_path("base/test_x.py::test_y") == "base/test_x.py::test_y"
    assert without_path("test_x.py::test_y") == "test_x.py::test_y"


@pytest.mark.parametrize(
    ("pattern", "hit"),
    [
        ("*", True),
        ("live:base/test_ssh.py::*", True),
        ("*:base/*::test_root", True),
        ("live:base/test_ssh.py::test_root[eth0]", True),
        ("base/test_ssh.py::test_root", True),
        ("live:ssh::*", False),
        ("live:hygiene::*", False),
        ("installed:base/*", False),
        ("live:base/test_ssh.py::test_rot", False),
        ("", False),
    ],
)
def test_a_pattern_binds_some_check_or_none(known: tuple[str, ...], pattern: str, hit: bool) -> None:
    assert matches(pattern, known, PATHS) is hit


def test_of_a_file_its_checks_are_named() -> None:
    known = ("base/test_ssh.py::test_keys", "base/test_ssh.py::test_root", "base/test_root.py::test_ro")
    error = unknown("direct:base/test_ssh.py", known)
    assert "names 2 checks, not one" in str(error)
    assert error.hint.splitlines() == ["base/test_ssh.py::test_keys", "base/test_ssh.py::test_root"]
