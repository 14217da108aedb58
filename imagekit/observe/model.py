"""One observation: what a node said of itself, who asked, when and how."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum

from imagekit.base.errors import RefusedError
from imagekit.base.strictjson import read_object
from imagekit.base.text import one_line

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LONGEST = 200


class Source(StrEnum):
    """How a node was asked."""

    KUBERNETES = "kubernetes"
    SSH = "ssh"


class ObservationError(RefusedError):
    """Observations were altered, cut off or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a node said. Times are seconds since 1970 by the observer's clock; 0 and "" are "it did not say".

    `digest` is that of the image by the node's stamp, `version` its KAIROS_VERSION; `boot` and `machine` tell one boot
    and one installation from the next, `booted` when it booted; `mode` is what it runs from (active, passive ...).
    `where` is what was asked (an API server, a host), `observer` who asked.
    """

    node: str
    at: int
    source: Source
    where: str
    observer: str
    digest: str = ""
    version: str = ""
    boot: str = ""
    machine: str = ""
    booted: int = 0
    mode: str = ""
    system: str = ""

    def body(self) -> str:
        """As it is kept and hashed: canonical JSON, one line."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def read_body(text: str) -> Observation:
    """Read a kept observation; raises `ObservationError`."""
    try:
        fields = read_object(text, "an observation")
        return Observation(**{**fields, "source": Source(fields["source"])})
    except (RefusedError, KeyError, TypeError, ValueError) as error:
        raise ObservationError(f"an observation cannot be read: {error}"[:300]) from None


def digest_in(text: str) -> str:
    """The digest in a reference, or alone; empty where there is none, or more than one."""
    found = set(_DIGEST.findall(text))
    return found.pop() if len(found) == 1 else ""


def word(text: object) -> str:
    """What a node wrote, fit to be kept and shown."""
    return one_line(str(text), _LONGEST)
