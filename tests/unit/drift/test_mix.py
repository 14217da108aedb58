"""A lock bisected with apt's own solver: what came new, what needs another's new version, and stacks of a few layers.

Only builds and machines are simulated, and the simulated build refuses what the real one refuses: a lock that does not
cover the image, packages that cannot be installed, and any package more or less than the lock names.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.app.bundles import ensure_packages
from imagekit.app.image import NotAsLockedError
from imagekit.app.packagelocks import Moves, relock, write
from imagekit.base.errors import RefusedError
from imagekit.build.packages import manager_of, without_mirrors
from imagekit.checks.outcome import Outcome
from imagekit.config.load import Project, load_project
from imagekit.config.model import Arch
from imagekit.config.packagelock import PackageLock, load
from imagekit.drift.conduct import conduct, new_night
from imagekit.drift.local import LocalWorld, open_world
from imagekit.drift.mix import settled
from imagekit.drift.model import Attribution, DriftVerdict, Part, Report
from imagekit.drift.night import Options
from imagekit.machine.interface import BootPath
from imagekit.packages.apt import Apt
from imagekit.packages.interface import Keep, ResolveError
from imagekit.packages.store import Store
from imagekit.plan.asks import asks_of
from imagekit.plan.lock import here, require_buildable
from tests.support.debs import Archive
from tests.support.project import commit, make_project
from tests.support.simbackend import SimBackend

NAME = "small-node"
pytestmark = pytest.mark.skipif(
    shutil.which("apt-get") is None or here() is not Arch.AMD64, reason="needs apt-get and dpkg-deb, for amd64"
)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "mirror")
    archive.add("trixie", "apt", "3.0", extra="Essential: yes")
    for name in ("libc", "less", "nano", "tree"):
        archive.add("trixie", name, "1:1-1", depends="" if name == "libc" else "libc")
    return archive


def move(archive: Archive) -> None:
    """libc is newer; nano needs that, tree a package that is new, and less nothing."""
    archive.add("trixie", "libc", "1:2-1")
    archive.add("trixie", "less", "1:2-1", depends="libc")
    archive.add("trixie", "nano", "1:2-1", depends="libc (>= 1:2)")
    archive.add("trixie", "libtree", "1:2-1", depends="libc")
    archive.add("trixie", "tree", "1:2-1", depends="libc, libtree")


@pytest.fixture
def project(tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Project:
    root = make_project(tmp_path / "project")
    checks = root / "vm-harness/checks/base"
    checks.mkdir(parents=True)
    (checks / "test_x.py").write_text('def test_x(host) -> None:\n    """x holds"""\n')
    (root / ".gitignore").write_text(".imagekit\n")
    distro = root / "images/distro/distro.yaml"
    distro.write_text(distro.read_text() + "variant: apt\n")

    def resolver(project: Project, _name: str, arch: Arch) -> Apt:
        return Apt(project.work / "apt", arch.value, (archive.source("trixie"),))

    for module in ("packagelocks", "bundles"):
        monkeypatch.setattr(f"imagekit.app.{module}.resolver", resolver)
    found = load_project(root)
    write(found, [relock(found, NAME, here(), Moves()).new])
    commit(root, "lock", "2026-11-23T12:00:00+00:00")
    return load_project(root)


class Refusing(SimBackend):
    """Its checks fail with all of `bad` (name and version) in the lock; its builds refuse what the real ones do."""

    bad: tuple[str, ...] = ()

    def build(self, project, plan):  # type: ignore[no-untyped-def]
        require_buildable(plan)
        lock = load(project.root, NAME, here().value)
        assert lock is not None
        ensure_packages(project, (plan,))
        require_installed_as_locked(project, lock)
        have = {f"{each.name} {each.version}" for each in lock.packages}
        self.outcomes = {BootPath.DIRECT: Outcome.FAILED} if self.bad and {*self.bad} <= have else {}
        self.calls[f"layers {len(project.image(NAME).layers)}"] += 1
        return super().build(project, plan)


def require_installed_as_locked(project: Project, lock: PackageLock) -> None:
    """As install-packages.sh and `require_locked` do in a real build."""
    repository = Store(project.work).repository(manager_of(project, NAME, here()), lock.packages)
    try:
        found = without_mirrors(project, NAME, here()).resolve(
            asks_of(project, NAME, here()), Keep(lock.packages, repository)
        )
    except ResolveError as error:
        raise RefusedError(f"layer did not build: {error}", hint="") from None
    if {*found} != {*lock.packages}:
        raise NotAsLockedError(f"{len(found)} packages are not the {len(lock.packages)} of the lock")


def hold(project: Project, backend: SimBackend, **world: object) -> Report:
    @contextmanager
    def opened() -> Iterator[LocalWorld]:
        with open_world(project, NAME, "n1", backend) as local:
            for name, value in world.items():
                setattr(local, name, value)
            yield local

    options = Options(parts=frozenset({Part.PINNED, Part.FRESH}), lifecycle=False)
    return conduct(project, opened(), NAME, new_night(NAME), options)


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("less", {"less"}),
        ("nano", {"nano"}),
        ("tree", {"tree", "libtree"}),  # neither is there without the other
        ("libtree", {"tree", "libtree"}),
    ],
)
def test_the_bad_one_is_named_and_none_that_only_cannot_be_installed_apart(
    project: Project, archive: Archive, bad: str, named: set[str]
) -> None:
    move(archive)
    world = Refusing()
    world.bad = (f"{bad} 1:2-1",)
    report = hold(project, world)
    assert report.verdict is DriftVerdict.DRIFT, report.unknown
    [cause] = report.causes
    assert cause.attribution is Attribution.UPSTREAM
    assert bad in cause.names
    assert {*cause.names} <= named, cause.evidence
    assert report.builds - 2 <= 4


def test_a_package_that_came_new_alone_is_not_asked_for(project: Project, archive: Archive) -> None:
    move(archive)
    old = load(project.root, NAME, here().value)
    new = relock(project, NAME, here(), Moves(update=True)).new
    assert old is not None
    extra = next(each for each in new.packages if each.name == "libtree")
    mixed = replace(old, packages=(*old.packages, extra))
    write(project, [mixed])
    fresh = load_project(project.root)
    assert settled(replace(fresh, locked=True), mixed) == old


def test_a_fault_of_ours_is_found_by_stacks_that_are_really_built(project: Project) -> None:
    """The lock of a stack is that of its layers: with the image's whole lock no stack would be built at all."""
    world = Refusing(outcomes={})
    world.bad = ("less 1:1-1",)
    report = hold(project, world)
    [cause] = report.causes
    assert (cause.attribution, cause.layer) == (Attribution.OURS, "base")
    assert world.calls["layers 1"] == 1
    assert any(each.startswith("stack base: bad") for each in cause.evidence), cause.evidence
