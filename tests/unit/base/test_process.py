"""The door to other processes, where no engine is needed to try it."""

from __future__ import annotations

from imagekit.base.process import run


def test_a_program_that_does_not_read_what_it_is_given_is_no_error() -> None:
    """A credential helper that knows its host anyway: the pipe breaks at the write, or when it is closed."""
    for size in (1, 1 << 20):
        assert run(["true"], stdin=b"x" * size, timeout=20).returncode == 0
