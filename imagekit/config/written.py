"""The files that a cloud-config writes, of steps and of ``write_files``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from imagekit.config.goyaml import as_whole
from imagekit.config.yamlfile import Key, YamlFile


def written_files(source: YamlFile) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Each file with the place at which it is declared."""
    for number, each in enumerate(source.data.get("write_files") or ()):
        yield ("write_files", number), each
    for stage, steps in (source.data.get("stages") or {}).items():
        for index, step in enumerate(steps):
            for number, each in enumerate(step.get("files") or ()):
                yield ("stages", stage, index, "files", number), each


def mode_of(key: Key, file: dict[str, Any]) -> int | None:
    """Permissions, None where there are none: octal digits in ``write_files``, a number as YAML has it in a step."""
    given = file.get("permissions")
    if given is None or str(given) == "":
        return None
    return int(str(given), 8) if key[0] == "write_files" else as_whole(given)
