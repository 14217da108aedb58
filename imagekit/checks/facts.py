"""Everything most checks ask of a node, fetched in one round trip and parsed here.

Sixty single questions cost a minute over a fresh connection each and seconds over a shared one; one script that answers
them together takes about two seconds under emulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from imagekit.base.errors import ToolError

if TYPE_CHECKING:
    from testinfra.host import Host

_T = TypeVar("_T")
_SEPARATOR = "\x1e"
_LOWER = "/run/.imagekit-lower"
# What facts.sh lists: these folders with all that is below them, and those without what is in their own folders.
LISTED_WHOLE = ("/etc",)
UNIT_FOLDERS = (
    "/usr/lib/systemd/system",
    "/etc/systemd/system",
    *(f"/run/systemd/{x}" for x in ("system", "generator")),
)
LISTED = (
    *LISTED_WHOLE,
    *("/boot", "/usr/bin", "/usr/sbin", "/usr/lib/modules", "/system", "/system/oem", "/oem", "/run/cos"),
    *UNIT_FOLDERS,
)


class FactsError(ToolError):
    """The node did not answer the question about its facts."""


class Told(dict[str, _T]):
    """What one program told, by name. A name that it did not tell of is said in words, with the program to run."""

    def __init__(self, source: str, found: Mapping[str, _T]) -> None:
        super().__init__(found)
        self.source = source

    def __missing__(self, name: str) -> _T:
        told = f"nothing of {name!r}" if self else "nothing at all"
        raise FactsError(f"the node told {told}: {self.source}", hint="Ask it that on the node, as root.")


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit: loaded or not, its active state and sub-state."""

    load: str
    active: str
    sub: str


