"""What an upgrade costs a node: bytes written, memory of the agent, time beside plain dd."""

from __future__ import annotations

from dataclasses import dataclass

from imagekit.app.lifecycle import lifecycle_worlds
from imagekit.app.needs import libvirt_uri
from imagekit.base.process import now
from imagekit.bench.model import Bound, Goal, Row
from imagekit.bench.subject import BenchSubject
from imagekit.scenarios import ask
from imagekit.scenarios.model import Kind, Node, Target
from imagekit.scenarios.options import ScenarioOptions
from imagekit.scenarios.start import itself

_WRITTEN = Goal(limit=1.1)
_MEMORY = Goal(limit=128.0, bound=Bound.VALUE)
_SECTOR = 512
_SECONDS = 600.0
# The largest resident set of the agent, as the kernel keeps it while the process lives.
_WATCHED = """\
{command} > /run/upgrade.log 2>&1 & p=$!; m=0
while r=$(awk '/^VmHWM/ {{print $2}}' /proc/$p/status 2>/dev/null) && [ -n "$r" ]; do m=$r; sleep 0.2; done
wait $p && echo $m"""
_WHOLE_DISK = "sync; cat /sys/class/block/$(lsblk -no PKNAME $(blkid -L COS_STATE))/stat"
_BLOCKS = f"stat -c '%b' {ask.IMAGES}/active.img"
_DD = "dd if=/dev/zero of=/usr/local/imagekit-dd bs=1M count={mib} conv=fsync 2>&1; rm -f /usr/local/imagekit-dd"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeCost:
    """One upgrade: bytes written to the node's disk, bytes of the new image, KiB of the agent, seconds of both."""

    written: int
    image: int
    memory_kib: int
    seconds: float
    dd_seconds: float


def measure(bench: BenchSubject) -> list[Row]:
    """Upgrade one node once, then write as many bytes as the new image has by dd, in the same guest."""
    subject = bench.node()
    image = subject.image
    start = itself(image.layout, image.digest, image.version)
    with (
        lifecycle_worlds(subject, start, ScenarioOptions().seeded(), [libvirt_uri(subject.project)]) as worlds,
        (world := next(iter(worlds.values()))).machines.installed("upgrade") as node,
    ):
        return rows_of(cost_of(node, world.supply.target(Kind.NEXT)))


def cost_of(node: Node, target: Target) -> UpgradeCost:
    """Upgrade a node and take the figures; raises `PromiseBrokenError` when the upgrade fails."""
    before, begun = _sectors(node), now()
    memory = ask.answer(node, _WATCHED.format(command=ask.upgrade_command(target)), timeout=_SECONDS)
    seconds, written = now() - begun, (_sectors(node) - before) * _SECTOR
    image = int(ask.answer(node, _BLOCKS)) * _SECTOR
    begun = now()
    ask.answer(node, _DD.format(mib=image >> 20), timeout=_SECONDS)
    return UpgradeCost(written=written, image=image, memory_kib=int(memory), seconds=seconds, dd_seconds=now() - begun)


def rows_of(cost: UpgradeCost) -> list[Row]:
    """The three figures against what they are compared with."""
    return [
        Row(
            name="upgrade, bytes written on the node",
            measured=cost.written,
            unit="B",
            against="blocks of the new image",
            reference=cost.image,
            goal=_WRITTEN,
        ),
        Row(name="upgrade, memory of the agent", measured=cost.memory_kib * 1024 / 1e6, unit="MB", goal=_MEMORY),
        Row(
            name="upgrade on the node",
            measured=cost.seconds,
            unit="s",
            against="dd of the same bytes in the same guest",
            reference=cost.dd_seconds,
            note="with the pull from the registry",
        ),
    ]


def _sectors(node: Node) -> int:
    """Sectors written to the whole disk so far."""
    return int(ask.answer(node, _WHOLE_DISK, timeout=_SECONDS).split()[6])
