"""Keys and values of project files that have another name today, kind of file by kind of file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from imagekit.app.migration.model import Change
from imagekit.app.migration.yamlplaces import Place, matches, places, rewritten
from imagekit.base.earlier import boot_path_today, check_id_today
from imagekit.base.errors import ConfigError
from imagekit.config.yamlfile import Key
from imagekit.fleet.source import BOOLEANS

FORMAT = 1  # `version:` of every file that has one; a later format gets its rules here


class Kind(StrEnum):
    """Kinds of YAML files that a project has."""

    SETTINGS = "imagekit.yaml"
    IMAGES = "images.yaml"
    LAYER = "layer.yaml"
    POLICY = "policy.yaml"
    TRUST = "trust.yaml"
    FLEET = "fleet file"
    CLOUD_CONFIG = "cloud-config"


@dataclass(frozen=True, slots=True)
class Rule:
    """At paths of a pattern, keys (`is_key`) or values are what `today` makes of them; the same text: nothing to do."""

    at: Key
    today: Callable[[Place], str]
    is_key: bool = False


def _named(new: str) -> Callable[[Place], str]:
    return lambda _: new


def _boot_path(place: Place) -> str:
    return str(boot_path_today(place.value))


def _check(place: Place) -> str:
    return check_id_today(place.value)


_REQUIREMENTS: tuple[Key, ...] = (("publish",), ("channels", "*"))
RULES: dict[Kind, tuple[Rule, ...]] = {
    Kind.LAYER: (Rule(("listens", "*", "only_on", "*"), _boot_path),),
    Kind.POLICY: tuple(
        rule
        for at in _REQUIREMENTS
        for rule in (
            Rule((*at, "tests", "roads"), _named("boot_paths"), is_key=True),
            Rule((*at, "tests", "roads", "*"), _boot_path),
            Rule((*at, "tests", "boot_paths", "*"), _boot_path),
            Rule((*at, "tests", "checks", "*"), _check),
            Rule((*at, "waivers", "never", "*"), _check),
        )
    ),
    # The README of yip had the first word, its reader knows the second alone: the owner was never set.
    Kind.CLOUD_CONFIG: (Rule(("stages", "*", "*", "files", "*", "owner_string"), _named("ownerstring"), is_key=True),),
}


def yaml_changes(text: str, path: Path, name: str, kind: Kind) -> Iterator[Change]:
    """What one YAML file says in earlier words, in order; `name` is what changes call the file.

    Raises `ConfigError` for a file that cannot be read, that has a later format than this imagekit knows, or that has
    the old key and the new one.
    """
    for place in places(text, path):
        _require_known_format(place, path)
        for rule in RULES.get(kind, ()):
            if rule.is_key is place.is_key and matches(place.key, rule.at):
                yield from _by_rule(text, path, name, place, rule)
        if kind is Kind.FLEET and place.plain and place.value in BOOLEANS:
            # Refused since 2026-11: other YAML readers take it for true or false.
            quoted = f'"{place.value}"'
            edit = rewritten(text, place, quoted)
            yield Change(file=name, line=place.line, old=place.value, new=quoted, edit=edit)


def _by_rule(text: str, path: Path, name: str, place: Place, rule: Rule) -> Iterator[Change]:
    today = rule.today(place)
    if today == place.value:
        return
    if today in place.beside:
        raise ConfigError(
            f"{path}:{place.line}: {'.'.join(map(str, place.key))} is the earlier name of {today}, which is there, too",
            hint="Keep one of the two.",
        )
    yield Change(file=name, line=place.line, old=place.value, new=today, edit=rewritten(text, place, today))


def _require_known_format(place: Place, path: Path) -> None:
    if place.key == ("version",) and not place.is_key and place.value.isdecimal() and int(place.value) > FORMAT:
        raise ConfigError(
            f"{path}:{place.line}: version: {place.value} is a later format than this imagekit reads ({FORMAT})",
            hint="Use the imagekit that wrote it, or a later one.",
        )
