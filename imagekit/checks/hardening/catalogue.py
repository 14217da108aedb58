"""All controls, and the profiles made of them."""

from __future__ import annotations

from imagekit.base.errors import ConfigError
from imagekit.checks.hardening import accounts, kernel, ssh, system
from imagekit.checks.hardening.model import Control

SUITE = "hardening"
CONTROLS: tuple[Control, ...] = (*ssh.CONTROLS, *accounts.CONTROLS, *kernel.CONTROLS, *system.CONTROLS)
PROFILES = {"server-1": 1, "server-2": 2}
"""Each profile with the highest level in it."""


def controls_of(profile: str) -> tuple[Control, ...]:
    """The controls of a profile; raises `ConfigError` for an unknown one."""
    if profile not in PROFILES:
        raise ConfigError(f"there is no hardening profile {profile!r}", hint=f"There are: {', '.join(PROFILES)}.")
    return tuple(each for each in CONTROLS if each.level <= PROFILES[profile])


def control(name: str) -> Control | None:
    """The control of that id, in whatever case; None when there is none."""
    return next((each for each in CONTROLS if each.id == name.upper()), None)
