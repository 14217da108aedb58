"""Work side by side: the places it has, what it returns, and an interruption."""

from __future__ import annotations

import threading

import pytest

from imagekit.base.lanes import side_by_side
from imagekit.base.log import lines_of, progress, step, trouble


def test_what_each_piece_gave_is_there_in_their_order() -> None:
    def work(piece: int, place: str) -> str:
        if piece == 2:
            raise ValueError("two")
        return f"{piece} at {place}"

    ended = side_by_side(work, [3, 2, 1], ["here"], interrupt=lambda: None)
    assert list(ended) == [3, 2, 1]
    assert ended[3] == "3 at here"
    assert str(ended[2]) == "two"


def test_they_go_on_at_the_same_time_each_at_a_place_of_its_own() -> None:
    together, used = threading.Barrier(2, timeout=10), list[str]()

    def work(_piece: int, place: str) -> None:
        used.append(place)
        together.wait()

    assert len(side_by_side(work, [1, 2], ["a", "b"], interrupt=lambda: None)) == 2
    assert sorted(used) == ["a", "b"]


def test_a_place_is_used_by_one_at_a_time() -> None:
    busy = threading.Lock()

    def work(_piece: int, _place: str) -> bool:
        free = busy.acquire(blocking=False)
        if free:
            busy.release()
        return free

    assert set(side_by_side(work, range(20), ["only"], interrupt=lambda: None).values()) == {True}


def test_an_interruption_ends_the_others_and_goes_on() -> None:
    ended, begun, called = threading.Event(), threading.Event(), list[str]()

    def work(piece: str, _place: int) -> None:
        if piece == "waits":
            begun.set()
            assert ended.wait(10)
            return
        begun.wait(10)
        raise KeyboardInterrupt

    def interrupt() -> None:
        called.append("now")
        ended.set()

    # A thread gets no Ctrl-C: that this one raises stands for the main thread's.
    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, ["waits", "interrupted"], [1, 2], interrupt=interrupt)
    assert called == ["now"]


def test_lines_say_what_they_are_about(caplog: pytest.LogCaptureFixture) -> None:
    def work(piece: str, _place: int) -> None:
        with lines_of(piece):
            progress("one of many")
            trouble("it broke")

    with caplog.at_level("INFO", logger="imagekit"):
        side_by_side(work, ["direct", "live"], [1, 2], interrupt=lambda: None)
        progress("alone")
    said = {f"{boot}: {text}" for boot in ("direct", "live") for text in ("one of many", "it broke")}
    assert set(caplog.messages) == {*said, "alone"}


def test_steps_belong_to_those_of_the_caller() -> None:
    def work(_piece: int, _place: int) -> int:
        with step("inner") as reported:
            return reported.depth

    with step("outer") as outer:
        assert side_by_side(work, [1, 2], [1, 2], interrupt=lambda: None) == dict.fromkeys([1, 2], outer.depth + 1)
