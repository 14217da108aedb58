"""What an image is, and what changed since the one before, as statements of imagekit's own.

The static part is read from the layers that the digest names; of its files only those with privileges stand in it by
name, all others by one hash. The live part is what its tests saw.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from imagekit.inventory.compare import privileged
from imagekit.inventory.live import LiveInventory
from imagekit.inventory.model import FileFact, ImageInventory
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import MalformedStatementError, Statement

INVENTORY_TYPE = "urn:imagekit:inventory:v1"
CHANGES_TYPE = "urn:imagekit:changes:v1"


def inventory_statement(inventory: ImageInventory, live: Sequence[LiveInventory], *, name: str = "") -> Statement:
    """State what an image is: `static` from its layers, `booted` for each boot path that its tests took."""
    kept = {path: fact for path, fact in inventory.files.items() if privileged(fact)}
    predicate = {
        "static": _plain(replace(inventory, files={})) | {"files": {path: list(fact) for path, fact in kept.items()}},
        "filesSha256": files_hash(inventory.files),
        "fileCount": len(inventory.files),
        "booted": [_plain(each) for each in live],
    }
    return Statement(subject=Digest(inventory.digest), predicate_type=INVENTORY_TYPE, predicate=predicate, name=name)


def read_inventory(statement: Statement) -> tuple[ImageInventory, tuple[LiveInventory, ...]]:
    """Both parts again, of the statement's own subject; raises `MalformedStatementError`.

    `files` has those with privileges alone.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        static = TypeAdapter(ImageInventory).validate_python(statement.predicate["static"])
        live = TypeAdapter(tuple[LiveInventory, ...]).validate_python(statement.predicate["booted"])
    except (KeyError, TypeError, ValidationError) as error:
        raise MalformedStatementError(f"inventory of {statement.subject.short} does not read: {error}") from None
    if static.digest != str(statement.subject):
        raise MalformedStatementError(f"inventory of {statement.subject.short} speaks of {static.digest[:19]}")
    return static, live


def changes_statement(before: Digest, after: Digest, changes: Sequence[str], *, channel: str, name: str) -> Statement:
    """State what a channel's users get with a digest that they did not have with the one before."""
    predicate = {"channel": channel, "before": str(before), "changes": list(changes)}
    return Statement(subject=after, predicate_type=CHANGES_TYPE, predicate=predicate, name=name)


def files_hash(files: Mapping[str, FileFact]) -> str:
    """SHA-256 (hex) over every path with what it is and holds; which package owns it does not count."""
    state = hashlib.sha256()
    for path, fact in sorted(files.items()):
        state.update(json.dumps([path, *fact._replace(package="")]).encode() + b"\n")
    return state.hexdigest()


def _plain(data: ImageInventory | LiveInventory) -> dict[str, Any]:
    """As JSON has it."""
    found: dict[str, Any] = json.loads(json.dumps(asdict(data)))
    return found
