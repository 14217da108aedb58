"""Kernel settings that systemd-sysctl could not set (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping

# As systemd-sysctl(8) says it, before and after version 246; it ends well all the same.
_REFUSED = re.compile(r"Couldn't write '(.*)' to '(.*?)'")


def refused(said: str, found: Mapping[str, str]) -> dict[str, str]:
    """The settings, with their values, of which its journal says so and that are not in force now (`found`, sysctl -a).

    What could not be set in the initrd, before the module that brings it was loaded, may have been set later.
    """
    settings = {key.replace("/", "."): " ".join(value.split()) for value, key in _REFUSED.findall(said)}
    return {key: value for key, value in settings.items() if " ".join(found.get(key, "").split()) != value}
