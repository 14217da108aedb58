"""Waiting on the node for what comes by itself, by time and not by the number of questions."""

from __future__ import annotations

import shlex


def until(condition: str, seconds: int) -> str:
    """A shell command that ends with 0 as soon as `condition` does, else with 124 after so many seconds.

    `condition` is tried every second. What a question takes differs a lot: on a busy emulated node sixty of them,
    a second apart, take longer than a check may.
    """
    return f"timeout {seconds} sh -c {shlex.quote(f'until {condition}; do sleep 1; done')}"
