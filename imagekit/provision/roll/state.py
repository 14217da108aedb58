"""What fleet/roll.yaml says of the nodes of a roll after each wave; pure, so that a wave is made again byte by byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from imagekit.config.load import parse_text
from imagekit.fleet.cluster import Strategy
from imagekit.fleet.fleet import Fleet, FleetNode
from imagekit.fleet.ranges import compress
from imagekit.fleet.write import flow, quoted
from imagekit.provision.roll.model import Change, RollRecord

OVERRIDES = PurePosixPath("fleet/roll.yaml")
RECORD = PurePosixPath("fleet/roll.json")
_HEAD = (
    "# Written by `imagekit provision roll`: what each node that was rolled runs. A node may be taken out by hand\n"
    "# when its channel or its own entry says the same.\n"
)
Fields = Mapping[str, Any]  # of a node, as a fleet file has them


def fields_after(record: RollRecord, node: FleetNode, strategy: Strategy) -> Fields:
    """What is said of a node when `record.standing` waves are in effect. `node` is as it was before the roll."""
    done = [step.change for wave in record.waves[: record.standing] for step in wave.steps if node.name in step.nodes]
    old: dict[str, Any] = {**_kept(node), "digest": record.old}
    if record.withdrawn:
        old["leaving"] = True
    if strategy is Strategy.IN_PLACE:
        return _in_place(record, node, old, upgraded=bool(done))
    if not done:
        return old
    if Change.CREATE not in done:
        return {**old, "absent": True}
    made: dict[str, Any] = {"digest": record.new}
    if strategy is Strategy.SURGE:
        slot = "b" if node.slot == "a" else "a"
        made["slot"] = slot
        if Change.REMOVE not in done:
            made["retiring"] = {"digest": node.installed or record.old, "slot": node.slot}
    elif node.slot != "a":
        made["slot"] = node.slot
    return made


def _kept(node: FleetNode) -> dict[str, Any]:
    """What earlier rolls said of its machine, which still stands."""
    said = {"slot": node.slot if node.slot != "a" else None, "installed": node.installed, "upgrade": node.upgrade}
    return {key: value for key, value in said.items() if value is not None}


def _in_place(record: RollRecord, node: FleetNode, old: Fields, *, upgraded: bool) -> Fields:
    """Its machine stays, and each run of an upgrade has a name of its own, that of going back, too."""
    number = next(index for index, wave in enumerate(record.waves, start=1) if node.name in wave.nodes(Change.UPGRADE))
    run = f"roll-{record.id}-{number}"
    if upgraded:
        return {**_kept(node), "digest": record.new, "installed": node.installed or record.old, "upgrade": run}
    if number <= record.done:
        return {**old, "installed": node.installed or record.old, "upgrade": f"{run}-back"}
    return old


def overrides_after(record: RollRecord, fleet: Fleet, before: Mapping[str, Fields]) -> dict[str, Fields]:
    """Every override of fleet/roll.yaml after a wave: those of this roll's nodes, and what earlier rolls left."""
    names = {name for wave in record.waves for step in wave.steps for name in step.nodes}
    rolled = {
        name: fields_after(record, fleet.nodes[name], fleet.clusters[fleet.nodes[name].cluster or ""].roll.strategy)
        for name in sorted(names)
    }
    return {**{name: fields for name, fields in before.items() if name not in names}, **rolled}


def overrides_text(overrides: Mapping[str, Fields]) -> str:
    """fleet/roll.yaml: nodes of which the same is said share one line."""
    alike: dict[str, list[str]] = {}
    for name, fields in overrides.items():
        alike.setdefault(flow(dict(sorted(fields.items()))), []).append(name)
    lines = sorted((pattern, said) for said, names in alike.items() for pattern in compress(names))
    body = "".join(f"  {quoted(pattern)}: {said}\n" for pattern, said in lines)
    return f"{_HEAD}version: 1\noverrides:{' {}' if not lines else ''}\n{body}"


def record_text(record: RollRecord) -> str:
    """fleet/roll.json."""
    return json.dumps(record.model_dump(mode="json"), indent=1) + "\n"


def parse_record(text: str) -> RollRecord:
    """Read fleet/roll.json; raises `ConfigError`."""
    return parse_text(RollRecord, text, Path(RECORD))
