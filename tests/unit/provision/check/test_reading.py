"""Manifests are read as Kubernetes reads them, and what cannot be read is a finding."""

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.provision.check.reading import MAX_BYTES, read_text, read_tree
from imagekit.provision.check.scalars import value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("On", True), ("off", False), ("yes", True), ("n", False), ("true", True), ("~", None), ("", None)),
        *(("22:30", "22:30"), ("0x10", 16), ("1_000", 1000), ("1.5", 1.5), ("1.2.3", "1.2.3"), (".inf", ".inf")),
        *(("2026-11-28", "2026-11-28"), ("null", None), ("Null", None), ("sha256:00", "sha256:00")),
    ],
)
def test_plain_scalars(text: str, value: object) -> None:
    assert value_of(text, plain=True) == value
    assert value_of(text, plain=False) == text


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        ("kind: [", "yaml", 2),
        ("a: &x 1\nb: *x\n", "not-an-object", 1),
        ("a: &x {b: 1}\nc: *x\n", "yaml", 1),
        ("a: !!python/name:os.system x\n", "yaml", 1),
        ("? [a]\n: b\n", "yaml", 1),
        ("- a\n", "not-an-object", 1),
        ("apiVersion: v1\nkind: Secret\nmetadata: {}\n", "not-an-object", 1),
        ("apiVersion: v1\nkind: Secret\nkind: Secret\nmetadata: {name: x}\n", "yaml-duplicate-key", 3),
        ("apiVersion: v1\nkind: S\nmetadata: {name: x}\nspec:\n  power: On\n", "yaml-bool-word", 5),
        ("---\n\n---\nkind: x\n", "not-an-object", 4),
        ("a: " + "[" * 80 + "]" * 80, "yaml", 1),
        ("[" * 5000 + "]" * 5000, "yaml", 1),
        ("\x00", "yaml", 1),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_its_line(text: str, rule: str, line: int) -> None:
    _, problems = read_text(text, "x.yaml")
    assert (rule, line) in [(each.rule.id, each.line) for each in problems]


def test_lines_are_those_of_the_fields() -> None:
    (one,), problems = read_text(
        "# note\napiVersion: v1\nkind: S\nmetadata:\n  name: x\nspec:\n  a:\n    - b\n    - c\n", "x"
    )
    assert problems == []
    assert [one.line_of(key) for key in ((), ("kind",), ("spec", "a", 1), ("spec", "z"))] == [2, 3, 9, 6]


def test_a_list_is_its_items() -> None:
    found, _ = read_text(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: A, metadata: {name: a}}\n"
        "- {apiVersion: v1, kind: B, metadata: {name: b}}\n",
        "x",
    )
    assert [(each.kind, each.line_of(())) for each in found] == [("A", 4), ("B", 5)]


def test_json_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"apiVersion": "v1", "kind": "A", "metadata": {"name": "a"}}')
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "b.yaml").write_text("not: read")
    assert [each.name for each in read_tree([tmp_path]).manifests] == ["A a"]


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no manifest"):
        read_tree([tmp_path])
    with pytest.raises(ConfigError, match="is not there"):
        read_tree([tmp_path / "x"])


def test_a_file_too_large_or_not_utf8_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    with (tmp_path / "b.yaml").open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    tree = read_tree([tmp_path])
    assert [each.rule.id for each in tree.problems] == ["yaml", "yaml"]
