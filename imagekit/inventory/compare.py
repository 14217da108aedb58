"""What differs between two inventories, in the words of who runs the image (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from imagekit.inventory.effects import Row, module_rows, pam_rows, sshd_rows
from imagekit.inventory.files import FileChange, compare_files, grouped, names_of, unexplained
from imagekit.inventory.model import SETUID, FileFact, Group, ImageInventory, InstalledPackage, User

_T = TypeVar("_T")


class ChangeKind(StrEnum):
    """What a change is about; what matters most stands first."""

    KERNEL = "kernel"
    ARGUMENTS = "kernel command line"
    AUTHORITY = "authority"
    PRIVILEGE = "privilege"
    USER = "user"
    GROUP = "group"
    SOCKET = "socket"
    UNIT = "unit"
    SSHD = "sshd"
    PAM = "pam"
    SYSCTL = "sysctl"
    MODULE = "kernel modules"
    PACKAGE = "package"
    FILES = "files"
    BOOT = "boot"
    SIZE = "size"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: of what, what it was and is (empty: it was not there, it is gone), and a sentence that says so."""

    kind: ChangeKind
    name: str
    before: str = ""
    after: str = ""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All changes in order, and every path that differs, those that a change explains among them."""

    changes: tuple[Change, ...]
    files: tuple[FileChange, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs in what the images hold."""
        return not self.changes and not self.files


def compare(a: ImageInventory, b: ImageInventory) -> Comparison:
    """What differs in `b` from `a`.

    Every path that differs stands in `files`. The changes tell a path only where no other change explains it, as a
    package's new version explains its files.
    """
    facts = (
        *_kernels(a, b),
        *_arguments(a, b),
        *_authorities(a, b),
        *_privileges(a, b),
        *_users(a, b),
        *_groups(a, b),
        *_units(a, b),
        *_rows(ChangeKind.SSHD, sshd_rows(a.sshd, b.sshd)),
        *_rows(ChangeKind.PAM, pam_rows(a.pam, b.pam)),
        *_sysctls(a, b),
        *_rows(ChangeKind.MODULE, module_rows(a.modules, b.modules)),
        *_packages(a, b),
    )
    files = compare_files(a.files, b.files, names=(names_of(a), names_of(b)))
    by_kind = {kind: frozenset(each.name for each in facts if each.kind is kind) for kind in ChangeKind}
    kinds = {kind.value for kind, names in by_kind.items() if names}
    left = unexplained(
        files,
        packages=frozenset(name.partition(":")[0] for name in by_kind[ChangeKind.PACKAGE]),
        units=by_kind[ChangeKind.UNIT],
        paths=by_kind[ChangeKind.PRIVILEGE],
        others=kinds | ({"version"} if a.version != b.version else set()),
    )
    reported = (Change(kind=ChangeKind.FILES, name=folder, text=text) for folder, text in grouped(left))
    return Comparison(changes=(*facts, *reported, *_sizes(a, b)), files=files)


