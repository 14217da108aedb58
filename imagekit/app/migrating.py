"""`imagekit config migrate`: everything in a project that an earlier imagekit wanted otherwise, and the edits.

Files are edited where the old word stands; comments, order and layout stay. Evidence, the ledger and channel files are
left alone: signed words are read as ever, and channel files are written by decisions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from imagekit.app.migration.checkrules import check_changes
from imagekit.app.migration.commandrules import command_changes
from imagekit.app.migration.handrules import (
    dockerfile_changes,
    policy_changes,
    template_changes,
    trust_changes,
    unread_fleet_file,
)
from imagekit.app.migration.model import Change, edited
from imagekit.app.migration.yamlplaces import matches, places
from imagekit.app.migration.yamlrules import Kind, yaml_changes
from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.files import write_whole
from imagekit.config.cloudconfig import HEADERS
from imagekit.config.load import IMAGES_FILE

_PIPELINES = (".github/workflows/*.yml", ".github/workflows/*.yaml", ".gitlab-ci.yml", "azure-pipelines.yml")
_SCRIPTS = ("Jenkinsfile", "Makefile")
_YAML = {
    "imagekit.yaml": Kind.SETTINGS,
    "images/images.yaml": Kind.IMAGES,
    "images/*/layer.yaml": Kind.LAYER,
    "policy.yaml": Kind.POLICY,
    "trust.yaml": Kind.TRUST,
    "fleet/*.yaml": Kind.FLEET,
}
Rules = Callable[[str, Path, str], Iterator[Change]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChanges:
    """What has to change in one file, in order; `before` is its text."""

    path: Path
    before: str
    changes: tuple[Change, ...]

    @property
    def after(self) -> str:
        """The text with every edit made."""
        return edited(self.before, self.changes)


def needed_changes(root: Path) -> tuple[FileChanges, ...]:
    """Every file of a project that has to change; raises `ConfigError` for one that cannot be read."""
    found = [_changes(root, path, rules) for path, rules in _files(root)]
    found += [_unread(root, path) for path in _unread_fleet_files(root)]
    return tuple(each for each in sorted(found, key=lambda each: each.path) if each.changes)


def write_changes(files: tuple[FileChanges, ...]) -> tuple[Path, ...]:
    """Write the edits, each file whole or not at all; returns the files written.

    Nothing is written unless every file still is as it was read, and says nothing in earlier words afterwards.
    """
    edits = [each for each in files if each.after != each.before]
    for each in edits:
        if _text(each.path) != each.before:
            raise ConfigError(f"{each.path} was changed meanwhile", hint="Run the command again.")
    written: list[Path] = []
    for each in edits:
        try:
            mode = each.path.stat().st_mode
            write_whole(each.path.resolve(), each.after).chmod(mode & 0o7777)
        except OSError as error:
            done = ", ".join(path.name for path in written) or "none"
            raise ToolError(
                f"{each.path}: cannot be written: {error.strerror}",
                hint=f"Files written before it: {done}. Once it can be written, run the command again for the rest.",
            ) from error
        written.append(each.path)
    return tuple(written)


def _files(root: Path) -> Iterator[tuple[Path, Rules]]:
    """Each file that may have to change, with what looks for it; a file may come twice."""
    for pattern, kind in _YAML.items():
        for path in sorted(root.glob(pattern)):
            yield path, _yaml_rules(kind)
    for path in sorted(_cloud_configs(root)):
        yield path, _yaml_rules(Kind.CLOUD_CONFIG)
    for pattern in _PIPELINES + _SCRIPTS:
        for path in sorted(root.glob(pattern)):
            yield path, lambda text, _, name: command_changes(text, name)
    for path in sorted((root / "vm-harness/checks").rglob("*.py")):
        yield path, check_changes
    for path in sorted(root.glob("images/*/Dockerfile")):
        yield path, lambda text, path, name: dockerfile_changes(text, name, stamp=path.parent.name == "stamp")
    for path in sorted(root.glob("vm-harness/domains/machine.xml.j2")):
        yield path, lambda text, _, name: template_changes(text, name)


def _yaml_rules(kind: Kind) -> Rules:
    also: dict[Kind, Rules] = {Kind.POLICY: policy_changes, Kind.TRUST: trust_changes}

    def rules(text: str, path: Path, name: str) -> Iterator[Change]:
        yield from yaml_changes(text, path, name, kind)
        if kind in also:
            yield from also[kind](text, path, name)

    return rules


def _cloud_configs(root: Path) -> set[Path]:
    """Those that an image names, and all others below ``cloud-config`` that a node would not ignore."""
    named: set[Path] = set()
    images = root / IMAGES_FILE
    if images.is_file():
        for place in places(_text(images), images):
            if not place.is_key and matches(place.key, ("images", "*", "cloud_config", "*")):
                named.add(root / place.value)
    there = {path for path in (root / "cloud-config").rglob("*.yaml") if _has_header(path)}
    return {path for path in named if path.is_file()} | there


def _has_header(path: Path) -> bool:
    return any(line.strip() in HEADERS for line in _text(path).splitlines())


def _changes(root: Path, path: Path, rules: Rules) -> FileChanges:
    text, name = _text(path), str(path.relative_to(root))
    found = sorted(rules(text, path, name), key=lambda each: (each.line, each.edit.start if each.edit else 0))
    if not path.resolve().is_relative_to(root.resolve()):
        found = [
            replace(each, new=f"{each.new} (a link to a file outside of the project)", edit=None) for each in found
        ]
        return FileChanges(path=path, before=text, changes=tuple(found))
    changes = tuple(found)
    made = FileChanges(path=path, before=text, changes=changes)
    if any(each.edit for each in rules(made.after, path, name)):
        raise AssertionError(f"{path}: an edit did not bring the file up to date")
    return made


def _unread_fleet_files(root: Path) -> Iterator[Path]:
    read = set((root / "fleet").glob("*.yaml"))
    for path in sorted((root / "fleet").rglob("*")):
        if path.suffix.lower() in (".yaml", ".yml") and path not in read:
            yield path


def _unread(root: Path, path: Path) -> FileChanges:
    return FileChanges(path=path, before="", changes=(unread_fleet_file(str(path.relative_to(root))),))


def _text(path: Path) -> str:
    """The file to the character: line ends stay what they are."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text (byte {error.start})", hint="Save the file as UTF-8.") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint="See who may read it.") from None
