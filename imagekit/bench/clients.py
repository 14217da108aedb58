"""Push, copy and pull of 1 GiB, and hashing all of it, beside the stock programs oras, crane and sha256sum.

Each client has repositories of its own on one registry and goes twice; the quicker time counts, as the disk writes back
what was sent before. What is timed of ours runs in a process of its own, without the start of Python; of theirs it
is the whole process, whose start takes some hundredths of a second.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ConfigError
from imagekit.base.log import step
from imagekit.bench.cost import cost_of
from imagekit.bench.madelayout import large_blob, made_image
from imagekit.bench.model import Bound, Goal, Row
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
TURNS = (1, 2)
STEPS = ("first push", "push of another top layer", "push again", "copy to another repository", "pull")


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Where all of them run: two layouts that share a large layer, and a registry at `address`."""

    address: str
    layouts: tuple[Path, Path]
    digests: tuple[Digest, Digest]
    scratch: Path


Client = Callable[[Field, str], float]


def measure(bench: BenchSubject) -> list[Row]:
    """Seconds of each step for us and for the fastest of the others; raises `ConfigError` without any of them."""
    folder = bench.project.work / "tools" / "bin"
    rivals = {name: found for name in ("crane", "oras") if (found := _program(name, folder)) is not None}
    if not rivals:
        raise ConfigError("neither oras nor crane is here to compare with", hint="`bin/setup dev` fetches both.")
    best: dict[tuple[str, str], float] = {}
    memory: list[int] = []
    with _field(bench.scratch) as field:
        for turn in TURNS:
            ours, above = _ours(field, turn)
            memory.append(above)
            taken = {(OURS, name): seconds for name, seconds in ours.items()}
            taken |= {
                (who, name): _seconds_of(who, program, field, name, turn)
                for who, program in rivals.items()
                for name in STEPS
            }
            best = {key: min(seconds, best.get(key, seconds)) for key, seconds in taken.items()}
        hashed = _hash_rows(field, rivals)
    rows = [_row(name, best[OURS, name], {who: best[who, name] for who in rivals}) for name in STEPS]
    most = Row(name="memory above idle, all steps", measured=max(memory) / 1e6, unit="MB", goal=_MEMORY)
    return [*rows, most, *hashed]


def _row(name: str, ours: float, theirs: dict[str, float]) -> Row:
    fastest = min(theirs, key=lambda who: theirs[who])
    others = ", ".join(f"{who} {seconds:.2f} s" for who, seconds in sorted(theirs.items()))
    return Row(
        name=name, measured=ours, unit="s", against=fastest, reference=theirs[fastest], goal=_BESIDE, note=others
    )


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
    """Our verification of all content against sha256sum of the same bytes and a plain download of them."""
    large = max((field.layouts[0] / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        "imagekit.bench.client",
        field.address,
        f"{OURS}1",
        str(field.digests[1]),
    ]
    with step("imagekit: verify all content"):
        ours = json.loads(process.run(argv, timeout=_TIMEOUT).stdout)["seconds"][0]
    with step("sha256sum and download"):
        summed = cost_of(["sha256sum", large], timeout=_TIMEOUT).seconds
        address = f"http://{field.address}/v2/{next(iter(rivals))}1/bench/blobs/sha256:{large.name}"
        loaded = cost_of(["curl", "-sSf", "-o", "/dev/null", address], timeout=_TIMEOUT).seconds
    note = f"sha256sum {summed:.2f} s, download by curl {loaded:.2f} s"
    against = "sha256sum and download"
    return [
        Row(
            name="verify 1 GiB, all hashed",
            measured=ours,
            unit="s",
            against=against,
            reference=summed + loaded,
            goal=_HASHING,
            note=note,
        )
    ]
