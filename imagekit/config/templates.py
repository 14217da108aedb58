"""Templates in a cloud-config that a node leaves as they are: what each place knows is yip's, as Kairos 4.2 uses it.

The identity of a node (.MachineID, .Random, .UUID, .ProtectedID) is known in ``hostname`` alone, .Values (what the
system is) everywhere else; yip 1.25, pkg/plugins/hostname.go and common.go. No node says a word about the others.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from imagekit.config.yamlfile import YamlFile, read_yaml, texts

if TYPE_CHECKING:
    from imagekit.config.load import Project

_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.S)
_IDENTITY = re.compile(r"(?<![\w.)])\.(MachineID|ProtectedID|UUID|Random)\b")
_HOST_NAME = "a host name knows .MachineID, .ProtectedID, .UUID and .Random, and no .Values"
_VALUES = re.compile(r"(?<![\w.)])\.Values\b")


def unfilled(project: Project) -> list[str]:
    """As `unfilled_templates`, of every cloud-config of a project: its own, and those that its layers carry."""
    paths = {project.root / path for image in project.images.values() for path in image.cloud_config}
    for layer in project.layers:
        files = project.located(f"images/{layer}") / "files"
        paths |= {path for folder in ("system/oem", "oem") for path in (files / folder).glob("*.y*ml")}
    return [line for path in sorted(paths) for line in unfilled_templates(read_yaml(path))]


def unfilled_templates(source: YamlFile) -> list[str]:
    """A line for each template of a cloud-config that no node fills: file, line, key, and what to do."""
    return [
        f"{source.path}:{source.line(key)}: {'.'.join(map(str, key))}: {template} stays as it is; {why}"
        for key, text in texts(source.data)
        for template in _TEMPLATE.findall(text)
        if (why := _trouble(str(key[-1]) if key else "", template))
    ]


def _trouble(name: str, template: str) -> str:
    if name == "hostname":
        return _HOST_NAME if _VALUES.search(template) else ""
    found = _IDENTITY.search(template)
    return f"{found[0]} is known in `hostname` alone, elsewhere .Values.node.machineid and its like" if found else ""
