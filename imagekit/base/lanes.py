"""Work side by side: each piece in a thread, with one of a few places to do it at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

_Piece = TypeVar("_Piece")
_Place = TypeVar("_Place")
_Done = TypeVar("_Done")


def at_a_free_place(work: Callable[[_Piece, _Place], _Done], places: Sequence[_Place]) -> Callable[[_Piece], _Done]:
    """`work` for threads: each call takes a place that no other one has at that time, and waits for one if need be."""
    free = SimpleQueue[_Place]()
    for place in places:
        free.put(place)

    def one(piece: _Piece) -> _Done:
        place = free.get()
        try:
            return work(piece, place)
        finally:
            free.put(place)

    return one


def side_by_side(
    work: Callable[[_Piece, _Place], _Done],
    pieces: Sequence[_Piece],
    places: Sequence[_Place],
    *,
    interrupt: Callable[[], None],
) -> dict[_Piece, _Done | Exception]:
    """Do `work` with each piece at a place that is free; what each returned or raised, in the order of the pieces.

    Steps that it reports belong to the caller's. When this thread is interrupted, `interrupt` is called, which must
    make the others end; the interruption goes on when they have.
    """
    one = at_a_free_place(work, places)
    with ThreadPoolExecutor(max_workers=len(places)) as pool:
        running = {piece: pool.submit(copy_context().run, one, piece) for piece in pieces}
        try:
            for future in as_completed(running.values()):
                if (error := future.exception()) is not None and not isinstance(error, Exception):
                    raise error
        except BaseException:
            for future in running.values():
                future.cancel()
            interrupt()
            raise
    ended = dict[_Piece, _Done | Exception]()
    for piece, future in running.items():
        try:
            ended[piece] = future.result()
        except Exception as error:
            ended[piece] = error
    return ended
