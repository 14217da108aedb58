"""Two publishers race for one version tag, round after round, with the lock and without, on each registry there is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

from imagekit.base.errors import ImagekitError
from imagekit.base.log import step
from imagekit.base.process import background
from imagekit.base.waiting import Deadline, wait_until
from imagekit.bench.madelayout import MadeImage, large_blob, made_image
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import BenchSubject
from imagekit.machine.ports import reserved_port
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import TagExistsError
from imagekit.registry.lock import locked
from imagekit.registry.tag import give_tag
from imagekit.registry.transfer import push_image

ROUNDS = 200
REPOSITORY = "imagekit/races"
_NONE = Goal(limit=0.0, bound=Bound.VALUE)
Give = Callable[[Reference, Registry, Path], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How the rounds ended: both believed to have won, and the winner's tag naming the other's digest."""

    double: int
    lost: int
    failed: int


def measure(bench: BenchSubject) -> list[Row]:
    """Double wins and silent losses in 200 rounds; the rounds without the lock show what it is for."""
    layout = bench.scratch / "oci"
    bottom = large_blob(layout, 1 << 16)
    images = [made_image(layout, bottom, seed, 1 << 10) for seed in (1, 2)]
    rows: list[Row] = []
    for program in _programs(bench.project.work / "tools" / "bin"):
        with _server(program, bench.scratch / program.name) as address:
            for name, give in (("with the lock", _with_lock), ("without it", _without)):
                with step(f"{ROUNDS} races on {program.name}, {name}"):
                    score = race(address, layout, images, give, bench.scratch, name.replace(" ", "-"))
                rows += _rows(f"{program.name}, {name}", score, goal=_NONE if give is _with_lock else None)
    return rows


def race(address: str, layout: Path, images: list[MadeImage], give: Give, scratch: Path, label: str) -> Score:
    """`ROUNDS` rounds of two hosts: each its own client and lock folder, the same tag, another digest."""
    start = Barrier(2)
    double = lost = failed = 0

    def host(number: int, tag: str) -> str:
        target = Reference(address, REPOSITORY, tag, images[number].manifest)
        with Registry(address) as client:
            push_image(layout, images[number].manifest, target, client)
            start.wait()
            try:
                give(target, client, scratch / f"{Path(address).name}-{number}")
            except TagExistsError:
                return "taken"
            except ImagekitError:
                return "failed"
        return str(images[number].manifest)

    with ThreadPoolExecutor(2) as pool, Registry(address) as judge:
        for count in range(ROUNDS):
            tag = f"{label}-{count}"
            outcomes = list(pool.map(host, (0, 1), (tag, tag)))
            winners = [each for each in outcomes if each.startswith("sha256:")]
            holder = str(judge.resolve(Reference(address, REPOSITORY, tag)))
            double += len(winners) == 2
            lost += any(winner != holder for winner in winners)
            failed += outcomes.count("failed") or not winners
    return Score(double=double, lost=lost, failed=failed)


def _with_lock(target: Reference, client: Registry, folder: Path) -> None:
    with locked(client, target.repository, folder) as lock:
        lock.require_still_mine()
        give_tag(target, client)


def _without(target: Reference, client: Registry, folder: Path) -> None:
    give_tag(target, client)


def _rows(name: str, score: Score, *, goal: Goal | None) -> list[Row]:
    found = (("double wins", score.double), ("silent losses", score.lost), ("rounds without a winner", score.failed))
    return [Row(name=f"{what}, {name}", measured=count, unit=f"of {ROUNDS}", goal=goal) for what, count in found]


def _programs(folder: Path) -> list[Path]:
    """The registries that are here: CNCF distribution 2.8 and 3."""
    found = [shutil.which("docker-registry"), shutil.which("registry3", path=str(folder)) or shutil.which("registry3")]
    return [Path(each) for each in found if each]


@contextmanager
def _server(program: Path, folder: Path) -> Iterator[str]:
    folder.mkdir(parents=True)
    with reserved_port() as port:
        address = f"127.0.0.1:{port}"
    config = folder / "config.json"
    storage = {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}}
    settings = {"version": 0.1, "storage": storage, "http": {"addr": address, "secret": "for races"}}
    config.write_text(json.dumps({**settings, "log": {"level": "error", "accesslog": {"disabled": True}}}))
    argv: list[str | Path] = [program, "serve", config]
    with background(argv, log=folder / "log", env={"OTEL_TRACES_EXPORTER": "none"}):
        wait_until(lambda: _answers(address), Deadline.after(30), what=program.name)
        yield address


def _answers(address: str) -> bool:
    from imagekit.registry.timeouts import Timeouts

    try:
        with Registry(address, timeouts=Timeouts(attempts=1, silence=2.0)) as client:
            client.ping()
    except ImagekitError:
        return False
    return True
