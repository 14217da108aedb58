"""Partition tables: read back by sfdisk, both copies whole."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from imagekit.artifact import gpt
from imagekit.artifact.partitions import GIB, MIB, label_uuid, plan_disk
from imagekit.artifact.programs import find
from imagekit.base.process import run

DISK = UUID("01234567-89ab-4def-8123-456789abcdef")


def written(path: Path) -> Path:
    """A disk file with the table of a small plan."""
    plan = plan_disk(110 * MIB)
    entries = [part.entry for part in plan.partitions]
    with path.open("wb") as stream:
        stream.truncate(plan.size)
        for offset, data in gpt.table(entries, disk=DISK, sectors=plan.size // gpt.SECTOR, boot_code=b"\x90" * 440):
            stream.seek(offset)
            stream.write(data)
    return path


def test_sfdisk_finds_no_fault_and_reads_what_was_written(tmp_path: Path) -> None:
    disk = written(tmp_path / "disk.raw")
    sfdisk = find("sfdisk", "fdisk")
    verdict = run([sfdisk, "--verify", disk], timeout=20)
    assert "No errors detected" in verdict.stdout + verdict.stderr
    table = json.loads(run([sfdisk, "--json", disk], timeout=20).stdout)["partitiontable"]
    assert UUID(table["id"]) == DISK
    plan = plan_disk(110 * MIB)
    assert plan.size == 3 * GIB
    for found, part in zip(table["partitions"], plan.partitions, strict=True):
        assert (found["start"] * 512, found["size"] * 512) == (part.offset, part.size)
        assert (UUID(found["uuid"]), UUID(found["type"]), found["name"]) == (part.uuid, part.kind, part.name)


def test_boot_code_is_kept_and_the_last_sector_is_the_second_header(tmp_path: Path) -> None:
    with written(tmp_path / "disk.raw").open("rb") as stream:
        head = stream.read(1024)
        stream.seek(-512, 2)
        last = stream.read()
    assert head[:440] == b"\x90" * 440
    assert head[510:512] == b"\x55\xaa"
    assert head[512:520] == last[:8] == b"EFI PART"


def test_partitions_have_the_identifiers_that_kairos_gives_them() -> None:
    # python3 -c 'import uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, "COS_STATE"))'
    assert str(label_uuid("COS_STATE")) == "843bfe4e-83b2-5b42-ba6d-a47e3ba1262e"
