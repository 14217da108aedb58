"""The checks of the node contract, over the facts of a session file or of the embedded image, recorded here."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.checks.contract.model import ContractPath, ContractRun, Phase, RunFacts
from imagekit.checks.contract.plugin import ConformancePlugin, facts_fixture

HERE = Path(__file__).parent
# What every change is asked; `imagekit conformance` drives every boot path, at night under both firmwares (tests/e2e).
ASKED = (ContractRun(ContractPath.IMAGE),)
plugin = ConformancePlugin(HERE)


def pytest_configure(config: pytest.Config) -> None:
    """Add the hooks of conformance to this pytest."""
    plugin.ask(ASKED)
    config.pluginmanager.register(plugin, "imagekit-conformance")


@pytest.fixture(scope="session")
def run_facts(contract_run: ContractRun) -> RunFacts:
    """What was found on this run."""
    if plugin.facts is not None:
        return plugin.facts[contract_run.name]
    from imagekit.app.conformance import recorded
    from imagekit.config.load import load_project

    return recorded(load_project(HERE.parents[1]), "debian-node", contract_run, plugin.contract_runs)


image = facts_fixture(Phase.IMAGE)
live = facts_fixture(Phase.LIVE)
install = facts_fixture(Phase.INSTALL)
first = facts_fixture(Phase.FIRST)
passive = facts_fixture(Phase.PASSIVE)
again = facts_fixture(Phase.AGAIN)
upgrade = facts_fixture(Phase.UPGRADE)
upgraded = facts_fixture(Phase.UPGRADED)
recovery = facts_fixture(Phase.RECOVERY)
reset = facts_fixture(Phase.RESET)
