"""Read manifests out of files and folders; what cannot be read is a finding, never passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from imagekit.base.errors import ConfigError
from imagekit.provision.check.finding import Finding, Rule, Seen, declare
from imagekit.provision.check.objects import Manifest, Tree
from imagekit.provision.check.scalars import BOOL_WORDS, value_of

SUFFIXES = (".yaml", ".yml", ".json")
MAX_BYTES = 16 << 20  # one file; etcd takes no object of more than 1.5 MiB
_MAX_DEPTH = 64
_STR = "tag:yaml.org,2002:str"
_PLAIN_TAGS = (_STR, "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
# Every scalar stays the text that was written, so that this reader decides what it means; in C where libyaml is there.
_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

UNREADABLE = declare(
    "yaml", Seen.READ, "What cannot be read cannot be checked.", "Mend the file; anchors and tags are not read here."
)
DUPLICATE = declare(
    "yaml-duplicate-key", Seen.READ, "Readers of YAML differ in which of two equal keys counts.", "Keep one of the two."
)
BOOL_WORD = declare(
    "yaml-bool-word",
    Seen.READ,
    "Kubernetes reads On, Off, yes, no, y and n without quotes as booleans; `powerState: On` is refused.",
    'Quote the word ("On"), or write true or false.',
)
NO_OBJECT = declare(
    "not-an-object",
    Seen.READ,
    "A cluster takes objects with apiVersion, kind and metadata.name; anything else fails the whole apply.",
    "Complete the object, or move the file out of the folder.",
)


@dataclass(slots=True)
class _Reader:
    file: str
    manifests: list[Manifest] = field(default_factory=list)
    problems: list[Finding] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    object: str = ""

    def problem(self, rule: Rule, line: int, message: str) -> None:
        self.problems.append(
            Finding(rule=rule, file=self.file, line=line + 1, object=self.object, key="", message=message)
        )

    def document(self, node: yaml.Node) -> None:
        self.object, first = f"document at line {node.start_mark.line + 1}", len(self.problems)
        data = self.value(node, 0)
        if data is None:
            return  # an empty document
        if isinstance(data, dict):
            name = Manifest(self.file, data, node).name
            self.problems[first:] = [replace(each, object=name) for each in self.problems[first:]]
        if isinstance(data, dict) and data.get("kind") == "List" and isinstance(data.get("items"), list):
            items = next(value for key, value in node.value if key.value == "items")
            for item, each in zip(items.value, data["items"], strict=True):
                self.object_of(item, each)
            return
        self.object_of(node, data)

    def object_of(self, node: yaml.Node, data: Any) -> None:
        made = Manifest(self.file, data if isinstance(data, dict) else {}, node)
        lacking = [name for name, value in _needed(made) if not value]
        if lacking:
            self.object = made.name
            self.problem(NO_OBJECT, node.start_mark.line, f"no {', '.join(lacking)}")
        else:
            self.manifests.append(made)

    def value(self, node: yaml.Node, depth: int) -> Any:
        line = node.start_mark.line
        if depth > _MAX_DEPTH:
            raise _Unreadable(line, f"nested deeper than {_MAX_DEPTH} levels")
        if node.tag not in _PLAIN_TAGS:
            raise _Unreadable(line, f"the tag {node.tag!r}")
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node)
        if id(node) in self.seen:
            raise _Unreadable(line, "an anchor and its alias")
        self.seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each, depth + 1) for each in node.value]
        return self.mapping(node, depth)

    def scalar(self, node: yaml.ScalarNode) -> Any:
        plain = not node.style
        if plain and node.value in BOOL_WORDS:
            self.problem(BOOL_WORD, node.start_mark.line, f"{node.value} without quotes is a boolean")
        return value_of(node.value, plain=plain)

    def mapping(self, node: yaml.Node, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Unreadable(key.start_mark.line, "a key that is no plain word")
            if key.value in found:
                self.problem(DUPLICATE, key.start_mark.line, f"the key {key.value} a second time")
            found[key.value] = self.value(value, depth + 1)
        return found


class _Unreadable(Exception):  # noqa: N818 - becomes a finding
    """A document that is not read any further."""

    def __init__(self, line: int, why: str) -> None:
        super().__init__(why)
        self.line = line


def _needed(made: Manifest) -> Iterator[tuple[str, str]]:
    yield from (("apiVersion", made.api_version), ("kind", made.kind))
    if made.group != "kustomize.config.k8s.io":  # a file for kustomize itself, which needs no name
        yield "metadata.name", made.short or str(made.metadata.get("generateName") or "")


def read_text(text: str, file: str) -> tuple[list[Manifest], list[Finding]]:
    """The objects of one file, and what is wrong with the file itself."""
    reader = _Reader(file)
    try:
        for node in yaml.compose_all(text, Loader=_Loader):
            if node is not None:
                reader.document(node)
    except _Unreadable as error:
        reader.problem(UNREADABLE, error.line, f"not read: {error}")
    except yaml.MarkedYAMLError as error:
        reader.problem(UNREADABLE, error.problem_mark.line if error.problem_mark else 0, f"not YAML: {error.problem}")
    except (yaml.YAMLError, RecursionError) as error:
        reader.problem(UNREADABLE, 0, f"not YAML: {error}")
    return reader.manifests, reader.problems


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The manifest files below folders and among files, sorted, each once; hidden folders are left out.

    Raises `ConfigError` for a path that is not there, and for a folder without any manifest.
    """
    found: dict[Path, None] = {}
    for path in paths:
        below = [path] if path.is_file() else sorted(_below(path))
        if not below:
            why = "holds no manifest" if path.is_dir() else "is not there"
            raise ConfigError(
                f"{path} {why}", hint="Name a folder or files of YAML; `imagekit provision render` makes them."
            )
        found.update(dict.fromkeys(below))
    return list(found)


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in SUFFIXES and not hidden and path.is_file():
            yield path


def read_tree(paths: Iterable[Path]) -> Tree:
    """Every object of folders and files. Raises `ConfigError` where there is nothing to read."""
    manifests: list[Manifest] = []
    problems: list[Finding] = []
    files = files_of(paths)
    for path in files:
        text, problem = _file_text(path)
        if problem is not None:
            problems.append(problem)
            continue
        objects, wrong = read_text(text, str(path))
        manifests += objects
        problems += wrong
    return Tree(tuple(manifests), tuple(str(path) for path in files), tuple(problems))


def _file_text(path: Path) -> tuple[str, Finding | None]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES >> 20} MiB")
        return path.read_text(encoding="utf-8"), None
    except (OSError, ValueError) as error:
        why = f"not read: {error}"
        return "", Finding(rule=UNREADABLE, file=str(path), line=1, object="", key="", message=why)
