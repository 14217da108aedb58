"""What a text of a tool or a check names: the line that says most, a unit, a place in a file of the project (pure)."""

from __future__ import annotations

import re

from imagekit.base.reason import reasons

# Names of units as systemd.unit(5) writes them; a slice or a scope is made at run time and seldom the fault.
_UNIT = re.compile(r"(?<![\w@.\\/-])\w[\w@.\\:-]*\.(?:service|socket|mount|timer|target|path|device|swap|automount)\b")
# A place in a file of the project: what layers, checks, cloud-configs and the configuration are written in.
_PLACE = re.compile(
    r"(?<![\w/.-])(?:[\w.-]+/)*(?:[\w.-]+\.(?:ya?ml|py|conf|toml|j2|sh|cfg|service)|Dockerfile|images\.lock):\d+(?!\d)"
)
_PYTHON = re.compile(r'File "(?:[^"\n]*/)?((?:vm-harness|images|cloud-config)/[^"\n]+)", line (\d+)')
_LIBRARY = re.compile(r"(?:^|/)(?:\.?venv|site-packages|dist-packages|lib)/")
_NAMED = re.compile(r"^(?:E\s+)?[\w.]*(?:Error|Exception): ")
_PYTEST = re.compile(r"^E\s+")


def telling(*outputs: str) -> str:
    """The line that says most: of the first output with any reason the one with an error's name, else the first."""
    found = next(filter(None, map(reasons, outputs)), ())
    named = [line for line in found if _NAMED.search(line)]
    return _PYTEST.sub("", (named or [*found, ""])[0]).strip()


def unit_in(text: str) -> str:
    """The first unit that a text names; empty when it names none."""
    found = _UNIT.search(text)
    return found[0] if found else ""


def places_in(text: str) -> tuple[str, ...]:
    """Files of the project with their lines, as tools write them and as Python does; not those of libraries."""
    python = [f"{file}:{line}" for file, line in _PYTHON.findall(text)]
    found = [each for each in (*python, *_PLACE.findall(text)) if not _LIBRARY.search(each)]
    return tuple(dict.fromkeys(found))[:3]
