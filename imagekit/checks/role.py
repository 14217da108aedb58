"""Which role of k0s a node's cloud-config gives it, as Kairos's provider reads it; a direct boot applies no profile."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from imagekit.config.jointoken import Role
from imagekit.machine.interface import BootPath

# The provider looks for the controller first.
_SECTIONS = {Role.CONTROLLER: "k0s", Role.WORKER: "k0s-worker"}


def role_of(profile: Iterable[str], boot_path: str) -> Role | None:
    """The role of a node with these files; None for none. Raises `imagekit.base.errors.ConfigError`."""
    if boot_path == BootPath.DIRECT:
        return None
    document = _merged(tuple(profile))
    return next((role for role, name in _SECTIONS.items() if _enabled(document.get(name))), None)


def section_of(profile: Iterable[str], role: Role) -> Mapping[str, Any]:
    """What a profile says of a role."""
    found: Mapping[str, Any] = _merged(tuple(profile)).get(_SECTIONS[role]) or {}
    return found


@cache
def _merged(profile: tuple[str, ...]) -> dict[str, Any]:
    from imagekit.config.merge import merged_cloud_config

    return merged_cloud_config(map(Path, profile)) if profile else {}


def _enabled(section: Any) -> bool:
    return isinstance(section, Mapping) and str(section.get("enabled", "")) == "true"
