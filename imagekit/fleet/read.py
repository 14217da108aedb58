"""Fleet files put together: each node from defaults, groups, its own entry and overrides; each name checked once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from imagekit.base.errors import ConfigError
from imagekit.config.explain import suggestion
from imagekit.config.yamlfile import file_text
from imagekit.fleet.fleet import Fleet, FleetNode
from imagekit.fleet.model import NodeEntry, NodeFields, Role, addresses_of
from imagekit.fleet.platform import Platform
from imagekit.fleet.ranges import expand
from imagekit.fleet.rules import require_sound
from imagekit.fleet.source import Source, fleet_paths, parse_source
from imagekit.fleet.usual import effective
from imagekit.oci.reference import Digest

T = TypeVar("T")
LONGEST = 63  # RFC 1123 label: what a Kubernetes node, a DNS name and a label can carry
_NODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_DEEPEST = 8  # groups that extend one another


def read_fleet_files(root: Path) -> Fleet:
    """The fleet of a project, from `fleet/*.yaml`; raises `ConfigError` with file and line."""
    return compose(parse_source(path.relative_to(root), file_text(path)) for path in fleet_paths(root))


def read_fleet_texts(files: Mapping[str, str]) -> Fleet:
    """The fleet as files say that lie elsewhere, in a commit for one: path and text. Raises `ConfigError`."""
    return compose(parse_source(Path(path), text) for path, text in sorted(files.items()))


def compose(sources: Iterable[Source]) -> Fleet:
    """All files as one fleet; the order of files makes no difference. Raises `ConfigError`."""
    files = list(sources)
    fleet = Fleet(
        nodes=_nodes(files),
        providers=_named(files, "providers"),
        classes=_named(files, "classes"),
        clusters={name: effective(each) for name, each in _named(files, "clusters").items()},
        zones=_named(files, "zones"),
        platform=_platform(files),
    )
    require_sound(fleet)
    return fleet


def _platform(files: Iterable[Source]) -> Platform | None:
    found: tuple[Platform, str] | None = None
    for source in files:
        if source.file.platform is None:
            continue
        if found is not None:
            raise ConfigError(
                f"{source.where('platform')}: platform stands in {found[1]} already", hint="Keep it in one file."
            )
        found = source.file.platform, source.where("platform")
    return found[0] if found else None


def _named(files: Iterable[Source], kind: str) -> dict[str, Any]:
    """Every definition of a kind; raises `ConfigError` for a name that two files define."""
    found: dict[str, Any] = {}
    seen: dict[str, str] = {}
    for source in files:
        for name, value in getattr(source.file, kind).items():
            _once(seen, name, source.where(kind, name), f"{kind} has {name!r}")
            found[name] = value
    return found


def _once(seen: dict[str, str], name: str, where: str, what: str) -> None:
    if name in seen:
        raise ConfigError(f"{where}: {what} in {seen[name]} already", hint="A name is given once in all fleet files.")
    seen[name] = where


def _nodes(files: list[Source]) -> dict[str, FleetNode]:
    groups = _named(files, "groups")
    seen: dict[str, str] = {}
    said: dict[str, dict[str, Any]] = {}
    for source in files:
        defaults = _given(source.file.defaults)
        for pattern, entry in source.file.nodes.items():
            where = source.where("nodes", pattern)
            below = {**defaults, **_group(groups, entry, where)}
            for name, values in _each(pattern, {**below, **_given(entry)}, where):
                _once(seen, name, where, f"node {name!r} stands")
                said[name] = {**values, "group": entry.group}
    _override(files, seen, said)
    return {name: _node(name, seen[name], values) for name, values in sorted(said.items())}


def _given(fields: NodeFields) -> dict[str, Any]:
    """What was said, as it was said; what was not said is left to others."""
    return {
        name: getattr(fields, name)
        for name in fields.model_fields_set
        if name in NodeFields.model_fields and getattr(fields, name) is not None
    }


def _group(groups: Mapping[str, Any], entry: NodeEntry, where: str) -> dict[str, Any]:
    chain: list[str] = []
    name = entry.group
    while name is not None:
        if name not in groups:
            hint = suggestion(name, groups) or f"Groups here: {', '.join(sorted(groups)) or 'none'}."
            raise ConfigError(f"{where}: no group {name!r}", hint=hint)
        if name in chain or len(chain) >= _DEEPEST:
            raise ConfigError(f"{where}: groups {' -> '.join([*chain, name])} have no end", hint="Let one go.")
        chain.append(name)
        name = groups[name].extends
    values: dict[str, Any] = {}
    for each in reversed(chain):
        values |= _given(groups[each])
    return values


def _each(pattern: str, values: dict[str, Any], where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each node of a range with its own share of the address ranges."""
    try:
        names = expand(pattern)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None
    shares = {
        kind: _shares(names, values[kind], f"{where}: {kind}") for kind in ("addresses", "standby") if kind in values
    }
    for index, name in enumerate(names):
        _require_name(name, where)
        yield name, {**values, **{kind: each[index] for kind, each in shares.items()}}


def _shares(names: tuple[str, ...], ranges: tuple[str, ...], where: str) -> list[tuple[str, ...]]:
    columns = [addresses_of(text) for text in ranges]
    for text, column in zip(ranges, columns, strict=True):
        if len(column) != len(names):
            raise ConfigError(
                f"{where}: {text} has {len(column)} addresses for {len(names)} nodes",
                hint="A range of nodes takes ranges of as many addresses, one for each node in order.",
            )
    return [tuple(column[index] for column in columns) for index in range(len(names))]


def _require_name(name: str, where: str) -> None:
    if len(name) > LONGEST:
        raise ConfigError(f"{where}: {name[:80]!r} has {len(name)} characters, a node's name at most {LONGEST}")
    if "." in name:
        raise ConfigError(
            f"{where}: {name!r} has a dot; VirtRigaud can refer to no such name",
            hint="Write a dash. The zone gives the rest of the name.",
        )
    if not _NODE.fullmatch(name):
        raise ConfigError(f"{where}: {name!r} is no name of a node", hint="Small letters, figures, single dashes.")


def _override(files: Iterable[Source], seen: Mapping[str, str], said: dict[str, dict[str, Any]]) -> None:
    done: dict[str, str] = {}
    for source in files:
        for pattern, fields in source.file.overrides.items():
            where = source.where("overrides", pattern)
            for name, values in _each(pattern, _given(fields), where):
                if name not in seen:
                    hint = suggestion(name, seen) or "`imagekit fleet list` shows all nodes."
                    raise ConfigError(f"{where}: no node {name!r} to override", hint=hint)
                for key in values:
                    _once(done, f"{name}.{key}", where, f"{key} of {name!r} is overridden")
                said[name] |= values


def _node(name: str, where: str, values: dict[str, Any]) -> FleetNode:
    if values.get("image") is None:
        raise ConfigError(f"{where}: node {name!r} has no image", hint="Give `image`, here or in a group.")
    digest = values.get("digest")
    return FleetNode(
        name=name,
        where=where,
        **{key: value for key, value in values.items() if key not in ("digest", "role")},
        role=values.get("role", Role.WORKER),
        digest=Digest(digest) if digest is not None else None,
    )
