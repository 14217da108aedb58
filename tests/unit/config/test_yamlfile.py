"""YAML from people: what is refused, and where it points."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.base.errors import ConfigError
from imagekit.config.yamlfile import MAX_BYTES, parse_yaml, read_yaml

HERE = Path("file.yaml")

REFUSED = {
    "alias bomb": ("a: &a [x, x]\nb: *a\n", 1, "anchors"),
    "alias": ("a: 1\nb: *a\n", 2, "anchors"),
    "python tag": ("a: !!python/object/apply:os.system [id]\n", 1, "tag"),
    "own tag": ("a: !secret x\n", 1, "tag"),
    "duplicate key": ("a: 1\nb: 2\na: 3\n", 3, "duplicate key 'a'"),
    "too deep": ("a: " + "[" * 40 + "]" * 40, 1, "nested deeper"),
    "key that is a list": ("? [a, b]\n: c\n", 1, "plain word"),
    "not YAML": ("a: [1, 2\nb: 3\n", 2, "not valid YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", 2, "second document"),
    "tab": ("a:\n\tb: 1\n", 2, "not valid YAML"),
    "control character": ("a: 1\nb: x\x1b[0m\n", 2, "character #x001b cannot stand in a YAML file"),
    "NUL": ("a: 1\n\nb: \0\n", 3, "character #x0000 cannot stand"),
}


@pytest.mark.parametrize(("text", "line", "says"), REFUSED.values(), ids=REFUSED)
def test_refuses_with_file_and_line(text: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, HERE)
    assert str(caught.value).startswith(f"file.yaml:{line}: ")
    assert says in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_merge_that_was_not_finished_is_told_where_it_begins() -> None:
    text = "version: 1\n<<<<<<< HEAD\nneeds: [a]\n=======\nneeds: [b]\n>>>>>>> other\n"
    with pytest.raises(ConfigError, match=r"x\.yaml:2: the marks of a merge that was not finished \(<<<<<<< HEAD\)"):
        parse_yaml(text, Path("x.yaml"))


def test_only_safe_words_are_typed() -> None:
    text = "no: no\nyes: yes\nversion: 1.10\nmode: 0644\ncount: 12\non: true\nnothing: null\nquoted: '5'\n"
    assert parse_yaml(text + "day: 2026-01-02\n", HERE).data == {
        "no": "no",
        "yes": "yes",
        "version": "1.10",
        "mode": "0644",
        "count": 12,
        "on": True,
        "nothing": None,
        "quoted": "5",
        "day": "2026-01-02",
    }


def test_remembers_lines_of_nested_keys() -> None:
    source = parse_yaml("a:\n  b:\n    - x\n    - c: 1\n", HERE)
    assert source.line(("a", "b", 1, "c")) == 4
    assert source.line(("a", "b", 1, "missing", "deeper")) == 4
    assert source.line(("nowhere",)) == 1


def test_refuses_a_file_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("#" * (MAX_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than"):
        read_yaml(path)


def test_refuses_bytes_that_are_not_text(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_yaml(path)


@given(st.text(max_size=200))
def test_any_text_parses_or_is_refused_with_its_place(text: str) -> None:
    with contextlib.suppress(ConfigError):
        parse_yaml(text, HERE)
        return
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, HERE)
    assert str(caught.value).startswith("file.yaml:")
