"""Every text of a result is cleaned, in whatever holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from imagekit.report.cleaned import cleaned


class Port(NamedTuple):
    number: int
    program: str


@dataclass(frozen=True)
class Holder:
    ports: tuple[Port, ...]
    names: list[str]
    units: dict[str, str]


def test_named_tuples_keep_their_kind() -> None:
    dirty = "ss\x1b[31mhd"
    found = cleaned(Holder(ports=(Port(22, dirty),), names=[dirty], units={dirty: dirty}))
    assert found == Holder(ports=(Port(22, "sshd"),), names=["sshd"], units={"sshd": "sshd"})
    assert isinstance(found.ports[0], Port)
