"""Ranges of names and addresses: ``worker-[01-20]``, ``10.20.[0-1].[11-30]``, ``node-[1-3,7]``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby, product

MOST = 20_000  # names that one range may stand for
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_PART = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


def expand(text: str) -> tuple[str, ...]:
    """Every text that a pattern stands for, in order; a text without brackets stands for itself.

    The zeros in front of the first number are kept: ``[01-03]`` is 01, 02, 03. Several brackets give every combination,
    the last one turning fastest. Raises `ValueError` saying what is wrong.
    """
    pieces = _BRACKETS.split(text)
    if any(mark in piece for piece in pieces[::2] for mark in "[]"):
        raise ValueError(f"{text!r} has a bracket without its other half")
    choices = [[piece] if index % 2 == 0 else _numbers(piece, text) for index, piece in enumerate(pieces)]
    total = 1
    for each in choices:
        total *= len(each)
    if total > MOST:
        raise ValueError(f"{text!r} stands for {total} names, more than {MOST}")
    return tuple("".join(parts) for parts in product(*choices))


def _numbers(inside: str, text: str) -> list[str]:
    found: list[str] = []
    for part in inside.split(","):
        matched = _PART.fullmatch(part.strip())
        if matched is None:
            raise ValueError(f"{text!r}: [{inside}] is no range; write [01-20] or [1-3,7]")
        first, last = matched[1], matched[2] or matched[1]
        if int(last) < int(first):
            raise ValueError(f"{text!r}: the range {part.strip()} runs backwards")
        if int(last) - int(first) >= MOST:
            raise ValueError(f"{text!r} stands for more than {MOST} names")
        if len(first) != len(last) and first.startswith("0"):
            raise ValueError(f"{text!r}: {first} and {last} have different lengths; write as many zeros in both")
        found += [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
    if len(set(found)) < len(found):
        raise ValueError(f"{text!r}: a number stands twice in [{inside}]")
    return found


def compress(names: Iterable[str]) -> list[str]:
    """The shortest patterns, each with one bracket at its end, that stand for exactly these names; sorted."""
    split = sorted((_parts(name) for name in set(names)), key=lambda each: (each[0], len(each[1]), each[1]))
    found: list[str] = []
    for (prefix, _width), group in groupby(split, key=lambda each: (each[0], len(each[1]))):
        found += _runs(prefix, [number for _, number in group])
    return sorted(found)


def _parts(name: str) -> tuple[str, str]:
    matched = re.fullmatch(r"(.*?)([0-9]{1,9})", name)
    return (matched[1], matched[2]) if matched else (name, "")


def _runs(prefix: str, numbers: list[str]) -> Iterator[str]:
    if numbers == [""]:
        yield prefix
        return
    for _, run in groupby(enumerate(numbers), key=lambda item: int(item[1]) - item[0]):
        members = [number for _, number in run]
        yield f"{prefix}{members[0]}" if len(members) == 1 else f"{prefix}[{members[0]}-{members[-1]}]"
