"""From the installation medium to a node that boots again and again."""

from __future__ import annotations

from imagekit.base.process import now
from imagekit.scenarios import ask
from imagekit.scenarios.model import Mode, Scenario, Tally, World

_INSTALL_SECONDS = 300.0
CONFIG = "/run/imagekit/install.yaml"
_DATA = "/usr/local/imagekit-lifecycle"


def install(world: World, tally: Tally) -> None:
    """Install by the agent, boot, reboot twice."""
    with world.machines.medium("install") as node:
        tally.nodes.append(node)
        ask.require(ask.mode(node) is Mode.LIVE, "the medium did not boot as live")
        ask.write(node, CONFIG, world.machines.install_config)
        begun = now()
        ask.answer(node, f"kairos-agent manual-install --device auto {CONFIG}", timeout=_INSTALL_SECONDS)
        tally.write_seconds += now() - begun
        tally.writes += 1
        node.boot_from_disk()
        ask.stands_on(node, Mode.ACTIVE, world.installed_version)
        ask.healthy(node)
        ask.write(node, _DATA, "kept\n")
        identity = ask.answer(node, "cat /etc/machine-id")
        for _ in range(2):
            node.reboot()
            ask.stands_on(node, Mode.ACTIVE, world.installed_version)
            ask.reads(node, _DATA, "kept\n")
        ask.require(ask.answer(node, "cat /etc/machine-id") == identity, "the node has another machine id than before")


SCENARIOS = (
    Scenario(
        name="install",
        promise="An installed node boots from its disk, and twice again, as the same machine with its data.",
        budget=330.0,
        script=install,
    ),
)
