"""Work side by side: each piece in a thread, with one of a few places to do it at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from contextvars import copy_context
from queue import SimpleQueue
from typing import TypeVar

_Piece = TypeVar("_Piece")
_Place = TypeVar("_Place")
_Done = TypeVar("_Done")


def _at_a_free_place(work: Callable[[_Piece, _Place], _Done], places: Sequence[_Place]) -> Callable[[_Piece], _Done]:
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


def as_they_end(
    work: Callable[[_Piece, _Place], _Done],
    pieces: Sequence[_Piece],
    places: Sequence[_Place],
    *,
    interrupt: Callable[[], None],
) -> Generator[tuple[_Piece, _Done | Exception], None, None]:
    """Do `work` with each piece at a place that is free; each piece with what it returned or raised, as they end.

    Steps that it reports belong to the caller's. When this thread is interrupted, or asks for no more, what has not
    begun never does, and `interrupt` is called, which must make the others end; it goes on when they have.
    """
    one = _at_a_free_place(work, places)
    with ThreadPoolExecutor(max_workers=len(places)) as pool:
        try:
            _have_threads(pool, len(places))
            running = {pool.submit(copy_context().run, one, piece): piece for piece in pieces}
            for future in as_completed(running):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield running[future], error if error is not None else future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            interrupt()
            raise


def side_by_side(
    work: Callable[[_Piece, _Place], _Done],
    pieces: Sequence[_Piece],
    places: Sequence[_Place],
    *,
    interrupt: Callable[[], None],
) -> dict[_Piece, _Done | Exception]:
    """As `as_they_end`, all at once: what each piece returned or raised, in the order of the pieces."""
    with closing(as_they_end(work, pieces, places, interrupt=interrupt)) as ending:
        ended = dict(ending)
    return {piece: ended[piece] for piece in pieces}


def _have_threads(pool: ThreadPoolExecutor, number: int) -> None:
    """Let all threads of a pool begin before there is work for them.

    A pool does not know, and so does not wait for, a thread during whose beginning this one was interrupted.
    """
    met = threading.Barrier(number + 1)
    try:
        for _ in range(number):
            pool.submit(met.wait)
        met.wait()
    except BaseException:
        met.abort()
        raise
