"""What is to be done so that there are the machines that are wanted: pure, and decided before anything changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from imagekit.machine.persistent import ForeignMachineError, Found
from imagekit.provision.machines.kept import Kept
from imagekit.provision.machines.wanted import Wanted


class Action(StrEnum):
    """What is done to a machine."""

    MAKE = "make"
    DEFINE = "define"  # its files are there, and the hypervisor forgot it
    START = "start"
    STOP = "stop"
    REMOVE = "remove"
    UNCHANGED = "unchanged"
    DIFFERS = "differs"  # it was made of something else, and stays so
    LEFT = "left"  # nothing asks for it any more
    WAITING = "waiting"  # what it refers to is not applied yet, or is gone before it


CHANGES = frozenset({Action.MAKE, Action.DEFINE, Action.START, Action.STOP, Action.REMOVE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One machine and what is done to it; `why` is for people."""

    name: str
    node: str
    action: Action
    why: str = ""


def planned(
    wanted: Sequence[Wanted],
    kept: Mapping[str, Kept],
    found: Mapping[str, Found | None],
    *,
    prune: bool = False,
    recreate: bool = False,
    asked: frozenset[str] = frozenset(),
    incomplete: Mapping[str, str] | None = None,
) -> list[Step]:
    """The steps, removals first: what goes gives memory and addresses back.

    `found` is what the hypervisor has under each name. `asked` are the nodes that it is about, empty for all. Of
    `incomplete` machines, with what they lack, nothing is made and nothing removed. Raises
    `ForeignMachineError` where a machine of a name that is wanted, or to be removed, is not proven ours.
    """
    waiting = incomplete or {}
    names = {each.name for each in wanted} | waiting.keys()
    steps = [
        _leftover(each, found.get(each.name), prune=prune)
        for name, each in sorted(kept.items())
        if name not in names and (not asked or each.node in asked)
    ]
    for each in wanted:
        if not asked or each.node in asked:
            steps += _steps(each, kept.get(each.name), found.get(each.name), recreate=recreate)
    steps += [Step(name=name, node="", action=Action.WAITING, why=why) for name, why in sorted(waiting.items())]
    return sorted(steps, key=lambda step: step.action is not Action.REMOVE)


def _leftover(kept: Kept, found: Found | None, *, prune: bool) -> Step:
    if not prune:
        return Step(name=kept.name, node=kept.node, action=Action.LEFT, why="nothing asks for it; --prune removes it")
    _require_ours(kept.name, kept, found)
    return Step(name=kept.name, node=kept.node, action=Action.REMOVE, why="nothing asks for it")


def _steps(wanted: Wanted, kept: Kept | None, found: Found | None, *, recreate: bool) -> Iterator[Step]:
    _require_ours(wanted.name, kept, found)

    def step(action: Action, why: str = "") -> Step:
        return Step(name=wanted.name, node=wanted.node, action=action, why=why)

    if kept is None:
        yield step(Action.MAKE, "new")
    elif not kept.complete:
        yield step(Action.MAKE, "it was not finished")
    elif kept.made_of != wanted.made_of:
        if recreate:
            yield step(Action.REMOVE, "made anew (--recreate)")
            yield step(Action.MAKE, "made anew (--recreate)")
        else:
            yield step(
                Action.DIFFERS,
                "its class, network or cloud-config changed since it was made; a roll makes a new machine, "
                "--recreate this one anew",
            )
    elif found is None:
        yield step(Action.DEFINE, "the hypervisor does not know it any more")
    elif found.running != wanted.on:
        yield step(Action.START if wanted.on else Action.STOP)
    else:
        yield step(Action.UNCHANGED)


def _require_ours(name: str, kept: Kept | None, found: Found | None) -> None:
    """What the hypervisor has must carry the token, and the identity, that this work folder gave it."""
    if found is None or (kept is not None and (found.token, found.uuid) == (kept.token, kept.uuid)):
        return
    raise ForeignMachineError(
        f"the hypervisor has a machine {name} that this project did not make",
        hint=f"`virsh dumpxml {name}` shows whose it is; it is left alone. Rename the node, or end that machine there.",
    )
