"""What an image or a node answered, as plain text by section, and the few readings that many checks share.

Facts are data: they are written to a file, read back, and altered by tests to see a check fail.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from imagekit.base.errors import ToolError
from imagekit.checks.facts import Mount, parse_mounts

SEPARATOR = "\x1e"
FOLDER = "/run/imagekit-conformance"  # where the probes' cloud-config leaves its traces


class NoFactError(ToolError):
    """A node was not asked, or broke off before it answered."""


@dataclass(frozen=True, slots=True)
class FactFile:
    """A file: kind as in find(1) -printf %y, permission bits, size in bytes, owner (`user:group`), link target."""

    kind: str
    mode: int
    size: int
    target: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A command that was run: its exit status and everything it wrote, standard error included."""

    status: int
    text: str


@dataclass(frozen=True)
class ImageFacts:
    """An image as it lies in a registry: its files (absolute paths), some contents, the OCI configuration.

    `unlike` says what the agent makes otherwise of its layers than containerd.
    """

    files: Mapping[str, FactFile]
    contents: Mapping[str, str]
    config: Mapping[str, Any]
    unlike: tuple[str, ...] = ()

    @property
    def release(self) -> dict[str, str]:
        """The keys of /etc/kairos-release, unquoted."""
        return assignments(self.contents.get("/etc/kairos-release", ""))

    @property
    def os_release(self) -> dict[str, str]:
        """The keys of os-release."""
        text = self.contents.get("/usr/lib/os-release") or self.contents.get("/etc/os-release", "")
        return assignments(text)

    def below(self, folder: str) -> list[str]:
        """The names directly below a folder, sorted."""
        return sorted(path.rpartition("/")[2] for path in self.files if path.rpartition("/")[0] == folder)

    def resolve(self, path: str) -> str:
        """Where a path leads inside the image, its last link followed up to eight times."""
        for _ in range(8):
            entry = self.files.get(path)
            if entry is None or entry.kind != "l":
                break
            target = entry.target
            path = target if target.startswith("/") else f"{path.rpartition('/')[0]}/{target}"
        return path

    def to_json(self) -> dict[str, Any]:
        """As it stands in the facts file."""
        files = {path: [one.kind, one.mode, one.size, one.target] for path, one in self.files.items()}
        contents = dict(self.contents)
        return {"files": files, "contents": contents, "config": dict(self.config), "unlike": list(self.unlike)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        files = {path: FactFile(*values) for path, values in data["files"].items()}
        return cls(files, data["contents"], data["config"], tuple(data.get("unlike", ())))


@dataclass(frozen=True)
class NodeFacts:
    """A node at one phase; `sections` is what probe.sh and the questions of that phase wrote."""

    sections: Mapping[str, str] = field(default_factory=dict)

    def text(self, section: str) -> str:
        """A section as it was written; raises `NoFactError` when the node never wrote it."""
        try:
            return self.sections[section]
        except KeyError:
            raise NoFactError(f"the node gave no answer for {section!r}") from None

    def file(self, path: str) -> str:
        """The content of a file, its first 64 KiB; raises `LookupError` when it was not there."""
        return self._content(f"file:{path}", f"the node has no file {path}")

    def file_on(self, label: str, path: str) -> str:
        """The content of a file on a partition of an installed disk; raises `LookupError` when it was not there."""
        return self._content(f"on:{label}/{path}", f"{label} has no file {path}")

    def _content(self, section: str, otherwise: str) -> str:
        if section not in self.sections:
            raise LookupError(otherwise)
        return self.sections[section]

    def has(self, path: str) -> bool:
        """Whether the probe saw a file there."""
        return path in self.files

    def answer(self, name: str) -> Answer:
        """How a command ended and what it wrote; raises `NoFactError` when it was not run."""
        return Answer(int(self.text(f"rc:{name}")), self.text(f"run:{name}"))

    @cached_property
    def files(self) -> dict[str, FactFile]:
        """What the probe saw of the files it looks for."""
        found = {}
        for line in self.sections.get("files", "").splitlines():
            mode, owner, kind, size, path, target = (*line.split("\t"), "")[:6]
            found[path] = FactFile(kind, int(mode, 8), int(size), target, owner)
        return found

    @cached_property
    def cmdline(self) -> list[str]:
        """The words of the kernel command line."""
        return self.text("cmdline").split()

    @cached_property
    def mounts(self) -> dict[str, Mount]:
        """Mounts by their point."""
        return parse_mounts(self.text("mounts").splitlines())

    def mount_of(self, path: str) -> Mount:
        """The mount that holds a path."""
        best = max((p for p in self.mounts if path == p or path.startswith(p.rstrip("/") + "/")), key=len)
        return self.mounts[best]

    @cached_property
    def sentinels(self) -> dict[str, str]:
        """The mode sentinels in /run/cos and what they hold."""
        prefix = "file:/run/cos/"
        found = {name.removeprefix(prefix): text for name, text in self.sections.items() if name.startswith(prefix)}
        return {name: text for name, text in found.items() if name.endswith("_mode")}

    @property
    def release(self) -> dict[str, str]:
        """The keys of /etc/kairos-release."""
        return assignments(self.file("/etc/kairos-release"))

    @property
    def layout(self) -> dict[str, str]:
        """The keys of /run/cos/cos-layout.env."""
        return assignments(self.file("/run/cos/cos-layout.env"))

    @cached_property
    def state(self) -> dict[str, Any]:
        """What `kairos-agent state` printed, parsed; warnings before the document are left out."""
        import yaml

        text = self.text("state")
        begin = next((at for at in (text.find("\nuuid:"), text.find("uuid:")) if at >= 0), 0)
        found = yaml.safe_load(text[begin:])
        return found if isinstance(found, dict) else {}

    def env_file(self, path: str) -> dict[str, str]:
        """The variables of a GRUB environment block; an absent file has none."""
        return environment_block(self.sections.get(f"file:{path}", ""))

    @cached_property
    def units(self) -> dict[str, str]:
        """Active state of each unit that systemd has in memory."""
        rows = (line.split() for line in self.text("units").splitlines())
        return {row[0]: row[2] for row in rows if len(row) > 3}

    @cached_property
    def devices(self) -> list[dict[str, str]]:
        """Block devices, a mapping of lsblk's columns each."""
        return block_devices(self.text("devices"))

    def partitions(self) -> dict[str, dict[str, str]]:
        """The partitions of the node's disk by file system label."""
        return {one["LABEL"]: one for one in self.devices if one["TYPE"] == "part" and one["LABEL"]}

    @cached_property
    def order(self) -> list[tuple[str, str]]:
        """Stage and file of each step of the probes' cloud-config, in the order in which they ran."""
        rows = (line.split() for line in self.file(f"{FOLDER}/order").splitlines())
        return [(row[0], row[1]) for row in rows if len(row) == 2]


def parse_sections(text: str) -> dict[str, str]:
    """The sections of a probe's output, byte for byte; raises `NoFactError` when it did not come to its end."""
    parts = {name: body for name, _, body in (part.partition("\n") for part in text.split(SEPARATOR)[1:])}
    if "end" not in parts:
        last = f"after section {list(parts)[-1]!r}" if parts else "before the first section"
        raise NoFactError(f"the node's answers broke off {last}", hint="Look at the console of this run.")
    del parts["end"]
    return parts


def assignments(text: str) -> dict[str, str]:
    """KEY=VALUE lines as a shell reads them; a line that is none is left out."""
    found = {}
    for line in text.splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith("#"):
            try:
                found[key] = "".join(shlex.split(value)) if " " not in value.strip() else shlex.split(value)[0]
            except (ValueError, IndexError):
                found[key] = value
    return found


def block_devices(text: str) -> list[dict[str, str]]:
    """The lines of ``lsblk -P``, a mapping of columns each."""
    return [dict(re.findall(r'([\w:%-]+)="([^"]*)"', line)) for line in text.splitlines()]


def environment_block(text: str) -> dict[str, str]:
    """The variables of a GRUB environment block (grub-editenv(1)); an empty value is a variable that is not set."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {key: value for key, equals, value in pairs if equals and value}
