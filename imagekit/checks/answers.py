"""What the facts of a node answer to the commands that testinfra's modules run (pure).

Keys of the table are those commands as testinfra writes them. Another version of testinfra that asks in other words
is answered by the node itself: slower, and never wrongly. So is every question that the facts cannot answer for sure:
a path outside the folders that they list whole, a unit by its alias, an account of a directory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from imagekit.checks.facts import LISTED, LISTED_WHOLE, UNIT_FOLDERS, Facts, File

Answer = tuple[int, str]

_NO = (1, "")
# systemctl(1), is-enabled: these states end with 0.
_ENABLED = frozenset({"enabled", "enabled-runtime", "static", "alias", "indirect", "generated", "transient"})
_ACTIVE = frozenset({"active", "reloading"})
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")  # a package's name, and no pattern, label or architecture
_MOST_LINKS = 10


def answer(command: str, args: tuple[str, ...], facts: Facts) -> Answer | None:
    """Exit status and standard output of a command; None where the facts do not tell."""
    found = _TABLE.get((command, len(args)))
    return found(facts, *args) if found is not None else None


def resolved(facts: Facts, path: str) -> str | None:
    """The path without links; one without a file in the facts is not there. None where the facts do not tell."""
    pure = PurePosixPath(path)
    parts = list(reversed(pure.parts[1:]))
    here, links = "", 0
    if not pure.is_absolute() or ".." in parts or not path.isprintable():
        return None
    while parts:
        step = f"{here}/{parts.pop()}"
        file = facts.files.get(step)
        if file is None:
            if _lists(facts, here):
                return f"{step}/{'/'.join(reversed(parts))}".rstrip("/")
            if not parts or not any(root.startswith(f"{step}/") for root in LISTED):
                own = facts.files.get(str(pure))  # asked for by its name alone, without what is around it
                return str(pure) if own is not None and own.kind != "l" else None
        elif file.kind == "l":
            links += 1
            target = PurePosixPath(file.target)
            if links > _MOST_LINKS or ".." in target.parts:
                return None
            parts.extend(reversed(target.parts[1:] if target.is_absolute() else target.parts))
            here = "" if target.is_absolute() else here
            continue
        here = step
    return here or None


def _lists(facts: Facts, folder: str) -> bool:
    """Whether the facts hold everything that is in a folder."""
    file = facts.files.get(folder)
    if file is None or file.kind != "d":
        return False
    return folder in LISTED or folder.startswith(tuple(f"{root}/" for root in LISTED_WHOLE))


def _stat(of: Callable[[File], str]) -> Callable[..., Answer | None]:
    def look(facts: Facts, path: str) -> Answer | None:
        where = resolved(facts, path)
        file = facts.files.get(where or "")
        return (0, of(file)) if file is not None else None  # what is not there is an error: the node's own words

    return look


def _test(kinds: str) -> Callable[..., Answer | None]:
    def look(facts: Facts, path: str) -> Answer | None:
        where = resolved(facts, path)
        if where is None:
            return None
        file = facts.files.get(where)
        return (0, "") if file is not None and (not kinds or file.kind in kinds) else _NO

    return look


def _is_link(facts: Facts, path: str) -> Answer | None:
    folder = resolved(facts, str(PurePosixPath(path).parent))
    if folder is None or not _lists(facts, folder):
        return None
    file = facts.files.get(f"{folder}/{PurePosixPath(path).name}")
    return (0, "") if file is not None and file.kind == "l" else _NO


def _linked_to(facts: Facts, path: str) -> Answer | None:
    where = resolved(facts, path)
    return (0, where) if where is not None and where in facts.files else None


def _names_in(facts: Facts, path: str) -> Answer | None:
    where = resolved(facts, path)
    if where is None or not _lists(facts, where):
        return None
    inside = (PurePosixPath(name) for name in facts.files if name.startswith(f"{where}/"))
    names = sorted(each.name for each in inside if str(each.parent) == where and not each.name.startswith("."))
    return 0, "\n".join(names)


def _program(facts: Facts, name: str) -> Answer | None:
    # The folders of PATH in its order; /usr/local is not in the facts, and holds nothing on an image.
    if name == "command":
        return 0, "command"
    places = (f"{folder}/{name}" for folder in ("/usr/sbin", "/usr/bin"))
    found = next((place for place in places if "/" not in name and place in facts.files), None)
    return (0, found) if found is not None else None


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"


def _is_active(facts: Facts, name: str) -> Answer | None:
    unit = facts.units.get(_unit(name))
    if unit is None:
        # systemd lists a unit that it has loaded by one of its names; the others are links in these folders.
        linked = any(f"{folder}/{_unit(name)}" in facts.files for folder in UNIT_FOLDERS)
        return None if linked or "@" in name or UNIT_FOLDERS[0] not in facts.files else (4, "inactive")
    if unit.load not in ("loaded", "masked"):
        return None
    return (0 if unit.active in _ACTIVE else 3), unit.active


def _is_enabled(facts: Facts, name: str) -> Answer | None:
    state = facts.unit_files.get(_unit(name))
    return None if state is None else (0 if state in _ENABLED else 1, state)


def _dpkg(form: str) -> Callable[..., Answer | None]:
    def look(facts: Facts, name: str) -> Answer | None:
        if not _PLAIN.fullmatch(name) or not facts.packages:
            return None
        version = facts.packages.get(name)
        if version is None:
            return _NO
        return 0, form.format(version=version)

    return look


def _rpm(facts: Facts, name: str) -> Answer | None:
    if name in facts.packages:
        return 0, ""
    # rpm takes NAME-VERSION and NAME.ARCHITECTURE, too.
    longer = any(name.startswith((f"{each}-", f"{each}.")) for each in facts.packages)
    return None if longer or not facts.packages or not _PLAIN.fullmatch(name) else _NO


def _mounts(facts: Facts) -> Answer:
    """As /proc/mounts: the options of the mount and of its file system in one column."""
    lines = []
    for point, mount in facts.mounts.items():
        both = mount.options | mount.super_options
        first = "ro" if "ro" in both else "rw"
        options = ",".join((first, *sorted(both - {"ro", "rw"})))
        where = point.replace(" ", "\\040")
        lines.append(f"{mount.source} {where} {mount.fstype} {options} 0 0")
    return 0, "\n".join(lines)


def _user(field: int | None) -> Callable[..., Answer | None]:
    def look(facts: Facts, name: str) -> Answer | None:
        fields = facts.users.get(name)  # who is not in the node's own file may be in a directory
        if fields is None:
            return None
        return 0, ":".join(fields) if field is None else fields[field]

    return look


def _group(facts: Facts, name: str) -> Answer | None:
    members = facts.groups.get(name)
    return None if members is None else (0, ",".join(members))


def _sysctl(facts: Facts, _program: str, name: str) -> Answer | None:
    value = facts.sysctl.get(name)
    return None if value is None or name.startswith("dev.") else (0, value)


def _os_release(facts: Facts) -> Answer | None:
    return (0, "\n".join(f"{key}={value}" for key, value in facts.os_release.items())) if facts.os_release else None


_TABLE: Mapping[tuple[str, int], Callable[..., Answer | None]] = {
    ("test -e %s", 1): _test(""),
    ("test -f %s", 1): _test("f"),
    ("test -d %s", 1): _test("d"),
    ("test -L %s", 1): _is_link,
    ("ls -1 -q -- %s", 1): _names_in,
    ("realpath %s", 1): _linked_to,
    ("stat -Lc %%U %s", 1): _stat(lambda file: file.user),
    ("stat -Lc %%G %s", 1): _stat(lambda file: file.group),
    ("stat -Lc %%a %s", 1): _stat(lambda file: f"{file.mode:o}"),
    ("stat -Lc %%s %s", 1): _stat(lambda file: str(file.size)),
    ("command -v %s", 1): _program,
    ("command -v command", 0): lambda _: (0, "command"),
    ("systemctl is-active %s", 1): _is_active,
    ("systemctl is-enabled %s", 1): _is_enabled,
    ("dpkg-query -f '${Status}' -W %s", 1): _dpkg("install ok installed"),
    ("dpkg-query -f '${Status} ${Version}' -W %s", 1): _dpkg("install ok installed {version}"),
    ("rpm -q --quiet %s 2>&1", 1): _rpm,
    ("cat /proc/mounts", 0): _mounts,
    ("id %s", 1): _user(0),
    ("id -u %s", 1): _user(2),
    ("id -g %s", 1): _user(3),
    ("getent passwd %s", 1): _user(None),
    ("getent group %s", 1): _group,
    ("getent group %s | cut -d':' -f4", 1): _group,
    ("%s -n %s", 2): _sysctl,
    ("uname -s", 0): lambda _: (0, "Linux"),
    ("uname -m", 0): lambda facts: (0, facts.arch) if facts.arch else None,
    ("cat /etc/os-release", 0): _os_release,
}
