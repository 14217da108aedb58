"""Push, copy and pull of 1 GiB, and hashing all of it, beside the stock programs oras, crane and openssl.

Each client has repositories of its own on one registry and goes three times, in turn; of each step the turn counts
whose ratio to the quickest of the others is the middle one. What is timed of ours runs in a process of its own, without
the start of Python; of theirs it is the whole process, whose start takes some hundredths of a second.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ConfigError
from imagekit.base.log import step
from imagekit.bench.cost import cost_of
from imagekit.bench.hashing import fastest_hasher
from imagekit.bench.madelayout import large_blob, made_image
from imagekit.bench.model import Bound, Goal, Row, median, median_pair
from imagekit.bench.subject import BenchSubject
from imagekit.machine.ports import reserved_port
from imagekit.oci.reference import MEDIA_TYPE_MANIFEST, Digest
from imagekit.services.registry import registry

GIB = 1 << 30
_TOP = 1 << 20
_TIMEOUT = 1800.0
_BESIDE = Goal(limit=1.25)
_HASHING = Goal(limit=1.2)
_MEMORY = Goal(limit=64.0, bound=Bound.VALUE)
OURS = "imagekit"
TURNS = (1, 2, 3)
STEPS = ("first push", "push of another top layer", "push again", "copy to another repository", "pull")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where all of them run: two layouts that share a large layer, and a registry at `address`."""

    address: str
    layouts: tuple[Path, Path]
    digests: tuple[Digest, Digest]
    scratch: Path


Turn = dict[str, dict[str, float]]  # seconds by client and step


def measure(bench: BenchSubject) -> list[Row]:
    """Seconds of each step for us and for the fastest of the others; raises `ConfigError` without any of them."""
    folder = bench.project.work / "tools" / "bin"
    rivals = {name: found for name in ("crane", "oras") if (found := _program(name, folder)) is not None}
    if not rivals:
        raise ConfigError("neither oras nor crane is here to compare with", hint="`bin/setup dev` fetches both.")
    turns: list[Turn] = []
    memory: list[int] = []
    with _field(bench.scratch) as field:
        for turn in TURNS:
            ours, above = _ours(field, turn)
            memory.append(above)
            theirs = {
                who: {name: _seconds_of(who, program, field, name, turn) for name in STEPS}
                for who, program in rivals.items()
            }
            turns.append({OURS: ours, **theirs})
        hashed = _hash_rows(field, rivals)
    rows = [row_of(name, turns) for name in STEPS]
    most = Row(name="memory above idle, all steps", measured=max(memory) / 1e6, unit="MB", goal=_MEMORY)
    return [*rows, most, *hashed]


def row_of(name: str, turns: Sequence[Turn]) -> Row:
    """One step: ours and the other whose median is the fastest, in the turn whose ratio is the middle one."""
    theirs = {who: median(turn[who][name] for turn in turns) for who in turns[0] if who != OURS}
    fastest = min(theirs, key=lambda who: theirs[who])
    ours, reference = median_pair((turn[OURS][name], turn[fastest][name]) for turn in turns)
    others = ", ".join(f"{who} {seconds:.2f} s" for who, seconds in sorted(theirs.items()))
    return Row(name=name, measured=ours, unit="s", against=fastest, reference=reference, goal=_BESIDE, note=others)


@contextmanager
def _field(scratch: Path) -> Iterator[Field]:
    shared = scratch / "first"
    with step("Making two images that share a layer of 1 GiB"):
        bottom = large_blob(shared, GIB)
        first, second = (made_image(shared, bottom, seed, _TOP) for seed in (1, 2))
        other = scratch / "second"
        shutil.copytree(shared, other, copy_function=_linked)
        for layout, image in ((shared, first), (other, second)):
            _index(layout, image.manifest)
    with reserved_port() as port:
        address = f"127.0.0.1:{port}"
    with registry(scratch / "work", address):
        yield Field(
            address=address, layouts=(shared, other), digests=(first.manifest, second.manifest), scratch=scratch
        )


