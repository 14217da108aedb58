"""Locks of packages: made, moved in part, held against what the mirrors have now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.base.log import step
from imagekit.build.packages import resolver
from imagekit.config.load import Project
from imagekit.config.model import Arch
from imagekit.config.packagelock import (
    LockedPackage,
    PackageLock,
    as_text,
    load,
    lock_path,
    ordered,
    parse,
)
from imagekit.cve.versions import compare
from imagekit.packages.interface import Ask, Keep, Manager, MirrorError
from imagekit.packages.pins import freed_names
from imagekit.packages.store import Store
from imagekit.plan.asks import asks_of, locked_authorities, stale_parts
from imagekit.plan.lock import here


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """What may move: everything (`update`), packages by name, those with a security update; else only what is new."""

    update: bool = False
    only: frozenset[str] = frozenset()
    security: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One package that has another version in the new lock; empty: it is not there."""

    name: str
    arch: str
    stage: str
    before: str
    after: str
    origin: str

    @property
    def text(self) -> str:
        """A line for people."""
        where = f"({self.stage}, {self.origin})"
        if not self.before:
            return f"package {self.name} {self.after} added {where}"
        if not self.after:
            return f"package {self.name} {self.before} removed {where}"
        if self.before == self.after:
            return f"package {self.name} {self.after} is elsewhere in the archive now {where}"
        return f"package {self.name} {self.before} to {self.after} {where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relocked:
    """The lock of one image and architecture as it was and as it would be."""

    old: PackageLock | None
    new: PackageLock
    stale: tuple[str, ...] = ()
    moved: tuple[Moved, ...] = field(default=())

    @property
    def changed(self) -> bool:
        """Whether the file would differ."""
        return self.old is None or as_text(self.old) != as_text(self.new)


def relock(project: Project, name: str, arch: Arch, moves: Moves, *, manager: Manager | None = None) -> Relocked:
    """Resolve an image's packages for one architecture; nothing is written.

    Raises `ConfigError` for packages in `moves` that the lock does not have, `ResolveError` for what cannot be
    installed, `MirrorError` for a mirror that fails, or that lists another file than the lock for one version.
    """
    old = load(project.root, name, arch.value)
    manager = manager or resolver(project, name, arch)
    with step(f"Packages of {name} for {arch}") as reported:
        packages = _resolved(project, name, arch, moves, old, manager)
        reported.note = f"{len(packages)}"
    asks = asks_of(project, name, arch)
    new = PackageLock(
        image=name,
        arch=arch.value,
        asked={ask.stage: tuple(sorted({*ask.packages})) for ask in asks},
        authorities=locked_authorities(project, name),
        packages=ordered(packages, [ask.stage for ask in asks]),
    )
    _require_readable(new)
    return Relocked(
        old=old,
        new=new,
        stale=stale_parts(project, name, arch, old),
        moved=tuple(moved(old.packages if old else (), new.packages)),
    )


def write(project: Project, locks: Iterable[PackageLock]) -> None:
    """Write the files, each whole; call it when everything is resolved."""
    for lock in locks:
        path = project.root / lock_path(lock.image, lock.arch)
        path.parent.mkdir(exist_ok=True)
        write_whole(path, as_text(lock))


def store_packages(project: Project, lock: PackageLock, manager: Manager | None = None) -> None:
    """Get every package of a lock into the store of the work folder; raises `MirrorError` naming what is not had."""
    manager = manager or resolver(project, lock.image, Arch(lock.arch))
    Store(project.work).fill(lock.packages, [("the mirror", manager.fetch)])


def moved(old: Sequence[LockedPackage], new: Sequence[LockedPackage]) -> Iterator[Moved]:
    """What differs, by stage and name; a package of two stages is told for each (pure)."""
    before, after = ({(each.stage, *each.identity): each for each in rows} for rows in (old, new))
    for key in sorted(before.keys() | after.keys()):
        was, now = before.get(key), after.get(key)
        one = now or was
        if one is not None and was != now:
            yield Moved(
                name=one.name,
                arch=one.arch,
                stage=one.stage,
                before=was.version if was else "",
                after=now.version if now else "",
                origin=one.origin,
            )


