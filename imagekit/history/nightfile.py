"""The file of a night: written when it begins and when it ends, so that one that was killed is seen as such."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.files import write_whole
from imagekit.base.strictjson import read_object
from imagekit.history.model import Night

FOLDER = "nights"
FILE_NAME = "night.json"
_MAX_BYTES = 1 << 20


def write_night(work: Path, night: Night) -> Path:
    """Write ``nights/<id>/night.json`` in the work folder, whole or not at all."""
    folder = work / FOLDER / night.night_id
    folder.mkdir(parents=True, exist_ok=True)
    data = {
        **asdict(night),
        "started": night.started.isoformat(),
        "ended": night.ended.isoformat() if night.ended else None,
    }
    return write_whole(folder / FILE_NAME, json.dumps(data, indent=1) + "\n")


def read_night(path: Path) -> Night:
    """The night of a file; raises `ConfigError` when it cannot be relied on."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Night).validate_python(read_object(path.read_bytes(), str(path), limit=_MAX_BYTES))
    except (OSError, ValueError, ValidationError) as error:
        raise ConfigError(f"{path}: not the file of a night: {str(error)[:300]}", hint="Remove it.") from None


def kept_nights(work: Path) -> Iterator[Night]:
    """The nights that are kept, oldest first; a file that cannot be read is passed over, with a warning."""
    import logging

    for path in sorted((work / FOLDER).glob(f"*/{FILE_NAME}")):
        try:
            yield read_night(path)
        except ConfigError as error:
            logging.getLogger(__name__).warning("WARNING: not in the history: %s", error)
