"""Upgrades that go well, and the ways back."""

from __future__ import annotations

from imagekit.scenarios import ask
from imagekit.scenarios.model import GrubEntry, Kind, Mode, Node, Scenario, Tally, World

_DATA = {
    "/usr/local/imagekit-lifecycle": "on the persistent partition\n",
    "/home/imagekit-lifecycle": "in a home\n",
    "/oem/imagekit-lifecycle": "on the OEM partition\n",
}
_HOST_KEYS = "cat /etc/ssh/ssh_host_*.pub"
_MORE_MIB = 1024
_CONFIG = "/oem/99_imagekit_lifecycle.yaml"
_SAYS = "/run/imagekit-lifecycle"


def upgrade(world: World, tally: Tally) -> None:
    """Upgrade and boot: the new image is active, nothing of the upgrade is left, all data is there."""
    # On a disk that is larger than what was written to it, as disks are.
    with world.machines.installed("upgrade", more_mib=_MORE_MIB) as node:
        tally.nodes.append(node)
        ask.stands_on(node, Mode.ACTIVE, world.installed_version)
        ask.fills_disk(node)
        _write_data(node, world)
        keys = ask.answer(node, _HOST_KEYS)
        target = world.supply.target(Kind.NEXT)
        ask.upgrade(node, target, tally)
        ask.stands_on(node, Mode.ACTIVE, world.installed_version)
        node.reboot()
        ask.stands_on(node, Mode.ACTIVE, target.version)
        ask.healthy(node)
        ask.fills_disk(node)
        _require_clean(node)
        _require_data(node, world)
        ask.require(
            ask.answer(node, "cat /etc/ssh/ssh_host_*.pub") == keys, "the node shows other host keys than before"
        )


def rollback(world: World, tally: Tally) -> None:
    """After an upgrade choose the old image: it boots once, then the new one again, which the next upgrade keeps."""
    with world.machines.installed("rollback") as node:
        tally.nodes.append(node)
        _write_data(node, world)
        target = world.supply.target(Kind.NEXT)
        ask.upgrade(node, target, tally)
        # A choice made before the first boot of the new image counts like any other: this saves a boot.
        ask.select(node, GrubEntry.PASSIVE)
        node.reboot()
        ask.stands_on(node, Mode.PASSIVE, world.installed_version)
        _require_data(node, world)
        node.reboot()
        ask.stands_on(node, Mode.ACTIVE, target.version)
        _require_data(node, world)
        ask.upgrade(node, world.supply.target(Kind.LATER), tally)
        kept = ask.image_version(node, "passive.img")
        ask.require(kept == target.version, f"after an upgrade passive.img holds {kept!r}, not {target.version!r}")


def passive(world: World, tally: Tally) -> None:
    """Go back to passive and upgrade from there: the passive image is kept, and not replaced by the active one."""
    with world.machines.installed("passive-upgrade") as node:
        tally.nodes.append(node)
        first, target = world.installed_version, world.supply.target(Kind.LATER)
        ask.upgrade(node, world.supply.target(Kind.NEXT), tally)
        ask.select(node, GrubEntry.PASSIVE)
        node.reboot()
        ask.stands_on(node, Mode.PASSIVE, first)
        ask.upgrade(node, target, tally)
        kept = ask.image_version(node, "passive.img")
        ask.require(kept == first, f"an upgrade from passive left {kept!r} in passive.img, not {first!r}")
        node.reboot()
        ask.stands_on(node, Mode.ACTIVE, target.version)


def config(world: World, tally: Tally) -> None:
    """A cloud-config that is changed around an upgrade takes effect on the new image."""
    with world.machines.installed("config-change") as node:
        tally.nodes.append(node)
        ask.write(node, _CONFIG, _stage("before"))
        target = world.supply.target(Kind.NEXT)
        ask.upgrade(node, target, tally)
        ask.write(node, _CONFIG, _stage("after"))
        node.reboot()
        ask.stands_on(node, Mode.ACTIVE, target.version)
        ask.healthy(node)  # stage boot may end after sshd answers
        ask.reads(node, _SAYS, "after\n")
        ask.reads(node, _CONFIG, _stage("after"))


def _stage(word: str) -> str:
    return f'#cloud-config\nstages:\n  boot:\n    - name: lifecycle\n      commands: ["echo {word} > {_SAYS}"]\n'


def _data(world: World) -> dict[str, str]:
    """What is written before an upgrade: what lasts on every node, and in each directory that a layer declares."""
    return _DATA | {f"{path}/imagekit-lifecycle": f"in {path}\n" for path in world.state}


def _write_data(node: Node, world: World) -> None:
    for path, text in _data(world).items():
        ask.write(node, path, text)


def _require_data(node: Node, world: World) -> None:
    for path, text in _data(world).items():
        ask.reads(node, path, text)


def _require_clean(node: Node) -> None:
    names = {line.split()[0].removeprefix("./") for line in ask.images(node).splitlines()}
    ask.require(names == {"active.img", "passive.img"}, f"{ask.IMAGES} holds {', '.join(sorted(names)) or 'nothing'}")


SCENARIOS = (
    Scenario(
        name="upgrade",
        promise="After an upgrade the new image is active, what users wrote is there, the disk is used to its end.",
        budget=210.0,
        script=upgrade,
    ),
    Scenario(
        name="rollback",
        promise="A chosen old image boots once, then the new one again; data is there, the next upgrade keeps it.",
        budget=330.0,
        script=rollback,
    ),
    Scenario(
        name="passive-upgrade",
        promise="The passive image boots, and an upgrade from it renews active and keeps passive.",
        budget=320.0,
        script=passive,
    ),
    Scenario(
        name="config-change",
        promise="A cloud-config changed around an upgrade is what the new image applies.",
        budget=200.0,
        script=config,
    ),
)