def require_lockable(project: Project, names: Sequence[str]) -> None:
    """Raise `ConfigError` for an image whose packages cannot be looked up with what is configured."""
    for name in names:
        resolver(project, name, here())


def architectures(project: Project, name: str, wanted: Arch | None) -> tuple[Arch, ...]:
    """Those that an image is declared for, or the wanted one; this machine's first."""
    declared = project.image(name).arch
    if wanted is not None and wanted not in declared:
        raise ConfigError(f"image {name!r} is not declared for {wanted}", hint=f"Declared: {', '.join(declared)}.")
    return (wanted,) if wanted else tuple(sorted(declared, key=lambda each: (each != here(), each)))


def _resolved(
    project: Project, name: str, arch: Arch, moves: Moves, old: PackageLock | None, manager: Manager
) -> tuple[LockedPackage, ...]:
    asks = asks_of(project, name, arch)
    if old is None and (moves.only or moves.security):
        raise ConfigError(
            f"there is no {lock_path(name, arch.value)} yet, so nothing of it can move alone",
            hint=f"`imagekit lock {name}` locks everything for the first time.",
        )
    if moves.update or old is None:
        return _consistent(old, manager.resolve(asks, Keep()))
    free = freed_names(old.packages, _free(moves, old, manager, asks))
    kept = tuple(each for each in old.packages if each.name not in free)
    store = Store(project.work)
    gone = {each.sha256 for each in store.missing(kept)}
    here_still = [each for each in kept if each.sha256 not in gone]
    repository = store.repository(manager, here_still) if here_still else None
    return _consistent(old, manager.resolve(asks, Keep(kept, repository)))


def _free(moves: Moves, old: PackageLock, manager: Manager, asks: Sequence[Ask]) -> frozenset[str]:
    names = {each.name for each in old.packages}
    if unknown := moves.only - names:
        raise ConfigError(
            f"{lock_path(old.image, old.arch)} has no package {', '.join(sorted(unknown))}",
            hint="`--only` names packages of the lock, dependencies among them.",
        )
    if not moves.security:
        return moves.only
    fresh = {each.identity: each for each in manager.resolve(asks, Keep())}
    ahead = [each for each in old.packages if each.identity in fresh and fresh[each.identity].version != each.version]
    return moves.only | frozenset(manager.security(ahead))


def _consistent(old: PackageLock | None, new: tuple[LockedPackage, ...]) -> tuple[LockedPackage, ...]:
    """No distribution publishes two files under one version; a mirror that lists another has been changed."""
    known = {(each.name, each.version, each.arch): each for each in old.packages} if old else {}
    for each in new:
        was = known.get((each.name, each.version, each.arch))
        if was is not None and was.sha256 != each.sha256:
            raise MirrorError(
                f"package {each.name} {each.version} ({each.arch}): the mirror lists sha256:{each.sha256[:16]}, the "
                f"lock has sha256:{was.sha256[:16]} for the same version",
                hint="No distribution publishes two files under one version; find out why before you use it.",
            )
    _require_forward(old.packages if old else (), new)
    return new


def _require_forward(old: Sequence[LockedPackage], new: Sequence[LockedPackage]) -> None:
    """A mirror with yesterday's lists has yesterday's holes: versions that go back are its fault, and no drift."""
    before = {(each.stage, *each.identity): each for each in old}
    for each in new:
        was = before.get((each.stage, *each.identity))
        kind = "rpm" if each.path.endswith(".rpm") else "deb"
        with suppress(ValueError):  # what cannot be compared is not known to be older
            if was is not None and compare(kind, each.version, was.version) < 0:
                raise MirrorError(
                    f"package {each.name}: the mirror has {each.version}, the lock has {was.version}, which is newer",
                    hint="Its lists are older than those that the lock was made of: try later, or another mirror. When "
                    "going back is meant (another suite, a release taken back), remove the lock file and lock anew.",
                )


def _require_readable(lock: PackageLock) -> None:
    """What is written is read back first: names and places of a mirror are not ours."""
    try:
        same = parse(as_text(lock), "the new lock") == lock
    except ConfigError as error:
        raise MirrorError(f"the mirror's lists name what no lock can hold: {error}") from None
    if not same:
        raise MirrorError(f"the mirror's lists of {lock.image} do not read back as they were written")
