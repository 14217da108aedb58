"""Where the thing that failed is declared: file and line, when the failure names a thing that stands there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from imagekit.config.load import SETTINGS_FILE
from imagekit.report.card import Fault, card_of
from imagekit.report.result import RunResult

# What `imagekit.artifact.presence` calls the kinds of things that are declared, and a check's parameter in its title.
_THING = re.compile(
    r"\b(?:package|file|unit|mask of unit|kernel module|kernel argument|state|certificate) ([^\s,]+)(?:,| \(|$)"
    r"|\[([^\[\]]+)\]$"
)
_PATH = re.compile(r"(?<![\w./])(/(?:boot|etc|usr|var|opt|srv|system)/[\w./@+-]*\w)")

# A file of the node with its line, as sshd, systemd and visudo write it; a word that a tool quotes.
_ON_NODE = re.compile(r"(?<![\w.])(/(?:etc|usr|system|opt|srv)/[\w./@+-]+?):(?: line )?(\d+)\b")
_OF_STEP = re.compile(r"/media/([\w./-]+?):(?: line)? ?(\d+):")  # where a step sees the layer's own folder
_CERTIFICATE = re.compile(r"(?<![\w./-])([\w.-]+\.(?:crt|pem|cer))\b")
_QUOTED = re.compile(r"['\"`]([\w.-]{3,})['\"`]")
_MOST, _LARGE = 500, 256 << 10  # files of a layer, bytes of one
_PROFILE = "docs/runbook/profile.md"
# Of the titles of `imagekit.checks.profile`.
_TITLES = frozenset(
    (
        "account",
        "file",
        "directory",
        "unit",
        "module",
        "key",
        "sysctl",
        "stage",
        "name",
        "server",
        "domain",
        "is",
        "has",
    )
)
_REGISTRY = re.compile(r"registry ([\w.:-]+?):? ")  # how errors of `imagekit.registry` begin


def declared_at(root: Path, result: RunResult, family: str = "", profile: Iterable[str] = ()) -> str:
    """``images/LAYER/layer.yaml:LINE`` of what the first fault is about, of a registry its line in imagekit.yaml.

    Of a package that several families list, the line in the list of `family`; of what did not arrive of the `profile`
    (the image's cloud-config files) its line there. Empty when it is not known for sure.
    """
    card = card_of(result)
    if card is None:
        return ""
    if (registry := _REGISTRY.match(card.first.what)) is not None:
        return _line_with(root, str(SETTINGS_FILE), registry[1])
    if not card.first.layer:
        return ""
    if card.first.page == _PROFILE:
        return next(filter(None, _in_profile(root, card.first.said, tuple(profile))), "")
    layers = dict.fromkeys((card.first.layer, *(row.name for row in result.layers)))
    found = (
        *_on_node(root, card.first, layers),
        *_places(root, card.first, family),
        *_brought(root, card.first, layers),
    )
    return next(filter(None, found), "")


def _in_profile(root: Path, said: str, files: tuple[str, ...]) -> Iterator[str]:
    """The line of what a check of the profile names in its title; words that every title has tell nothing."""
    for word in (each.strip(",;") for each in said.partition(": ")[0].split()):
        found = [place for name in files if (place := _line_with(root, name, word, ends=""))]
        yield found[0] if word not in _TITLES and len(found) == 1 else ""


def _on_node(root: Path, fault: Fault, layers: Iterable[str]) -> Iterator[str]:
    """A file that a tool names with its line: a step's of its layer, the node's in whichever layer brings it."""
    for path, line in _OF_STEP.findall(fault.said):
        if (root / f"images/{fault.layer}/{path}").is_file():
            yield f"images/{fault.layer}/{path}:{line}"
    for path, line in _ON_NODE.findall("\n".join((fault.said, *fault.journal))):
        for layer in layers:
            if (root / f"images/{layer}/files{path}").is_file():
                yield f"images/{layer}/files{path}:{line}"


def _brought(root: Path, fault: Fault, layers: Iterable[str]) -> Iterator[str]:
    """What a layer brings that the check of another one tells of: a word that its journal quotes, then its unit."""
    every = [name for layer in layers for name in _files(root, f"images/{layer}")]
    for word in dict.fromkeys(_QUOTED.findall("\n".join((fault.said, *fault.journal)))):
        found = list(filter(None, (_line_with(root, name, word) for name in every)))
        yield from found if len(found) == 1 else []
    for name in every:
        if fault.unit and Path(name).name == fault.unit:
            yield _line_of_start(root, name)


def _line_of_start(root: Path, name: str) -> str:
    """Where a unit's file says what it starts, else its first line."""
    text = (root / name).read_text(errors="replace")
    line = next((number for number, line in enumerate(text.splitlines(), start=1) if line.startswith("ExecStart=")), 1)
    return f"{name}:{line}"


def _places(root: Path, fault: Fault, family: str) -> Iterator[str]:
    """Where it may stand in its layer, the surest first: the declaration, a word that a tool quotes."""
    folder = f"images/{fault.layer}"
    for name in _CERTIFICATE.findall(fault.what):
        found = [each for each in _files(root, folder) if Path(each).name == name]
        yield from found if len(found) == 1 else []
    for thing in _things(fault):
        yield _line_with(root, f"{folder}/layer.yaml", thing)
        yield _line_of_package(root, f"{folder}/layer.yaml", family, thing)
    # What a layer does to a thing of another one it does by a program.
    for thing in (*_things(fault), *_PATH.findall(fault.what)):
        yield from (_line_with(root, f"{folder}/{name}", thing, ends="") for name in ("setup.sh", "Dockerfile"))
    for word in _QUOTED.findall(fault.said):
        found = [_line_with(root, name, word) for name in _files(root, folder)]
        yield from list(filter(None, found)) if sum(map(bool, found)) == 1 else []


def _files(root: Path, folder: str) -> list[str]:
    """The files that a layer hands out, by their paths in the project; large ones are no configuration."""
    files = sorted((root / folder / "files").rglob("*"))[:_MOST]
    own = (each for each in files if each.is_file() and not each.is_symlink())
    return [str(each.relative_to(root)) for each in own if each.stat().st_size < _LARGE]


def _line_with(root: Path, name: str, thing: str, ends: str = r"|\.\w") -> str:
    """``FILE:LINE`` of the only line with a word, which no `ends` may follow; empty when there is none, or several."""
    try:
        lines = (root / name).read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return ""
    whole = re.compile(rf"(?<![\w.@+-]){re.escape(thing)}(?![\w@+-]{ends})")
    found = [number for number, line in enumerate(lines, start=1) if whole.search(line.partition("#")[0])]
    return f"{name}:{found[0]}" if len(found) == 1 else ""


def _line_of_package(root: Path, name: str, family: str, package: str) -> str:
    """``FILE:LINE`` of a package in the list of a family; empty when it is not in it, or the file cannot be read."""
    try:
        node = yaml.compose((root / name).read_text(), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return ""
    for key in ("packages", family):
        node = next((value for word, value in _pairs(node) if word.value == key), None)
    found = [each for each in _scalars(node) if each.value == package]
    return f"{name}:{found[0].start_mark.line + 1}" if found else ""


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    """The words of a list, and those by architecture in it."""
    for each in node.value if isinstance(node, yaml.SequenceNode) else []:
        yield from (
            value for value in (each, *(value for _, value in _pairs(each))) if isinstance(value, yaml.ScalarNode)
        )


def _things(fault: Fault) -> Iterator[str]:
    if fault.unit:
        yield fault.unit
        yield fault.unit.rpartition(".")[0]
    for text in (fault.what, fault.said):
        for found in _THING.finditer(text):
            yield found[1] or found[2]
