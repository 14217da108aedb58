"""Reading what disk.sh saw of an installed disk."""

from __future__ import annotations

from dataclasses import dataclass

from imagekit.checks.contract.facts import FactFile, NodeFacts, block_devices

_SECTOR = 512


@dataclass(frozen=True, slots=True)
class Partition:
    """A partition: file system label, type and GUID; start and size in bytes."""

    name: str
    label: str
    kind: str
    guid: str
    start: int
    size: int


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A system image: its label, file system, apparent size and bytes on disk."""

    label: str
    kind: str
    size: int
    real: int


@dataclass(frozen=True, slots=True)
class InstalledDisk:
    """A disk as the live system saw it after an installation."""

    facts: NodeFacts

    @property
    def _rows(self) -> list[dict[str, str]]:
        return block_devices(self.facts.text("parts"))

    @property
    def table(self) -> str:
        """The kind of its partition table."""
        return next((row["PTTYPE"] for row in self._rows), "")

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return next(int(row["SIZE"]) for row in self._rows if row["TYPE"] == "disk")

    @property
    def partitions(self) -> list[Partition]:
        """Its partitions in the order of their place."""
        starts = dict(line.split() for line in self.facts.text("starts").splitlines())
        found = [
            Partition(
                row["NAME"],
                row["LABEL"],
                row["FSTYPE"],
                row["PARTUUID"],
                int(starts[row["NAME"]]) * _SECTOR,
                int(row["SIZE"]),
            )
            for row in self._rows
            if row["TYPE"] == "part"
        ]
        return sorted(found, key=lambda part: part.start)

    def by_label(self, label: str) -> Partition:
        """The partition with this label; raises `LookupError` when there is none."""
        found = [part for part in self.partitions if part.label == label]
        if len(found) != 1:
            raise LookupError(f"{len(found)} partitions are called {label}")
        return found[0]

    def tree(self, label: str) -> dict[str, FactFile]:
        """The files of a partition, by their path below it; raises `LookupError` when it could not be looked at."""
        section = f"tree:{label}"
        if section not in self.facts.sections:
            raise LookupError(f"there is nothing to see on {label}")
        found = {}
        for line in self.facts.text(section).splitlines():
            mode, owner, kind, size, path, target = (*line.split("\t"), "")[:6]
            found[path] = FactFile(kind, int(mode, 8), int(size), target, owner)
        return found

    def images(self, label: str) -> dict[str, ImageFile]:
        """The system images on a partition by name."""
        rows = (line.split() for line in self.facts.sections.get(f"images:{label}", "").splitlines())
        return {row[0]: ImageFile(row[1], row[2], int(row[3]), int(row[4]) * _SECTOR) for row in rows if len(row) == 5}
