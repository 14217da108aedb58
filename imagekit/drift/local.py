"""The real world of a night: the project's locks, build engine, machines, channels and fleet."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath

from imagekit import __version__
from imagekit.app.diff import commits_between
from imagekit.app.horizon import horizon
from imagekit.app.interface import Backend
from imagekit.app.locking import as_text as lock_text
from imagekit.app.locking import refresh, wanted_of
from imagekit.app.options import Options
from imagekit.app.packagelocks import Moves, relock
from imagekit.app.run import run_image
from imagekit.app.trusted import current_suites
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.base.files import write_whole
from imagekit.base.space import lack_of_space
from imagekit.base.text import one_line
from imagekit.build.authorities import authorities_of
from imagekit.build.result import earlier_build
from imagekit.config.authorities import AuthorityError
from imagekit.config.imagesfile import LockFile
from imagekit.config.load import LOCK_FILE, Project, load_project
from imagekit.config.packagelock import PackageLock, as_text, load, lock_path
from imagekit.drift import fleet
from imagekit.drift.aside import kept_aside, told_difference
from imagekit.drift.checkout import Checkout, checkout
from imagekit.drift.interface import InfrastructureError, UpstreamError
from imagekit.drift.locks import ELSEWHERE, as_lock, elsewhere_of, packages_of, stack_of
from imagekit.drift.mix import settled
from imagekit.drift.model import Change, Lock, Released, Result, Trial
from imagekit.drift.outcome import trial_of
from imagekit.drift.state import Good, keep_good, read_good
from imagekit.inventory.horizon import Thresholds, judge, line
from imagekit.machine.interface import DISKLESS, BootPath
from imagekit.packages.interface import ResolveError
from imagekit.plan.lock import here
from imagekit.plan.model import Plan, StageKind
from imagekit.plan.resolve import make_plan
from imagekit.scenarios.options import ScenarioOptions

BRANCH = "imagekit/drift"
FOLDER = "drift"


@contextmanager
def open_world(project: Project, image: str, night: str, backend: Backend | None = None) -> Iterator[LocalWorld]:
    """The world of an image for one night; raises `ConfigError` for an image without a lock of its packages."""
    if backend is None:
        from imagekit.app.local import LocalBackend

        backend = LocalBackend()
    project = replace(project, locked=True)
    packages = load(project.root, image, here().value)
    if packages is None:
        raise ConfigError(
            f"{image} has no {lock_path(image, here().value)}: without a lock nobody can say what moved",
            hint=f"Run `imagekit lock {image}`, look at what it wrote, and commit it.",
        )
    with checkout(project, project.work / FOLDER / image / "checkout") as beside:
        yield LocalWorld(project, image, night, backend, beside, [packages])


@dataclass(slots=True)
class LocalWorld:
    """See `imagekit.drift.interface.World`."""

    project: Project
    image: str
    night: str
    backend: Backend
    beside: Checkout
    known: list[PackageLock]  # the files whose rows locks are made of: what is pinned, then what is fresh
    # digest to the project that it was built from, and what trial it was of
    tried: dict[str, tuple[Project, str]] = field(default_factory=dict)
    upstream: Lock | None = None
    settle: Callable[[Project, PackageLock], PackageLock] = settled

    @property
    def layers(self) -> Sequence[str]:
        """The image's own, from the bottom; what stands below them (distribution, framework) comes before all."""
        return self.project.image(self.image).layers

    def now(self) -> datetime:
        """The time, in UTC."""
        return self.backend.now()

    def pinned(self) -> Lock:
        """What the project's lock files say."""
        return as_lock(self.known[0], self._entries(self.project.lock))

    def fresh(self) -> Lock:
        """Everything looked up anew; nothing of the project changes."""
        other = self.beside.project({})
        try:
            packages = relock(other, self.image, here(), Moves(update=True)).new
            refresh(other, [self.image], update=True)
        except ResolveError as error:
            raise UpstreamError(one_line(str(error), 500)) from None
        except (ImagekitError, OSError) as error:
            raise InfrastructureError(one_line(str(error), 500)) from None
        self.known = [self.known[0], packages]
        self.upstream = as_lock(packages, self._entries(load_project(other.root).lock))
        return self.upstream

    def trial(
        self, lock: Lock, *, layers: int | None = None, lifecycle: bool = False, like: Trial | None = None
    ) -> Trial:
        """A run that publishes nothing, of the project with this lock."""
        pinned, whole = lock == self.pinned(), layers is None or layers == len(self.layers)
        project = self.project if pinned and whole else self._beside(lock, layers)
        if pinned and (problem := self._refused(project)):
            return Trial(result=Result.BAD, reason=problem)
        with kept_aside(project, self.image) if pinned and whole else nullcontext():
            what = "" if pinned and whole else self._trial(lock, layers)
            found = self._run(project, what, lifecycle=lifecycle, like=like)
        self.tried[found.digest] = project, what
        if pinned and whole and like is None and found.result is Result.GOOD:
            self._keep_pinned(found, lifecycle=lifecycle)
        return found

    def _beside(self, lock: Lock, layers: int | None) -> Project:
        """The checkout with this lock; of a stack, with its layers and what of the lock belongs to them."""
        project = self.beside.project(self._files(lock))
        packages = self._settled(project, lock)
        if layers is not None:
            packages = stack_of(packages, self.layers[layers:])
        write_whole(project.root / lock_path(self.image, packages.arch), as_text(packages))
        if layers is None:
            return project
        image = project.image(self.image)
        stack = image.model_copy(update={"layers": image.layers[:layers]})
        return replace(project, images={**project.images, self.image: stack})

    def installed(self, lock: Lock) -> Lock:
        """As the solver says; what is pinned and what is fresh is installed as a whole."""
        packages = self._settled(self.beside.project(self._files(lock)), lock)
        return as_lock(packages, elsewhere_of(lock, self._entries(self.project.lock)))

    def _settled(self, project: Project, lock: Lock) -> PackageLock:
        packages = packages_of(lock, self.known)
        if lock in (self.pinned(), self.upstream):
            return packages
        try:
            return self.settle(project, packages)
        except (ImagekitError, OSError) as error:
            raise InfrastructureError(one_line(str(error), 500)) from None

    def again(self, trial: Trial) -> Trial:
        """The checks and scenarios of the same digest once more; its build is kept, so nothing is built."""
        scenarios = any(name.startswith("scenario:") for name in trial.failed)
        return self._run(*self.tried[trial.digest], lifecycle=scenarios, like=trial)

    def last_good(self, *, lifecycle: bool) -> tuple[Trial, datetime, bool] | None:
        """What the last good full night left; of another lock, or with less tested, it tells nothing."""
        good = read_good(self._state("pinned"))
        if good is None or good.marks.get("lock") != _mark(self.pinned()) or self._refused(self.project):
            return None
        if lifecycle and good.marks.get("scenarios") != "yes":
            return None
        return good.trial, good.at, all(good.marks.get(key) == value for key, value in self._sources().items())

    def sources_changed(self) -> tuple[str, ...] | None:
        """Commits to the image's sources, checks and imagekit itself, since the last good full night."""
        good = read_good(self._state("pinned"))
        if good is None:
            return None
        if problem := self._refused(self.project):
            return (f"the image's sources: {problem}",)
        now = self._sources()
        reported = {
            "suites": "the checks",
            "imagekit": f"imagekit {good.marks.get('imagekit', '')} to {now['imagekit']}",
            "plan": f"the image's sources{self._from(good)}",
        }
        commits = commits_between(self.project.root, good.marks.get("revision", ""), self._plan().source.revision) or ()
        moved = [text for key, text in reported.items() if good.marks.get(key) != now[key]]
        return (*moved, *(f"commit {each}" for each in commits))

    def expired(self) -> tuple[str, ...]:
        """Certificates of the pinned build, while it is kept, and of the project's files, that end or have ended."""
        try:
            authorities_of(self.project, self.layers, now=self.now())
            kept = earlier_build(self.project.work, self._plan())
            found = horizon(self.project, str(kept.digest) if kept is not None else None)
        except AuthorityError as error:
            return (str(error),)
        except (ImagekitError, OSError) as error:
            return (f"what has expired cannot be told: {error}",)
        judged = judge(found, self.now(), Thresholds())
        return tuple(line(each, self.now()) for each in judged if each.blocks)

    def released(self) -> Sequence[Released]:
        """What channels and fleet files name."""
        try:
            return fleet.released_of(self.project, self.image)
        except (ImagekitError, OSError) as error:
            raise InfrastructureError(one_line(str(error), 500)) from None

    def rehearse(self, released: Released, newest: Released | None) -> Trial:
        """On machines of this host; a good one is remembered."""
        folder = self.project.work / "nights" / self.night / released.digest[7:19]
        found = fleet.rehearse(self.project, self.backend, self.image, released, newest, folder)
        if found.result is Result.GOOD:
            marks = {"suites": self._sources()["suites"], "from": newest.digest if newest else ""}
            good = Good(digest=released.digest, run_id=self.night, at=self.now(), marks=marks)
            keep_good(self._state(released.digest[7:]), good)
        return found

    def last_rehearsal(self, released: Released) -> tuple[Trial, datetime] | None:
        """What an earlier night left."""
        good = read_good(self._state(released.digest[7:]))
        return (good.trial, good.at) if good is not None and good.digest == released.digest else None

    def shared(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """images.lock is one file: a tag or download of it may be what other images are made of, too."""
        found = []
        for name in {each.key.name for each in changes if each.key.layer == ELSEWHERE}:
            others = [image for image in self.project.images if image != self.image and self._takes(image, name)]
            found += [f"{name} is also what {image} is made of, which was not built" for image in others]
        return tuple(sorted(found))

    def _takes(self, image: str, name: str) -> bool:
        wanted = wanted_of(self.project, [image])
        return name in wanted.images or name in wanted.files

    def differences(self, old: Trial, new: Trial) -> str:
        """As `imagekit diff` tells it."""
        return told_difference(self.project, old.digest, new.digest)

    def keep_update(self, fresh: Lock, changes: Sequence[Change], text: str) -> str:
        """One branch for an image, replaced by a later night's."""
        name = f"{BRANCH}/{self.image}"
        try:
            self.beside.branch(name, self._files(fresh), text)
        except (ImagekitError, OSError) as error:
            raise InfrastructureError(one_line(str(error), 500)) from None
        return name

    def _trial(self, lock: Lock, layers: int | None) -> str:
        """What a run is for that is none of the image as the project has it."""
        if layers is not None:
            return f"night {self.night}: the layers {'+'.join(self.layers[:layers])} alone"
        what = "all inputs as upstream has them" if lock == self.upstream else "a part of the inputs that moved"
        return f"night {self.night}: {what}"

    def _run(self, project: Project, trial: str, *, lifecycle: bool, like: Trial | None = None) -> Trial:
        scenarios = ScenarioOptions() if lifecycle else None
        built = like is not None and like.build_failed and not like.early
        boot_paths = (BootPath(like.boot_path),) if like is not None and like.boot_path else DISKLESS
        options = Options(
            publish=False, fresh=True, lifecycle=scenarios, boot_paths=() if built else boot_paths, trial=trial
        )
        try:
            return trial_of(run_image(project, self.image, options, self.backend), built=built)
        except OSError as error:
            raise InfrastructureError(one_line(f"{lack_of_space(error) or 'this machine'}: {error}", 500)) from None

    def _files(self, lock: Lock) -> dict[PurePosixPath, str]:
        packages, entries = packages_of(lock, self.known), elsewhere_of(lock, self.project.lock)
        files = {PurePosixPath(lock_path(self.image, packages.arch)): as_text(packages)}
        if entries != self.project.lock:
            files[PurePosixPath(LOCK_FILE)] = lock_text(entries)
        return files

    def _entries(self, file: LockFile) -> LockFile:
        """Those that this image is made of."""
        wanted = wanted_of(self.project, [self.image])
        return LockFile(
            images={name: value for name, value in file.images.items() if name in wanted.images},
            files={name: value for name, value in file.files.items() if name in wanted.files},
        )

    def _refused(self, project: Project) -> str:
        """Why there is no plan of it: what its layers declare is not taken."""
        try:
            make_plan(project, self.image)
        except AuthorityError as error:
            return str(error)
        return ""

    def _plan(self) -> Plan:
        return make_plan(self.project, self.image)

    def _sources(self) -> dict[str, str]:
        """What a verdict about the pinned lock depends on beside it."""
        suites = current_suites(self.project)[self.image]
        return {"plan": self._plan().id, "suites": suites, "imagekit": __version__}

    def _from(self, good: Good) -> str:
        """The lowest layer that is not what it was; what stands on it is another one for that alone."""
        known = dict(word.split("=") for word in good.marks.get("layers", "").split() if "=" in word)
        now = self._layer_ids()
        first = next((name for name, layer in now.items() if known.get(name) != layer), "") if known else ""
        return f", from layer {first} up" if first else ""

    def _layer_ids(self) -> dict[str, str]:
        return {stage.name: stage.id[:16] for stage in self._plan().stages if stage.kind is StageKind.LAYER}

    def _keep_pinned(self, found: Trial, *, lifecycle: bool) -> None:
        about = {"lock": _mark(self.pinned()), "scenarios": "yes" if lifecycle else "no"}
        layers = " ".join(f"{name}={layer}" for name, layer in self._layer_ids().items())
        marks = {**about, "revision": self._plan().source.revision, "layers": layers, **self._sources()}
        good = Good(digest=found.digest, run_id=found.run_id, at=self.now(), marks=marks)
        keep_good(self._state("pinned"), good)

    def _state(self, name: str) -> Path:
        return self.project.work / FOLDER / self.image / f"{name}.json"


def _mark(lock: Lock) -> str:
    rows = sorted((*key, value.version, value.checksum) for key, value in lock.items())
    return sha256(json.dumps(rows).encode()).hexdigest()
