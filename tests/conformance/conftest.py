"""The checks of the node contract, over the facts of a session file or of the embedded image, recorded here."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.checks.contract.model import ContractPath, Moment, Trip, TripFacts
from imagekit.checks.contract.plugin import ConformancePlugin, facts_fixture

HERE = Path(__file__).parent
# What every change is asked; `imagekit conformance` drives every boot path, at night under both firmwares (tests/e2e).
ASKED = (Trip(ContractPath.IMAGE),)
plugin = ConformancePlugin(HERE)


def pytest_configure(config: pytest.Config) -> None:
    """Add the hooks of conformance to this pytest."""
    plugin.ask(ASKED)
    config.pluginmanager.register(plugin, "imagekit-conformance")


@pytest.fixture(scope="session")
def trip_facts(trip: Trip) -> TripFacts:
    """What was found on this trip."""
    if plugin.facts is not None:
        return plugin.facts[trip.name]
    from imagekit.app.conformance import recorded
    from imagekit.config.load import load_project

    return recorded(load_project(HERE.parents[1]), "debian-node", trip, plugin.trips)


image = facts_fixture(Moment.IMAGE)
live = facts_fixture(Moment.LIVE)
install = facts_fixture(Moment.INSTALL)
first = facts_fixture(Moment.FIRST)
passive = facts_fixture(Moment.PASSIVE)
again = facts_fixture(Moment.AGAIN)
upgrade = facts_fixture(Moment.UPGRADE)
upgraded = facts_fixture(Moment.UPGRADED)
recovery = facts_fixture(Moment.RECOVERY)
reset = facts_fixture(Moment.RESET)
