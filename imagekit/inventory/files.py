"""Which paths differ between two images, and which of them nothing else explains (pure)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from posixpath import basename, dirname

from imagekit.inventory.model import FileFact, ImageInventory

_NAMED = 2  # so many paths of one folder are named; more are counted
# What a change of a kind writes anew beside the thing itself.
_WRITTEN = {
    "kernel": r"boot/(vmlinu[xz]|initrd|initramfs|System\.map|config|loader/entries/)[^/]*|(usr/)?lib/modules/.*",
    "kernel command line": r"etc/cos/bootargs\.cfg|(etc|usr/lib)/kernel/cmdline",
    "authority": r"etc/ssl/certs/.*|etc/pki/ca-trust/.*|etc/ca-certificates\.conf|usr/.*/ca-certificates/.*",
    "user": r"etc/(passwd|group)-?",
    "group": r"etc/group-?",
    "sshd": r"etc/ssh/sshd_config(\.d/[^/]+)?",
    "pam": r"(etc|usr/lib)/pam\.d/[^/]+",
    "kernel modules": r"(usr/)?lib/modules/.*",
    "sysctl": r"etc/sysctl\.conf|(etc|(usr/)?lib|usr/local/lib)/sysctl\.d/[^/]+\.conf",
    "package": r"var/lib/(dpkg|apt|rpm|dnf)/.*|(usr/)?lib/sysimage/rpm/.*|etc/ld\.so\.cache",
    "version": r"etc/kairos-release",
}
_UNIT_LINK = re.compile(r"(?:etc|(?:usr/)?lib)/systemd/(system|user)/([^/]+\.(?:wants|requires|upholds)/)?[^/]+")
Names = Callable[[FileFact], tuple[frozenset[str], frozenset[str]]]  # of a file's owner and group


def names_of(inventory: ImageInventory) -> Names:
    """Whose a file is: several accounts may have one number, and a number that none has stays one."""
    users: dict[int, frozenset[str]] = {}
    groups: dict[int, frozenset[str]] = {}
    for user in inventory.users:
        users[user.uid] = users.get(user.uid, frozenset()) | {user.name}
    for group in inventory.groups:
        groups[group.gid] = groups.get(group.gid, frozenset()) | {group.name}

    def names(fact: FileFact) -> tuple[frozenset[str], frozenset[str]]:
        return users.get(fact.uid, frozenset({str(fact.uid)})), groups.get(fact.gid, frozenset({str(fact.gid)}))

    return names


def _numbers(fact: FileFact) -> tuple[frozenset[str], frozenset[str]]:
    return frozenset({str(fact.uid)}), frozenset({str(fact.gid)})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """One path in both images; None where it is not there. `owners`: whose it was and is, where that is another."""

    path: str
    before: FileFact | None
    after: FileFact | None
    owners: tuple[str, str] | None = None

    @property
    def word(self) -> str:
        """What happened to it."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    @property
    def text(self) -> str:
        """The path and in what it differs."""
        if self.before is None or self.after is None:
            return f"{self.word} /{self.path}"
        was, now = self.before, self.after
        fields = [
            f"{name} {old} to {new}"
            for name, old, new in (
                ("kind", was.kind, now.kind),
                ("mode", f"{was.mode:04o}", f"{now.mode:04o}"),
                ("owner", f"{was.uid}:{was.gid}", f"{now.uid}:{now.gid}"),
                ("capabilities", was.capabilities or "none", now.capabilities or "none"),
            )
            if old != new
        ]
        if self.owners and (was.uid, was.gid) == (now.uid, now.gid):
            fields.append(f"belongs to {self.owners[1]} and no more to {self.owners[0]} (number {now.uid}:{now.gid})")
        if was.content != now.content:
            target = was.kind == now.kind == "l"
            fields.append(f"target {was.content} to {now.content}" if target else f"{was.size} to {now.size} bytes")
        return f"changed /{self.path}: {', '.join(fields)}"


