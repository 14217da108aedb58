"""Which digests a roll is about: `fleet/roll.json`, of which `imagekit.provision.roll` knows the rest."""

from __future__ import annotations

from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.strictjson import ForeignJsonError, read_object
from imagekit.fleet.model import FOLDER
from imagekit.oci.reference import Digest

ROLL_FILE = "roll.json"
_LIMIT = 16 << 20  # bytes: twenty thousand nodes, each named in two waves and once as it was before


def rolled_digests(root: Path) -> tuple[Digest, ...]:
    """Where the last roll goes, and where taking it back goes; raises `ConfigError` where that cannot be read."""
    path = root / FOLDER / ROLL_FILE
    if not path.exists():
        return ()
    try:
        said = read_object(path.read_bytes(), str(path), fields=("old", "new"), maps=("before",), limit=_LIMIT)
        return Digest(str(said.get("old"))), Digest(str(said.get("new")))
    except ForeignJsonError as error:
        raise ConfigError(f"{error}", hint="`git checkout -- fleet/roll.json` puts it back.") from None
