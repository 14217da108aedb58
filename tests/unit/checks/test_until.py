"""A wait on the node ends by time, however long each question takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.checks.until import until


def test_it_ends_as_soon_as_the_condition_holds(tmp_path: Path) -> None:
    (tmp_path / "it's there").touch()
    assert run(["sh", "-c", until(f'[ -e "{tmp_path}/it\'s there" ] && echo yes | grep -q yes', 30)], timeout=10)


@pytest.mark.parametrize("condition", ["false", "! true", "sleep 30", "sleep 5 && false"])
def test_it_ends_when_time_is_up_whatever_a_question_takes(condition: str) -> None:
    done = run(["sh", "-c", f"{until(condition, 1)}; echo ended with $?"], timeout=4)
    assert done.stdout == "ended with 124\n"


def test_what_comes_later_is_waited_for(tmp_path: Path) -> None:
    command = f"(sleep 0.5; touch {tmp_path}/here) & {until(f'[ -e {tmp_path}/here ]', 20)} && echo came"
    assert run(["sh", "-c", command], timeout=10).stdout == "came\n"
