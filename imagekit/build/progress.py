"""BuildKit's raw progress events to steps of layers.

Each Dockerfile names its last stage after its layer, so a vertex reads ``[target layer 2/5] RUN ...``; buildx may put
the name of another target in front when targets share work, hence only the stage's own name counts. A Dockerfile of one
stage gives ``[target 1/1] RUN ...``: there the instruction itself says whose it is.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from imagekit.base.log import bar
from imagekit.base.reason import summary
from imagekit.base.text import stripped

_VERTEX = re.compile(r"\[(?P<names>\S+(?: \S+)*) +(?P<step>\d+)/(?P<steps>\d+)\] (?P<what>.*)", re.S)
_CONTINUED = re.compile(r"\\\s*\n")
_LOG_LINES = 400
_LONGEST_REST = 1 << 16  # bytes of a line without an end, before it counts as one


@dataclass(slots=True)
class LayerProgress:
    """What is known of one layer's build so far; `seconds` is the time its steps took, side by side or not.

    `writes` counts the instructions of its last stage that write files.
    """

    name: str
    writes: int = 0
    steps: int = 1
    done: set[int] = field(default_factory=set)
    cached: set[int] = field(default_factory=set)
    seconds: float = 0.0
    doing: str = "waiting"
    error: str = ""

    @property
    def reused(self) -> bool:
        """Whether every step came from the cache."""
        return bool(self.done) and self.done == self.cached


class Progress:
    """Takes raw JSON lines as they come and keeps the state of each layer."""

    def __init__(self, dockerfiles: Mapping[str, str], stages: Mapping[str, str] | None = None) -> None:
        """`dockerfiles` is by target; `stages` has the stage of each target whose name is another."""
        self._targets: dict[str, list[str]] = {}
        for name in dockerfiles:
            self._targets.setdefault((stages or {}).get(name, name), []).append(name)
        self.layers = {name: LayerProgress(name, _writes(text)) for name, text in dockerfiles.items()}
        self._owners = {line: name for name, text in dockerfiles.items() for line in _instructions(text)}
        self.other_errors: list[str] = []
        self.exporting = False
        self._vertices: dict[str, tuple[str, int]] = {}
        self._logs: dict[str, list[str]] = {}
        self._rest: dict[tuple[str, int], bytes] = {}  # by step and stream: a line that has no end yet
        self._failed: list[str] = []
        self._plain: list[str] = []
        self._open: list[str] = []

    def take(self, line: str) -> None:
        """One line of ``--progress=rawjson``; anything else is kept as plain text for the error message.

        buildx 0.13 indents each event over several lines, later ones write one a line.
        """
        if line == "{" or self._open:
            self._open.append(line)
            if line != "}":
                return
            line, self._open = "".join(self._open), []
        try:
            event = json.loads(line)
        except ValueError:
            self._plain.append(line)
            return
        if isinstance(event, dict):
            self._event(event)

    def _event(self, event: dict[str, Any]) -> None:
        for vertex in event.get("vertexes") or []:
            self._vertex(vertex)
        for log in event.get("logs") or []:
            self._log(log)

    def failure(self) -> tuple[str, str]:
        """The layer whose step failed (or empty) and the end of what it wrote."""
        for layer in self.layers.values():
            if layer.error:
                failed = [key for key in self._failed if self._vertices[key][0] == layer.name]
                return layer.name, "\n".join([summary("\n".join(self._said(failed[0]))), stripped(layer.error)]).strip()
        return "", stripped("\n".join([*self.other_errors[:1], summary("\n".join(self._plain))])).strip()

    def _vertex(self, vertex: dict[str, Any]) -> None:
        found = _VERTEX.match(vertex.get("name", ""))
        layer = self.layers.get(self._owner(found)) if found else None
        if found is None or layer is None:
            self._foreign(vertex)
            return
        step = int(found["step"])
        layer.steps = int(found["steps"])
        self._vertices[vertex["digest"]] = (layer.name, step)
        layer.doing = " ".join(word for word in found["what"].split() if not word.startswith("--mount="))
        if vertex.get("error") and "context canceled" not in vertex["error"]:
            layer.error = vertex["error"]
            self._failed.append(vertex["digest"])
        elif vertex.get("completed") and step not in layer.done:
            layer.done.add(step)
            layer.seconds += _seconds(vertex)
            if vertex.get("cached"):
                layer.cached.add(step)
        self._tell(layer)

    def _owner(self, found: re.Match[str]) -> str:
        names = found["names"].split()
        if len(names) == 1:
            return self._owners.get(" ".join(found["what"].split()), names[0])
        owners = self._targets.get(names[-1], names[-1:])
        return names[0] if names[0] in owners else owners[0]

    def _foreign(self, vertex: dict[str, Any]) -> None:
        name, error = vertex.get("name", ""), vertex.get("error", "")
        if error and "context canceled" not in error:
            self.other_errors.append(f"{name}: {error}")
        if "exporting to oci" in name and vertex.get("started") and not self.exporting:
            self.exporting = True
            bar("image", 0, 1, "writing the OCI layout")

    def _log(self, log: dict[str, Any]) -> None:
        """A piece of what a step writes: it may end anywhere, in a line or in a character."""
        vertex, stream = str(log.get("vertex", "")), int(log.get("stream") or 0)
        data = self._rest.pop((vertex, stream), b"") + b64decode(log.get("data") or "")
        *whole, rest = data.split(b"\n")
        if len(rest) > _LONGEST_REST:
            whole, rest = [*whole, rest], b""
        if rest:
            self._rest[vertex, stream] = rest
        lines = self._logs.setdefault(vertex, [])
        lines += [line for raw in whole if (line := _line(raw))]
        del lines[:-_LOG_LINES]
        found = self._vertices.get(vertex)
        if found and whole and lines:
            layer = self.layers[found[0]]
            layer.doing = lines[-1].strip()
            self._tell(layer)

    def _said(self, vertex: str) -> list[str]:
        """What a step wrote, a last line without its end included."""
        rest = [line for (name, _), raw in self._rest.items() if name == vertex and (line := _line(raw))]
        return [*self._logs.get(vertex, []), *rest]

    def _tell(self, layer: LayerProgress) -> None:
        bar(layer.name, len(layer.done), layer.steps, layer.doing)


def _line(raw: bytes) -> str:
    """A line of a program without its colours; of what it overwrote with carriage returns the last."""
    text = raw.decode("utf-8", "replace").rstrip("\r").rpartition("\r")[2]
    return stripped(text).rstrip()[:400]


def _instructions(dockerfile: str) -> list[str]:
    """The instructions of a Dockerfile as BuildKit shows them, white space aside."""
    lines = (" ".join(line.split()) for line in _CONTINUED.sub(" ", dockerfile).splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _writes(dockerfile: str) -> int:
    """The layers of the last stage: BuildKit makes one of each WORKDIR, too, but of the root's."""
    lines = [line.split() for line in _instructions(dockerfile)]
    words = ["" if line[1:] == ["/"] else line[0].upper() for line in lines]
    last = len(words) - words[::-1].index("FROM") if "FROM" in words else 0
    return sum(word in ("RUN", "COPY", "ADD", "WORKDIR") for word in words[last:])


def _seconds(vertex: dict[str, Any]) -> float:
    try:
        started, completed = (datetime.fromisoformat(vertex[key][:26].rstrip("Z")) for key in ("started", "completed"))
    except (KeyError, ValueError):
        return 0.0
    return max(0.0, (completed - started).total_seconds())
