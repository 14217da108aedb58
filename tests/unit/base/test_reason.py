"""Whatever tool fails, the lines that say why are kept (W31)."""

from __future__ import annotations

import sys

import pytest

from imagekit.base.process import ProcessError, run
from imagekit.base.reason import reasons, summary

TREE = "\n".join(f"    <Function test_{number}>" for number in range(500))
OUTPUTS = {
    "pytest": (f"ERROR: base/t.py::x: a check needs a runbook mark\n{TREE}", "ERROR: base/t.py::x: a check needs a"),
    "assertion": (f"E       AssertionError: no\n{TREE}", "E       AssertionError: no"),
    "python": (f'Traceback (most recent call last):\n  File "x"\nValueError: bad\n{TREE}', "ValueError: bad"),
    "git": (f"fatal: not a git repository\n{TREE}", "fatal: not a git repository"),
    "go": (f"panic: runtime error: index out of range\n{TREE}", "panic: runtime error"),
    "mke2fs": (f"mke2fs: error: cannot do it\n{TREE}", "mke2fs: error: cannot do it"),
    "apt": (f"E: Unable to locate package x\n{TREE}", "E: Unable to locate package x"),
    "buildx": (f"ERROR: failed to solve: base: not found\n{TREE}", "ERROR: failed to solve"),
    "bracket": (f"[ERROR]: the thing broke\n{TREE}", "[ERROR]: the thing broke"),
    "shell": (f"sh: 1: nope: not found\n{TREE}", "sh: 1: nope: not found"),
    "coloured": (f"\x1b[31mERROR\x1b[0m: in red\n{TREE}", "ERROR: in red"),
}


@pytest.mark.parametrize(("output", "why"), OUTPUTS.values(), ids=OUTPUTS)
def test_the_line_that_says_why_is_first(output: str, why: str) -> None:
    assert summary(output).splitlines()[0].startswith(why)
    assert len(summary(output).splitlines()) <= 21


def test_what_is_at_the_end_stands_there_once() -> None:
    assert summary("a\nb\nerror: c\n") == "a\nb\nerror: c"


def test_an_output_without_a_reason_is_its_end() -> None:
    assert reasons(TREE) == ()
    assert summary(TREE).splitlines() == TREE.splitlines()[-15:]


def test_a_failing_program_is_told_with_its_reason() -> None:
    script = "import sys; sys.stderr.write('fatal: the reason\\n' + 'more\\n' * 99); sys.exit(3)"
    with pytest.raises(ProcessError) as caught:
        run([sys.executable, "-c", script], timeout=20)
    assert caught.value.hint.splitlines()[0] == "fatal: the reason"


def test_of_a_layers_lint_the_finding_comes_before_the_count() -> None:
    output = "imagekit: lint: sshd does not accept it: line 4: Bad option\nimagekit: error: lint found 1 problem(s)\n"
    assert reasons(output)[0].endswith("Bad option")


def test_of_sssctl_the_finding_counts() -> None:
    output = "Issues by validators: 1\n[rule/allowed_options]: Attribute 'id_provder' is not allowed\n\nMessages: 0"
    assert reasons(output) == ("[rule/allowed_options]: Attribute 'id_provder' is not allowed",)