def _kernels(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    gone, new = _only(a.kernels, b.kernels), _only(b.kernels, a.kernels)
    if len(gone) == len(new) == 1:
        yield _change(ChangeKind.KERNEL, "kernel", gone[0], new[0], f"kernel {gone[0]} to {new[0]}")
        return
    for release in gone:
        yield _change(ChangeKind.KERNEL, release, release, "", f"kernel {release} removed")
    for release in new:
        yield _change(ChangeKind.KERNEL, release, "", release, f"kernel {release} added")


def _arguments(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    gone, new = _only(a.arguments, b.arguments), _only(b.arguments, a.arguments)
    where = "kernel command line"
    for key in dict.fromkeys(word.partition("=")[0] for word in (*gone, *new)):
        was = [word for word in gone if word.partition("=")[0] == key]
        now = [word for word in new if word.partition("=")[0] == key]
        if len(was) == len(now) == 1:
            yield _change(ChangeKind.ARGUMENTS, key, was[0], now[0], f"{where}: {was[0]} to {now[0]}")
            continue
        for word in was:
            yield _change(ChangeKind.ARGUMENTS, key, word, "", f"{where}: {word} removed")
        for word in now:
            yield _change(ChangeKind.ARGUMENTS, key, "", word, f"{where}: {word} added")


def _authorities(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    for each in _only(a.authorities, b.authorities):
        text = f"authority {each.subject} removed (sha256:{each.fingerprint[:12]})"
        yield _change(ChangeKind.AUTHORITY, each.fingerprint, each.subject, "", text)
    for each in _only(b.authorities, a.authorities):
        until = f", expires {each.expires}" if each.expires else ""
        text = f"authority {each.subject} added (sha256:{each.fingerprint[:12]}{until})"
        yield _change(ChangeKind.AUTHORITY, each.fingerprint, "", each.subject, text)


def _privileges(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    for path in sorted({path for each in (a, b) for path, fact in each.files.items() if privileged(fact)}):
        was, now = a.files.get(path), b.files.get(path)
        before, after = _privilege(was), _privilege(now)
        if before == after:
            continue
        if was is None:
            text = f"new {_kind_of(now)} file /{path} ({after})"
        elif now is None:
            text = f"{_kind_of(was)} file /{path} removed"
        elif not after:
            text = f"/{path} is no {_kind_of(was)} file any more"
        else:
            text = f"/{path}: {before or 'no privileges'} to {after}"
        yield _change(ChangeKind.PRIVILEGE, path, before, after, text)


def privileged(fact: FileFact) -> bool:
    """Whether a file lets who starts it do more than he may: set-user-ID, set-group-ID, capabilities."""
    return fact.kind == "f" and bool(fact.mode & SETUID or fact.capabilities)


def _privilege(fact: FileFact | None) -> str:
    if fact is None or not privileged(fact):
        return ""
    mode = f"mode {fact.mode:04o}, owner {fact.uid}:{fact.gid}" if fact.mode & SETUID else ""
    return ", ".join(filter(None, (mode, fact.capabilities)))


def _kind_of(fact: FileFact | None) -> str:
    if fact is None or not fact.mode & SETUID:
        return "privileged"
    return "setuid" if fact.mode & 0o4000 else "setgid"


def _users(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    yield from _accounts(ChangeKind.USER, {each.name: each for each in a.users}, {each.name: each for each in b.users})


def _groups(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    yield from _accounts(
        ChangeKind.GROUP, {each.name: each for each in a.groups}, {each.name: each for each in b.groups}
    )


def _accounts(
    kind: ChangeKind, a: Mapping[str, User] | Mapping[str, Group], b: Mapping[str, User] | Mapping[str, Group]
) -> Iterator[Change]:
    for name in sorted({*a, *b}):
        was, now = a.get(name), b.get(name)
        if was == now:
            continue
        before, after = _account(was), _account(now)
        if was is None:
            text = f"{kind} {name} added ({after.partition(', ')[0]})"
        elif now is None:
            text = f"{kind} {name} removed ({before.partition(', ')[0]})"
        else:
            moved = zip(was._fields, was, now, strict=True)
            fields = [f"{field} {old or 'none'} to {new or 'none'}" for field, old, new in moved if old != new]
            text = f"{kind} {name}: {', '.join(fields)}"
        yield _change(kind, name, before, after, text)


def _account(each: User | Group | None) -> str:
    if each is None:
        return ""
    fields = zip(each._fields[1:], each[1:], strict=True)
    return ", ".join(f"{field} {value}" for field, value in fields if field != "password" or value)


def _units(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    for name in sorted({*a.units, *b.units}):
        was, now = a.units.get(name, ""), b.units.get(name, "")
        if was == now:
            continue
        if not now:
            text = f"unit {name} is {'masked' if was == 'masked' else 'enabled'} no more"
        elif not was or "masked" in (was, now):
            text = f"unit {name} is {now.partition(' ')[0]} now"
        else:
            text = f"unit {name}: {was} to {now}"
        yield _change(ChangeKind.UNIT, name, was, now, text)


def _sysctls(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    for key in sorted({*a.sysctls, *b.sysctls}):
        was, now = a.sysctls.get(key), b.sysctls.get(key)
        if was == now:
            continue
        if was is None:
            text = f"sysctl {key} is set now: {now}"
        elif now is None:
            text = f"sysctl {key} is not set any more (was {was})"
        else:
            text = f"sysctl {key} {was} to {now}"
        yield _change(ChangeKind.SYSCTL, key, was or "", now or "", text)


def _packages(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    several = _in_several_architectures((*a.packages, *b.packages))
    old, new = _versions(a.packages), _versions(b.packages)
    for name, arch in sorted({*old, *new}):
        was, now = old.get((name, arch), ()), new.get((name, arch), ())
        gone, come = _only(was, now), _only(now, was)
        shown = f"{name}:{arch}" if name in several else name
        if len(gone) == len(come) == 1:
            text = f"package {shown} {gone[0]} to {come[0]}"
            yield _change(ChangeKind.PACKAGE, shown, gone[0], come[0], text)
            continue
        for version in gone:
            yield _change(ChangeKind.PACKAGE, shown, version, "", f"package {shown} {version} removed")
        for version in come:
            yield _change(ChangeKind.PACKAGE, shown, "", version, f"package {shown} {version} added")


def _versions(packages: Iterable[InstalledPackage]) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for each in packages:
        found[each.name, each.arch] = (*found.get((each.name, each.arch), ()), each.version)
    return found


def _in_several_architectures(packages: Iterable[InstalledPackage]) -> set[str]:
    first: dict[str, str] = {}
    return {each.name for each in packages if first.setdefault(each.name, each.arch) != each.arch}


def _sizes(a: ImageInventory, b: ImageInventory) -> Iterator[Change]:
    """By layer where both are named, else of the whole; less than 0.05 MB is not reported."""
    if all(layer.name for layer in (*a.layers, *b.layers)):
        old, new = ({layer.name: layer.size for layer in each.layers} for each in (a, b))
        for name in dict.fromkeys((*old, *new)):
            yield from _size(f"layer {name}", old.get(name), new.get(name))
        return
    yield from _size("all layers", sum(layer.size for layer in a.layers), sum(layer.size for layer in b.layers))


def _size(where: str, was: int | None, now: int | None) -> Iterator[Change]:
    if was is None or now is None:
        size, word = (now, "new") if was is None else (was, "gone")
        text = f"{where} is {word} ({(size or 0) / 1e6:.1f} MB)"
        yield _change(ChangeKind.SIZE, where, str(was or ""), str(now or ""), text)
    elif abs(now - was) >= 50_000:
        text = f"{(now - was) / 1e6:+.1f} MB in {where}"
        yield _change(ChangeKind.SIZE, where, str(was), str(now), text)


def _rows(kind: ChangeKind, rows: Iterable[Row]) -> Iterator[Change]:
    for name, before, after, text in rows:
        yield _change(kind, name, before, after, text)


def _change(kind: ChangeKind, name: str, before: str, after: str, text: str) -> Change:
    return Change(kind=kind, name=name, before=before, after=after, text=text)


def _only(these: Iterable[_T], not_those: Iterable[_T]) -> list[_T]:
    other = set(not_those)
    return [each for each in these if each not in other]
