"""What a person at a machine in a network of fixtures is told: it stands, on a terminal and in a log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from imagekit.app.byhand import _tell_attempts, _tell_ways
from imagekit.fixtures.network import ATTEMPTS, HANDED, FixtureNetwork


def test_the_ways_in_are_said_so_that_they_stand(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / HANDED / "api").mkdir(parents=True)
    (tmp_path / HANDED / "api" / "admin.conf").touch()
    (tmp_path / ATTEMPTS).write_text('["tcp", "1.2.3.4", 443]\n')
    network = FixtureNetwork(
        folder=str(tmp_path), port=1, pid=1, fixtures=("api",), names={}, published={"api:6443": 40001}
    )
    with caplog.at_level(logging.INFO):
        _tell_ways(network)
        _tell_attempts(network)
    assert [record.getMessage() for record in caplog.records] == [
        "From here, port 6443 of the fixture api is 127.0.0.1:40001",
        f"Of the fixture api, for use from here: {tmp_path}/handed/api/admin.conf",
        "The node wanted out of the fixture network, in vain: 1.2.3.4:443/tcp",
    ]
    assert not any(hasattr(record, "step") for record in caplog.records), "progress is passed over where nobody looks"
