"""A failed check speaks plainly (operator.md: "page full of frozenset({...")."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import testinfra
from testinfra.host import Host

from imagekit.checks.text import compared, of_command, sentence, words


@pytest.mark.parametrize(
    ("operator", "found", "expected", "said"),
    [
        ("==", ["tree"], [], "expected nothing, found: tree"),
        ("==", [], ["tree"], "expected tree, found: nothing"),
        ("==", "inactive", "active", "expected active, found: inactive"),
        (
            "==",
            {"a": "1", "b": "2"},
            {"a": "1", "b": "3", "c": "4"},
            "b: expected 3, found 2; c: expected 4, found nothing",
        ),
        ("==", frozenset({"a", "x"}), {"a", "b"}, "missing: b; not expected: x"),
        ("<=", {"ens3", "lo"}, {"lo"}, "expected none but: lo; found also: ens3"),
        (">=", {"cpu"}, {"cpu", "pids"}, "missing: pids; found: cpu"),
        ("in", "wireguard", frozenset(map(str, range(143))), "wireguard is not among the 143 there"),
        ("in", "ro", frozenset({"rw", "relatime"}), "ro is not among the 2 there: relatime, rw"),
        ("not in", "cloud-init", {"cloud-init": 1}, "cloud-init should not be among the 1 there"),
        ("<", 200, 120, "expected less than 120, found: 200"),
    ],
)
def test_a_comparison(operator: str, found: object, expected: object, said: str) -> None:
    assert compared(operator, found, expected) == said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("assert not ['tree']", "expected nothing, found: tree"),
        (
            "assert ['tree'] == []\n  \n  Left contains one more item: 'tree'\n  Use -v to get more diff",
            "expected nothing, found: tree",
        ),
        ("assert []", "expected something, found nothing"),
        ("assert not frozenset({'b', 'a'})", "expected nothing, found: a, b"),
        ("curl answered 60\nassert 60 == 0\n +  where 60 = run().rc", "curl answered 60"),
        ("bundle lacks frozenset({'one', 'two'})\nassert not frozenset({'one', 'two'})", "bundle lacks one, two"),
        ("assert f(1) is true\n  Use -v to get more diff", "f(1) is true"),
        ("", ""),
    ],
)
def test_the_words_of_pytest(message: str, said: str) -> None:
    assert sentence(message) == said


def test_what_was_compared_wins_over_pytests_words_and_the_checks_own_words_over_both() -> None:
    assert (
        sentence("assert 'wireguard' in (frozenset({'a...'}) | frozenset())", "wireguard is not there")
        == "wireguard is not there"
    )
    assert sentence("the module is gone\nassert 1 == 2", "expected 2, found: 1") == "the module is gone"


def test_a_text_that_is_no_python_stays() -> None:
    assert sentence("assert frozenset({'a', 'very lon...}) == ok") == "frozenset({'a', 'very lon...}) == ok"


def test_many_are_counted() -> None:
    assert words([str(n) for n in range(33)]).endswith("29 and 3 more")


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (
            lambda host: host.file("/usr/bin/not-there").user,
            "stat -Lc %U /usr/bin/not-there ended with 1: stat: cannot stat",
        ),
        (
            lambda host: host.file("/not-there").content_string,
            "cat -- /not-there ended with 1: cat: /not-there: No such",
        ),
        (lambda host: host.check_output("echo 'it'\\''s \"so\"' >&2; exit 3"), 'ended with 3: it\'s "so"'),
        (lambda host: host.check_output("false"), "false ended with 1: nothing"),
    ],
    ids=["a file", "its content", "quotes", "no complaint"],
)
def test_a_command_of_testinfra_that_failed_is_said_in_words(ask: Callable[[Host], object], said: str) -> None:
    with pytest.raises((AssertionError, RuntimeError)) as caught:
        ask(testinfra.get_host("local://"))
    assert said in of_command(str(caught.value))
    assert "CommandResult" not in of_command(str(caught.value))


def test_any_other_message_is_left_as_it_is() -> None:
    assert of_command("no source is selected") == "no source is selected"
