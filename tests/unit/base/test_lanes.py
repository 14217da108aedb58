"""Work side by side: the places it has, what it returns, and an interruption."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from imagekit.base.lanes import as_they_end, side_by_side
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


def test_an_interruption_while_threads_begin_lets_no_work_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, called, start, started = list[int](), list[str](), threading.Thread.start, list[threading.Thread]()

    def interrupted(thread: threading.Thread) -> None:
        start(thread)
        started.append(thread)
        if len(started) == 2:  # it runs, and the pool does not know it
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        side_by_side(lambda piece, _: begun.append(piece), [1, 2, 3], "abc", interrupt=lambda: called.append("now"))
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()
    assert (begun, called) == ([], ["now"])


@pytest.mark.parametrize("after", [3, 4])
def test_an_interruption_while_work_is_handed_out_ends_it(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Two pieces of no work before them let the threads begin."""
    ended, handed, goes_on = threading.Event(), list[object](), list[int]()
    submit = ThreadPoolExecutor.submit

    def interrupted(pool: ThreadPoolExecutor, *work: Any) -> Any:
        future = submit(pool, *work)
        handed.append(future)
        if len(handed) == after:
            raise KeyboardInterrupt
        return future

    def work(piece: int, _place: str) -> None:
        goes_on.append(piece)
        assert ended.wait(10)
        goes_on.remove(piece)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, [1, 2], "ab", interrupt=ended.set)
    assert ended.is_set()
    assert goes_on == []


def test_who_asks_for_no_more_gets_the_others_ended() -> None:
    ended, begun = threading.Event(), threading.Event()

    def work(piece: str, _place: int) -> str:
        if piece == "first":
            assert begun.wait(10)
        else:
            begun.set()
            assert ended.wait(10)
        return piece

    with closing(as_they_end(work, ["first", "waits"], [1, 2], interrupt=ended.set)) as ending:
        assert next(ending) == ("first", "first")
        assert not ended.is_set()
    assert ended.is_set()


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
