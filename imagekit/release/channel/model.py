"""The channel file: a reviewed file in git that says which digest of each image a channel points at now."""

from __future__ import annotations

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AliasChoices, AwareDatetime, Field, StringConstraints

from imagekit.config.model import Frozen, Name

FOLDER = PurePosixPath("channels")
DigestText = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Blocked(Frozen):
    """A digest that this channel was rolled back from: it does not come back by itself."""

    digest: DigestText
    version: str
    reason: str = Field(max_length=2000)
    record: int = Field(ge=1)


class Pointer(Frozen):
    """What a channel points at for one image, and the record of the ledger that made it so."""

    version: str
    digest: DigestText
    reference: str = Field(description="where nodes pull it from, by digest")
    since: AwareDatetime
    record: int = Field(ge=1, description="number of the record that wrote this entry")
    record_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(
        description="sha256 of that record's file"
    )
    blocked: tuple[Blocked, ...] = Field(
        (),
        validation_alias=AliasChoices("blocked", "held"),  # `held` in files of before 2026-12
        description="digests that may not come back without being released",
    )


class Anchor(Frozen):
    """How long the ledger was when this file was written, whatever the last decision was about."""

    records: int = Field(ge=1)
    head: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] = Field(description="sha256 of the last record")


class ChannelFile(Frozen):
    """channels/<name>.yaml. Every field is derived from the records; a file that says anything else is refused."""

    version: Literal[1] = 1
    channel: Name
    ledger: Anchor | None = Field(None, description="the end of the ledger; none in files of the first format")
    images: dict[Name, Pointer] = Field(default_factory=dict)


def channel_path(channel: str) -> PurePosixPath:
    """Where the ledger's repository keeps a channel."""
    return FOLDER / f"{channel}.yaml"


def to_yaml(file: ChannelFile) -> bytes:
    """The file as it is committed: the same data, the same bytes; every text is quoted."""
    lines = [
        "# Written by imagekit; the ledger holds the signed reason of each change. See docs/releasing.md.",
        "version: 1",
        f"channel: {file.channel}",
        *_anchor(file.ledger),
        "images:" if file.images else "images: {}",
    ]
    for name, pointer in sorted(file.images.items()):
        lines += [f"  {name}:", *(f"    {line}" for line in _pointer(pointer))]
    return ("\n".join(lines) + "\n").encode()


def _anchor(anchor: Anchor | None) -> list[str]:
    if anchor is None:
        return []
    return ["ledger:", f"  records: {anchor.records}", f"  head: {_quoted(anchor.head)}"]


def _pointer(pointer: Pointer) -> list[str]:
    lines = [
        f"version: {_quoted(pointer.version)}",
        f"digest: {_quoted(pointer.digest)}",
        f"reference: {_quoted(pointer.reference)}",
        f"since: {_quoted(stamp(pointer.since))}",
        f"record: {pointer.record}",
        f"record_hash: {_quoted(pointer.record_hash)}",
    ]
    if pointer.blocked:
        lines.append("blocked:")
    for blocked in pointer.blocked:
        lines += [
            f"  - digest: {_quoted(blocked.digest)}",
            f"    version: {_quoted(blocked.version)}",
            f"    reason: {_quoted(blocked.reason)}",
            f"    record: {blocked.record}",
        ]
    return lines


def stamp(instant: datetime) -> str:
    """A moment as text, to the second."""
    return instant.isoformat(timespec="seconds")


def _quoted(text: str) -> str:
    """A YAML double-quoted scalar; JSON's form of a string is one, but for what it writes as two halves."""
    import json

    return '"' + "".join(json.dumps(each)[1:-1] if each <= "\uffff" else f"\\U{ord(each):08x}" for each in text) + '"'
