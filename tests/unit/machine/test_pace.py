"""K15: limits are a multiple of what the same node took for its boot on the same machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.images import BOOT


@pytest.mark.parametrize(
    ("seconds", "speed", "pace"),
    [
        (28.0, 1.0, 1.0),
        (20.0, 2.0, 1.0),  # never shortened
        (25.0, 0.5, 2.0),
        (157.0, 1.0, 157 / 30),  # a real node on a quiet machine
        (157.0, 0.5, 157 / 30),  # the boot has felt the machine's speed already
        (900.0, 1.0, 10.0),
    ],
)
def test_pace(seconds: float, speed: float, pace: float) -> None:
    boot = replace(BOOT, seconds_to_ssh=seconds, speed=speed)
    assert boot.pace == pytest.approx(pace)
    assert boot.scaled(60.0) == pytest.approx(60.0 * pace)
