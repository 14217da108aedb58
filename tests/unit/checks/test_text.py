from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.checks.text import clean, one_line


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("plain\ttext\nnext", "plain\ttext\nnext"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link", "link"),
        ("a\x00b\x08c\x7fd", "abcd"),
        ("back\rover", "backover"),
        ("line\r\nnext", "line\nnext"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("a\u200bb\ufeffc\x9bd", "abcd"),
        ("\x1b", ""),
    ],
)
def test_clean(raw: str, plain: str) -> None:
    assert clean(raw) == plain


def test_the_middle_is_left_out() -> None:
    text = clean("a" * 50 + "b" * 10_000 + "c" * 50, 100)
    assert text.startswith("a" * 50 + "\n[... ")
    assert text.endswith("c" * 50)
    assert len(text) < 200


@given(st.text())
def test_clean_is_bounded_and_free_of_controls(text: str) -> None:
    plain = clean(text, 60)
    assert len(plain) <= 130
    assert not any(ord(c) < 32 and c not in "\t\n" for c in plain)
    assert "\n" not in one_line(text, 40)
    assert len(one_line(text, 40)) <= 40
