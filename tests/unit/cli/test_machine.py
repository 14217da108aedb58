"""Options that choose the machine."""

from __future__ import annotations

from imagekit.cli.machine import FIRMWARES
from imagekit.machine.profile import profile_names


def test_every_profile_can_be_asked_for() -> None:
    assert set(FIRMWARES) == set(profile_names())