def compare_files(
    a: Mapping[str, FileFact], b: Mapping[str, FileFact], *, names: tuple[Names, Names] = (_numbers, _numbers)
) -> tuple[FileChange, ...]:
    """Every path that differs, sorted; which package owns it is no difference. Folders count by mode and owner.

    `names` say whose a file is on each side: with accounts that were numbered anew the same number is another's.
    """
    changes = []
    for path in sorted(a.keys() | b.keys()):
        was, now = a.get(path), b.get(path)
        if was is None or now is None:
            changes.append(FileChange(path=path, before=was, after=now))
            continue
        before, after = names[0](was), names[1](now)
        same = all(one & other for one, other in zip(before, after, strict=True))
        owners = None if same else (_shown(before), _shown(after))
        if owners or was._replace(package="") != now._replace(package=""):
            changes.append(FileChange(path=path, before=was, after=now, owners=owners))
    return tuple(changes)


def _shown(whose: tuple[frozenset[str], frozenset[str]]) -> str:
    return ":".join("/".join(sorted(names)) for names in whose)


def unexplained(
    files: tuple[FileChange, ...],
    *,
    packages: Collection[str],
    units: Collection[str],
    paths: Collection[str],
    others: Collection[str],
) -> tuple[FileChange, ...]:
    """The paths that no change explains: of moved packages, units and privileged paths by name, `others` by kind."""
    written = re.compile("|".join(_WRITTEN[kind] for kind in sorted(others) if kind in _WRITTEN) or r"(?!)")
    left = [
        each
        for each in files
        if not written.fullmatch(each.path)
        and each.path not in paths
        and not _of_packages(each, packages)
        and not (_only_numbers(each) and {"user", "group"} & {*others})
        and not _of_units(each, units)
    ]
    # A folder that came or went with what is in it is not reported beside that.
    inside = {parent for each in files if each.before is None or each.after is None for parent in _parents(each.path)}
    return tuple(each for each in left if not (_is_folder(each) and each.word != "changed" and each.path in inside))


def grouped(files: tuple[FileChange, ...]) -> Iterator[tuple[str, str]]:
    """A folder and a sentence about it: paths by name while they are few, else counted."""
    folders: dict[str, list[FileChange]] = {}
    for each in files:
        folders.setdefault(dirname(each.path), []).append(each)
    for folder, inside in sorted(folders.items()):
        if len(inside) <= _NAMED:
            yield from ((f"/{each.path}", _named(each)) for each in inside)
            continue
        counts = Counter(each.word for each in inside)
        words = [f"{counts[word]} {word}" for word in ("added", "changed", "removed") if counts[word]]
        if len(words) == 1:
            number, _, word = words[0].partition(" ")
            yield f"/{folder}", f"{number} files {word} in /{folder}"
        else:
            yield f"/{folder}", f"{len(inside)} files differ in /{folder}: {', '.join(words)}"


def _named(each: FileChange) -> str:
    if each.before is None or each.after is None or (each.before.content != each.after.content and not each.owners):
        return f"/{each.path} {each.word}"
    return each.text.removeprefix("changed ")


def _only_numbers(each: FileChange) -> bool:
    """Whether the account that it belongs to has another number, and nothing else differs."""
    was, now = each.before, each.after
    if was is None or now is None or each.owners:
        return False
    return was._replace(package="", uid=now.uid, gid=now.gid) == now._replace(package="")


def _of_packages(each: FileChange, packages: Collection[str]) -> bool:
    return any(fact is not None and fact.package in packages for fact in (each.before, each.after))


def _of_units(each: FileChange, units: Collection[str]) -> bool:
    facts = [fact for fact in (each.before, each.after) if fact is not None]
    match = _UNIT_LINK.fullmatch(each.path)
    if match is None or not all(_switches(fact, pulled=match[2] is not None) for fact in facts):
        return False
    return basename(each.path) + (" (of users)" if match[1] == "user" else "") in units


def _switches(fact: FileFact, *, pulled: bool) -> bool:
    """Whether it enables or masks a unit; a link that puts another unit in its place is told as the file it is."""
    empty = (fact.kind, fact.size) == ("f", 0)
    return fact.kind == "l" if pulled else empty or (fact.kind, fact.content) == ("l", "/dev/null")


def _is_folder(each: FileChange) -> bool:
    return all(fact is None or fact.kind == "d" for fact in (each.before, each.after))


def _parents(path: str) -> Iterator[str]:
    while path := dirname(path):
        yield path