def _linked(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


def _index(layout: Path, manifest: Digest) -> None:
    """What makes a folder of blobs an OCI layout of one image, for the other programs."""
    size = (layout / "blobs" / "sha256" / manifest.hex).stat().st_size
    entry = {
        "mediaType": MEDIA_TYPE_MANIFEST,
        "digest": str(manifest),
        "size": size,
        "annotations": {"org.opencontainers.image.ref.name": "made"},
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')


def _program(name: str, folder: Path) -> Path | None:
    found = shutil.which(name, path=str(folder)) or shutil.which(name)
    return Path(found) if found else None


def _seconds_of(name: str, program: Path, field: Field, what: str, turn: int) -> float:
    with step(f"{name}: {what}"):
        return cost_of(_argv(name, program, field, what, turn), timeout=_TIMEOUT).seconds


def _argv(name: str, program: Path, field: Field, what: str, turn: int) -> list[str | Path]:
    here, there = (f"{field.address}/{name}{turn}/{folder}" for folder in ("bench", "copy"))
    first, second = field.layouts
    pulled = field.scratch / f"pulled-{name}{turn}"
    plain = ["--from-plain-http", "--to-plain-http"]
    table: dict[tuple[str, str], list[str | Path]] = {
        ("crane", STEPS[0]): ["push", first, f"{here}:first"],
        ("crane", STEPS[1]): ["push", second, f"{here}:second"],
        ("crane", STEPS[2]): ["push", second, f"{here}:second"],
        ("crane", STEPS[3]): ["copy", f"{here}:second", f"{there}:second"],
        ("crane", STEPS[4]): ["pull", "--format=oci", f"{here}:second", pulled],
        ("oras", STEPS[0]): ["cp", "--to-plain-http", "--from-oci-layout", f"{first}:made", f"{here}:first"],
        ("oras", STEPS[1]): ["cp", "--to-plain-http", "--from-oci-layout", f"{second}:made", f"{here}:second"],
        ("oras", STEPS[2]): ["cp", "--to-plain-http", "--from-oci-layout", f"{second}:made", f"{here}:second"],
        ("oras", STEPS[3]): ["cp", *plain, "-r", f"{here}:second", f"{there}:second"],
        ("oras", STEPS[4]): ["cp", "--from-plain-http", "--to-oci-layout", f"{here}:second", f"{pulled}:made"],
    }
    return [program, *table[name, what]]


def _ours(field: Field, turn: int) -> tuple[dict[str, float], int]:
    """Seconds by step, and by how many bytes the resident set grew at most; see `imagekit.bench.client`."""
    argv: list[str | Path] = [sys.executable, "-m", "imagekit.bench.client", field.address, f"{OURS}{turn}"]
    for layout, digest in zip(field.layouts, field.digests, strict=True):
        argv += [layout, str(digest)]
    with step("imagekit: every step"):
        reported = json.loads(process.run([*argv, field.scratch / f"pulled-ours{turn}"], timeout=_TIMEOUT).stdout)
    return dict(zip(STEPS, reported["seconds"], strict=True)), reported["peak"] - reported["idle"]


def _hash_rows(field: Field, rivals: dict[str, Path]) -> list[Row]:
    """Our verification of all content against a download of the same bytes and their hash, one after the other."""
    hasher = fastest_hasher(field.scratch)
    large = max((field.layouts[0] / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        "imagekit.bench.client",
        field.address,
        f"{OURS}1",
        str(field.digests[1]),
    ]
    address = f"http://{field.address}/v2/{next(iter(rivals))}1/bench/blobs/sha256:{large.name}"
    rounds: list[tuple[float, float]] = []
    with step(f"Verify all content, beside {hasher.name} and a download"):
        for _ in TURNS:
            ours = json.loads(process.run(argv, timeout=_TIMEOUT).stdout)["seconds"][0]
            loaded = cost_of(["curl", "-sSf", "-o", "/dev/null", address], timeout=_TIMEOUT).seconds
            rounds.append((ours, loaded + hasher.cost(large).seconds))
    measured, reference = median_pair(rounds)
    return [
        Row(
            name="verify 1 GiB, all hashed",
            measured=measured,
            unit="s",
            against=f"{hasher.name} and download by curl",
            reference=reference,
            goal=_HASHING,
        )
    ]
