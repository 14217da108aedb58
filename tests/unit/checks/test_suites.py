"""Names of suites, read from check files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.checks.suites import UnknownSuiteError, known_suites, require_suites, split_names


def write(root: Path, where: str, text: str) -> None:
    (root / where).parent.mkdir(parents=True, exist_ok=True)
    (root / where).write_text(text)


def test_layers_come_first_then_what_is_marked(tmp_path: Path) -> None:
    write(tmp_path, "base/test_a.py", 'pytestmark = [pytest.mark.suite("z"), pytest.mark.runbook("x")]\n')
    write(tmp_path, "k0s/sub/test_b.py", '@pytest.mark.suite("kernel", "base")\ndef test_x(): ...\n')
    write(tmp_path, "sssd/test_c.py", '@pytest.mark.suite("not-of-this-image")\ndef test_x(): ...\n')
    assert known_suites(["k0s", "base", "k0s"], tmp_path) == ("k0s", "base", "kernel", "z")


def test_a_broken_file_names_no_suite_and_hides_none(tmp_path: Path) -> None:
    write(tmp_path, "base/test_a.py", "def test_(:\n")
    write(tmp_path, "base/test_b.py", 'pytestmark = pytest.mark.suite("hardening")\n')
    assert known_suites(["base"], tmp_path) == ("base", "hardening")


def test_an_unknown_suite_lists_the_known() -> None:
    require_suites(["base"], ["base", "hardening"])
    with pytest.raises(UnknownSuiteError, match="no suite 'ssh'") as caught:
        require_suites(["base", "ssh"], ["base", "hardening"])
    assert caught.value.hint == "There are: base, hardening."
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("values", [("",), ("a,,b",), ("a", " ")])
def test_an_empty_name_is_an_error(values: tuple[str, ...]) -> None:
    with pytest.raises(UnknownSuiteError):
        split_names(values)


@given(st.lists(st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True)))
def test_names_may_be_given_in_one_or_apart(names: list[str]) -> None:
    together = split_names([", ".join(names)]) if names else ()
    assert together == split_names(names) == tuple(dict.fromkeys(names))
