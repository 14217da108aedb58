"""Writing an installed disk, against copying the bytes that it holds; and its other forms, against qemu-img alone."""

from __future__ import annotations

from pathlib import Path

from imagekit.artifact.formats import to_qcow2
from imagekit.artifact.installed import write_installed
from imagekit.artifact.programs import find
from imagekit.artifact.sparse import sha256_of
from imagekit.bench.cost import Cost, cost, cost_of
from imagekit.bench.hashing import Hasher, fastest_hasher
from imagekit.bench.model import Bound, Goal, Row, median_pair
from imagekit.bench.subject import BenchSubject
from imagekit.build.result import Build

_ROUNDS = 3
_TIMEOUT = 900.0
_RAW, _QCOW2, _SAME = Goal(limit=2.0), Goal(limit=1.5), Goal(limit=0, bound=Bound.VALUE)
_COPY = "cp of the same disk"


def measure(bench: BenchSubject) -> list[Row]:
    """Median pairs of three rounds, each in a folder of its own; all checksums are compared."""
    hasher = fastest_hasher(bench.scratch)
    image = bench.build()
    write_installed(image.layout, image.digest, bench.scratch / "warm.raw")  # blobs into the page cache
    sums = {sha256_of(bench.scratch / "warm.raw")}
    raw: list[tuple[Cost, Cost]] = []
    summed: list[tuple[float, float]] = []
    qcow2: list[tuple[Cost, Cost]] = []
    for number in range(_ROUNDS):
        folder = bench.scratch / f"round {number}"
        folder.mkdir()
        disk = folder / f"disk-{number}.raw"
        raw.append(_raw_round(image, disk))
        summed.append(_summed_round(disk, folder / "copy", raw[-1], sums, hasher))
        (folder / "copy").unlink()
        qcow2.append(_qcow2_round(disk, folder))
        for path in folder.iterdir():
            path.unlink()
    size = f"{(bench.scratch / 'warm.raw').stat().st_blocks >> 11} MiB of data"
    with_sum, plain_sum = median_pair(summed)
    return [
        _row("raw disk", raw, _COPY, _RAW, size),
        Row(
            name="raw disk with its checksum",
            measured=with_sum,
            unit="s",
            against=f"cp + {hasher.name} of the same disk",
            reference=plain_sum,
            goal=_RAW,
        ),
        _row("qcow2 of a raw disk", qcow2, "qemu-img convert", _QCOW2, ""),
        Row(name="raw disks that differ", measured=len(sums) - 1, unit=f"of {_ROUNDS + 1}", goal=_SAME),
    ]


def _raw_round(image: Build, disk: Path) -> tuple[Cost, Cost]:
    with cost() as writing:
        write_installed(image.layout, image.digest, disk)
    return writing, cost_of(["cp", "--sparse=auto", disk, disk.with_name("copy")], timeout=_TIMEOUT)


def _summed_round(
    disk: Path, copy: Path, raw: tuple[Cost, Cost], sums: set[str], hasher: Hasher
) -> tuple[float, float]:
    with cost() as hashing:
        sums.add(sha256_of(disk))
    return raw[0].seconds + hashing.seconds, raw[1].seconds + hasher.cost(copy).seconds


def _qcow2_round(disk: Path, folder: Path) -> tuple[Cost, Cost]:
    with cost() as ours:
        to_qcow2(disk, folder / "ours.qcow2")
    argv: list[str | Path] = [find("qemu-img", "qemu-utils"), "convert", "-f", "raw", "-O", "qcow2"]
    return ours, cost_of([*argv, disk, folder / "plain.qcow2"], timeout=_TIMEOUT)


def _row(name: str, rounds: list[tuple[Cost, Cost]], against: str, goal: Goal, note: str) -> Row:
    own, plain = median_pair((ours.seconds, theirs.seconds) for ours, theirs in rounds)
    return Row(name=name, measured=own, unit="s", against=against, reference=plain, goal=goal, note=note)
