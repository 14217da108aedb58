"""One fleet file as data, with what other YAML readers would take for something else refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.config.explain import parsed
from imagekit.config.goyaml import Text
from imagekit.config.yamlfile import Key, YamlFile, parse_yaml, typed
from imagekit.fleet.model import FOLDER, FleetFile

# https://yaml.org/type/bool.html (YAML 1.1): what PyYAML, and so many tools around Kubernetes, reads as a boolean.
BOOLEANS = frozenset(
    form for word in ("y", "yes", "on", "n", "no", "off") for form in (word, word.capitalize(), word.upper())
)


@dataclass(frozen=True, slots=True)
class Source:
    """A fleet file and where its keys stand."""

    yaml: YamlFile
    file: FleetFile

    def where(self, *key: str | int) -> str:
        """``path:line`` of a key."""
        return f"{self.yaml.path}:{self.yaml.line(key)}"


def fleet_paths(root: Path) -> list[Path]:
    """The fleet files of a project; raises `ConfigError` for one that would be passed over."""
    paths = sorted((root / FOLDER).glob("*.yaml"))
    for path in sorted((root / FOLDER).rglob("*")):
        if path.suffix.lower() in (".yaml", ".yml") and path not in paths:
            raise ConfigError(f"{path} is not read", hint=f"Fleet files are {FOLDER}/NAME.yaml, in no folder below.")
    return paths


def parse_source(path: Path, text: str) -> Source:
    """The text of a fleet file, wherever it is from; `path` is what errors name. Raises `ConfigError`."""
    written = parse_yaml(text, path, as_written=True)
    for key, word in _plain(written.data, ()):
        if word in BOOLEANS:
            raise ConfigError(
                f"{path}:{written.line(key)}: {'.'.join(map(str, key))}: {word} without quotes is true or false for "
                "other YAML readers",
                hint=f'Write "{word}".',
            )
    source = YamlFile(path, _typed(written.data), written.lines)
    return Source(source, parsed(FleetFile, source))


def _plain(data: Any, key: Key) -> Iterator[tuple[Key, Text]]:
    """Every key and value that is written without quotes."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name.plain:
                yield (*key, str(name)), name
            yield from _plain(value, (*key, str(name)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _plain(value, (*key, index))
    elif isinstance(data, Text) and data.plain:
        yield key, data


def _typed(data: Any) -> Any:
    if isinstance(data, dict):
        return {str(name): _typed(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_typed(value) for value in data]
    return typed(data) if isinstance(data, Text) else data