@dataclass(frozen=True, slots=True)
class File:
    """A file: permission bits, owner, group, kind as in find(1) -printf %y, size in bytes, target of a link."""

    mode: int
    user: str
    group: str
    kind: str
    size: int
    target: str


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount point: source, file system type, per-mount options and those of the superblock.

    `device` is the number of the block device, as ``254:5``: what a mount really holds, whatever name it was made by.
    """

    source: str
    fstype: str
    options: frozenset[str]
    super_options: frozenset[str]
    device: str = ""

    @property
    def volatile(self) -> bool:
        """Whether what is written here is gone after a reboot."""
        upper = next((o.removeprefix("upperdir=") for o in self.super_options if o.startswith("upperdir=")), "")
        return self.fstype in ("tmpfs", "ramfs") or (self.fstype == "overlay" and bool(upper))


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket and the programs that hold it (text of ss(8))."""

    protocol: str
    address: str
    port: int
    holders: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The node at one moment."""

    state: str
    units: Mapping[str, Unit]
    unit_files: Mapping[str, str]
    packages: Mapping[str, str]
    files: Mapping[str, File]
    sysctl: Mapping[str, str]
    mounts: Mapping[str, Mount]
    users: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]
    passwords: Mapping[str, str]
    listeners: tuple[Listener, ...]
    modules: frozenset[str]
    builtin: frozenset[str]
    cmdline: tuple[str, ...]
    swaps: tuple[str, ...]
    os_release: Mapping[str, str]
    kairos_release: Mapping[str, str]
    sshd: Mapping[str, tuple[str, ...]]
    devices: tuple[tuple[str, str, str], ...]
    hardware_clock: str
    machine_id: str
    hostname: str
    arch: str
    image_files: Mapping[str, File] | None

    @property
    def loaded(self) -> dict[str, Unit]:
        """The units that there are; `units` also has names without a unit, after which others only want to start."""
        return {name: unit for name, unit in self.units.items() if unit.load != "not-found"}

    def mount_of(self, path: str) -> Mount:
        """The mount that holds a path."""
        best = max((p for p in self.mounts if path == p or path.startswith(p.rstrip("/") + "/")), key=len)
        return self.mounts[best]

    @property
    def mode(self) -> str:
        """How the node was booted, by its sentinel: live, active, passive, recovery or unknown."""
        for name in ("live", "active", "passive", "recovery"):
            if f"/run/cos/{name}_mode" in self.files:
                return name
        return "unknown"


def collect_facts(host: Host) -> Facts:
    """Ask once and parse; raises `FactsError` when the script did not come to its end on the node."""
    script = (Path(__file__).parent / "facts.sh").read_text()
    answer = host.run("sh -c %s", script)
    return parse_facts(answer.stdout_bytes.decode("utf-8", "replace"))


def parse_facts(text: str) -> Facts:
    """Facts out of what facts.sh wrote."""
    parts = {name: body for name, _, body in (part.partition("\n") for part in text.split(_SEPARATOR)[1:])}
    if "end" not in parts:
        raise FactsError(
            "the node's facts broke off"
            + (f" after section {list(parts)[-1]}" if parts else " before the first section"),
            hint="Look at the console of this run; the connection or the node's shell may have died.",
        )
    lines = {name: body.splitlines() for name, body in parts.items()}
    return Facts(
        state="".join(lines["state"][:1]),
        units=Told("systemctl list-units --all", {f[0]: Unit(*f[1:4]) for f in _fields(lines["units"], 4)}),
        unit_files=Told("systemctl list-unit-files", {f[0]: f[1] for f in _fields(lines["unitfiles"], 2)}),
        packages={
            n: v for s, n, v in (p.split("\t")[:3] for p in lines["packages"] if p.count("\t") >= 2) if s[1:2] == "i"
        },
        files=_files(lines["files"]),
        sysctl=Told("sysctl -a", _parameters(lines["sysctl"])),
        mounts=Told("cat /proc/self/mountinfo", parse_mounts(lines["mounts"])),
        users={f[0]: tuple(f) for f in (line.split(":") for line in lines["users"]) if len(f) == 7},
        groups={
            f[0]: tuple(filter(None, f[3].split(","))) for f in (x.split(":") for x in lines["groups"]) if len(f) == 4
        },
        passwords=Told("cat /etc/shadow", _pairs(lines["passwords"], ":")),
        listeners=tuple(_listeners(lines["listeners"])),
        modules=frozenset(lines["modules"]),
        builtin=frozenset(Path(line).name.partition(".")[0].replace("-", "_") for line in lines["builtin"]),
        cmdline=tuple(parts["cmdline"].split()),
        swaps=tuple(lines["swaps"][1:]),
        os_release=Told("cat /etc/os-release", _environment(lines["osrelease"])),
        kairos_release=Told("cat /etc/kairos-release", _environment(lines["kairosrelease"])),
        sshd=Told("sshd -T", _multi(lines["sshd"])),
        devices=tuple((f[0], f[1], f[2]) for f in (line.split(":") for line in lines["nm"]) if len(f) >= 3),
        hardware_clock="".join(lines["clock"][:1]) or "UTC",
        machine_id="".join(lines["machineid"][:1]),
        hostname="".join(lines["hostname"][:1]),
        arch="".join(lines.get("arch", [])[:1]),
        image_files=_image(lines["image"]),
    )


def _fields(lines: list[str], count: int) -> list[list[str]]:
    split = (line.replace("●", " ").replace("*", " ", 1).split(None, count) for line in lines)
    return [fields for fields in split if len(fields) >= count]


def _pairs(lines: list[str], separator: str) -> dict[str, str]:
    split = (line.partition(separator) for line in lines)
    return {key.strip(): value.strip() for key, found, value in split if found}


def _parameters(lines: list[str]) -> dict[str, str]:
    """`sysctl -a`, which repeats the name before each line of a value."""
    found: dict[str, list[str]] = {}
    for name, separator, value in (line.partition(" = ") for line in lines):
        if separator:
            found.setdefault(name.strip(), []).append(value.strip())
    return {name: "\n".join(values) for name, values in found.items()}


def _environment(lines: list[str]) -> dict[str, str]:
    pairs = _pairs([line for line in lines if not line.lstrip().startswith("#")], "=")
    return {key: value.strip("\"'") for key, value in pairs.items()}


def _multi(lines: list[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        found[key.lower()] = (*found.get(key.lower(), ()), value.strip())
    return found


def _files(lines: list[str]) -> dict[str, File]:
    found: dict[str, File] = {}
    for fields in (line.split("\t") for line in lines):
        if len(fields) >= 8 and fields[4].isdigit():
            mode, user, group, kind, size, _, path, target = fields[:8]
            found[path] = File(int(mode, 8), user, group, kind, int(size), target)
    return found


def _image(lines: list[str]) -> dict[str, File] | None:
    if not lines or not lines[0].startswith("found"):
        return None
    found: dict[str, File] = {}
    for fields in (line.split("\t") for line in lines[1:]):
        if len(fields) == 9:
            path = fields[8].removeprefix(_LOWER) + fields[6].rstrip("/")
            found |= _files(["\t".join((*fields[:6], path, fields[7]))])
    return found


def parse_mounts(lines: Sequence[str]) -> dict[str, Mount]:
    """Mounts by their point, out of the lines of /proc/self/mountinfo; of several on one point the last."""
    # proc_pid_mountinfo(5): optional fields end with a single dash.
    found = {}
    for line in lines:
        before, dash, after = line.partition(" - ")
        left, right = before.split(), after.split()
        if dash and len(left) >= 6 and len(right) >= 3:
            target = left[4].replace("\\040", " ")
            found[target] = Mount(
                right[1], right[0], frozenset(left[5].split(",")), frozenset(right[2].split(",")), left[2]
            )
    return found


def _listeners(lines: list[str]) -> list[Listener]:
    found = []
    for fields in (line.split(None, 6) for line in lines):
        if len(fields) >= 5:
            address, _, port = fields[4].rpartition(":")
            if port.isdigit():
                holders = fields[6] if len(fields) > 6 else ""
                found.append(Listener(fields[0], address, int(port), holders))
    return found
