"""What a control is, and what it is given to judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from imagekit.base.errors import ToolError

if TYPE_CHECKING:
    from imagekit.checks.facts import Facts, Listener


class UnreadableError(ToolError):
    """The node did not say what a control asks about; that is never a pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What the layers of an image declare: set-id programs, capabilities by path, what everybody may write to."""

    setuid: frozenset[str] = frozenset()
    capabilities: Mapping[str, str] = field(default_factory=dict)
    world_writable: frozenset[str] = frozenset()
    undeclared_listeners: tuple[Listener, ...] = ()


@dataclass(frozen=True, slots=True)
class Privileged:
    """A file with a bit that matters: its kind (``set`` or ``open``), permission bits, owner, path."""

    kind: str
    mode: int
    user: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node at one moment: the common facts, the sections of node.sh that could be asked, and what is declared."""

    facts: Facts
    sections: Mapping[str, tuple[str, ...]]
    inventory: Inventory = Inventory()

    def lines(self, section: str) -> tuple[str, ...]:
        """The lines of a section; raises `UnreadableError` when the node could not be asked all of it."""
        if section not in self.sections:
            raise UnreadableError(f"the node did not answer about: {section}")
        return self.sections[section]

    def settings(self, section: str) -> tuple[str, ...]:
        """The lines of a section that are neither empty nor a remark."""
        return tuple(line.strip() for line in self.lines(section) if line.strip() and line.strip()[0] not in "#;")

    def sysctl(self, key: str) -> str:
        """A kernel setting, white space made single; raises `UnreadableError` when the kernel did not name it."""
        if key not in self.facts.sysctl:
            raise UnreadableError(f"the kernel named no setting {key}")
        return " ".join(self.facts.sysctl[key].split())

    def sshd(self, keyword: str) -> str:
        """What sshd would do, by ``sshd -T``; raises `UnreadableError` for a keyword that it did not print."""
        if keyword not in self.facts.sshd:
            raise UnreadableError(f"sshd -T printed no {keyword}")
        return self.facts.sshd[keyword][0]

    def privileged(self, kind: str) -> tuple[Privileged, ...]:
        """Files found on the node's own file systems, of one kind."""
        found = (line.split(" ", 3) for line in self.lines("privileged"))
        return tuple(Privileged(f[0], int(f[1], 8), f[2], f[3]) for f in found if len(f) == 4 and f[0] == kind)


Judge = Callable[[Node], str]
"""Says what is wrong, in one line; empty when the control holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One thing that a hardened node does; `level` 1 is for every server, 2 for those that bear a price.

    `references` are numbers in published benchmarks, whose own words are not used here. With `boot_paths` it is true
    on these alone.
    """

    id: str
    level: int
    title: str
    judge: Judge
    references: tuple[str, ...] = ()
    boot_paths: tuple[str, ...] = ()


def parse_sections(text: str) -> dict[str, tuple[str, ...]]:
    """The sections of what node.sh wrote; those that did not end with ``ok`` are left out.

    Raises `UnreadableError` when the script did not come to its end.
    """
    parts = [part.partition("\n") for part in text.split("\x1e")[1:]]
    if not parts or parts[-1][0].strip() != "end":
        last = f" after section {parts[-1][0].strip()}" if parts else ""
        raise UnreadableError(f"the node's answer broke off{last}")
    found: dict[str, tuple[str, ...]] = {}
    for name, _, body in parts[:-1]:
        lines = body.rstrip("\n").split("\n")
        while lines and not lines[-1].strip():
            lines.pop()
        if lines and lines[-1].strip() == "ok":
            found[name.strip()] = tuple(lines[:-1])
    return found
