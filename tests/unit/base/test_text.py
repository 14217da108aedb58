from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagekit.base.text import answered, clean, one_line, printable, redacted


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


ECHOES = {
    "Authorization: Bearer abcdef": "Authorization: [not shown]",
    '{"authorization":"Basic dXNlcjpwYXNz"}': '{"authorization":"[not shown]"}',
    "authorization=abcdef12, x": "authorization=[not shown], x",
    "got Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc here": "got Bearer [not shown] here",
    "basic dXNlcjpwYXNzd29yZA==": "basic [not shown]",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc": "[not shown]",
    "ghp_abcdefghijklmnopqrstuvwxyz0123": "[not shown]",
}
FIELDS = {
    '{"token": "xyz-123456", "expires_in": 3}': '{"token": "[not shown]", "expires_in": 3}',
    "refresh_token=abcd1234&service=x": "refresh_token=[not shown]&service=x",
    "password: hunter22": "password: [not shown]",
}
WORDS = (
    'Bearer realm="https://x/token",service="r"',
    "wants Basic authentication",
    "no token was given",
    "requested access to the resource is denied: authentication required",
    "https://auth.example.org/token: status 401",
)


@pytest.mark.attack
@pytest.mark.parametrize(("echo", "shown"), {**ECHOES, **FIELDS}.items())
def test_credentials_that_a_server_echoes_are_not_shown(echo: str, shown: str) -> None:
    """D39"""
    assert answered(echo) == shown


@pytest.mark.parametrize("text", [*WORDS, *FIELDS])
def test_words_about_credentials_stay(text: str) -> None:
    assert redacted(text) == text
    if text in WORDS:
        assert answered(text) == text


@pytest.mark.attack
@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x1b]0;title\x07b", "a\ufffd]0;title\ufffdb"),
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("a\x9b2Jb", "a\ufffd2Jb"),
        ("prod\u200b", "prod\ufffd"),
        ("a\u202eb\u2066c", "a\ufffdb\ufffdc"),
        ("a\udc80b", "a\ufffdb"),
        ("tag\U000e0041", "tag\ufffd"),
        ("a\u3164\u00adb", "a\ufffd\ufffdb"),
        ("a\x00\x07\x7f\rb", "a\ufffd\ufffd\ufffd\ufffdb"),
        ("größe 寸法 😀\t\n", "größe 寸法 😀\t\n"),
    ],
)
def test_what_a_terminal_would_obey_shows(raw: str, shown: str) -> None:
    """D10 D38 D42"""
    assert printable(raw) == shown
    printable(raw).encode()


@pytest.mark.parametrize("raw", ["\x1bPq...\x1b\\x", "\x1bX...\x1b\\x", "\x1b^...\x07x", "\x1b_...\x1b\\x", "\x1b(0x"])
def test_strings_of_a_terminal_go_whole(raw: str) -> None:
    assert clean(raw) == "x"
