"""The life of a node from its installation to its reset, with facts taken at every moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from imagekit.base.errors import ImagekitError
from imagekit.base.log import step
from imagekit.base.text import one_line
from imagekit.checks.contract import questions
from imagekit.checks.contract.config import probe_config
from imagekit.checks.contract.facts import NodeFacts
from imagekit.checks.contract.model import ContractPath, Moment, Trip, TripFacts
from imagekit.checks.contract.node import DEVICE, Place, ask, live_facts, live_node, take_facts
from imagekit.config.model import Firmware
from imagekit.machine.disks import DiskSource, create_disk
from imagekit.machine.folder import owned_folder
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import NodeKeys, agent_config, fresh_keys, seed_disk
from imagekit.machine.interface import VmShape
from imagekit.machine.node import InstalledNode, node

DISK_MIB = 16384
_LONG = 2400.0  # seconds for what writes whole images; a real node under emulation needs 700
NAME = "conformance"


def live_trip(place: Place, firmware: Firmware) -> TripFacts:
    """The live system alone."""
    return _from_the_medium(place, Trip(ContractPath.LIVE, firmware))[0]


def installed_trip(place: Place, trip: Trip) -> tuple[TripFacts, TripFacts]:
    """Live, installed by the agent, and the life after that; returns the live facts and those of the trip."""
    return _from_the_medium(place, trip)


def _from_the_medium(place: Place, trip: Trip) -> tuple[TripFacts, TripFacts]:
    live, found, keys = TripFacts(), TripFacts(), fresh_keys()
    with owned_folder(place.run_id, _folder(place.work)) as folder:
        disk = folder / "system.qcow2"
        create_disk(disk, size_mib=DISK_MIB)
        try:
            _install(place, trip, keys, disk, live, found)
        except ImagekitError as error:
            _break(live, (Moment.LIVE,), error)
            _break(found, trip.moments, error)
        else:
            if _ahead(trip):
                _live_on(place, trip, DiskSource(backing=disk), (), keys, found)
    return live, found


def disk_trip(place: Place, trip: Trip, disk: Path) -> TripFacts:
    """The life of a node whose disk was built; its first user data come from a NoCloud disk."""
    found, keys = TripFacts(), fresh_keys()
    with owned_folder(place.run_id) as folder:
        seed = seed_disk(keys, NAME, folder, probe_config(NAME))
        _live_on(place, trip, DiskSource(backing=disk), (seed,), keys, found)
    return found


def _install(place: Place, trip: Trip, keys: NodeKeys, disk: Path, live: TripFacts, found: TripFacts) -> None:
    with live_node(place, trip.firmware, disk) as machine:
        live.moments[Moment.LIVE] = live_facts(machine)
        if Moment.INSTALL not in trip.moments:
            return
        with step("Installing by kairos-agent manual-install"):
            script = questions.install_config(agent_config(keys, NAME, probe_config(NAME)), DEVICE)
            found.moments[Moment.INSTALL] = NodeFacts(ask(machine, script, timeout=_LONG))


def _live_on(
    place: Place, trip: Trip, source: DiskSource, media: tuple[Path, ...], keys: NodeKeys, found: TripFacts
) -> None:
    request = NodeRequest(
        name=f"{NAME}-{trip.boot_path}",
        run_id=place.run_id,
        folder=place.folder / trip.name,
        work=_folder(place.work),
        harness=place.harness,
        disks=(source,),
        media=media,
        keys=keys,
        shape=VmShape(memory_mib=place.memory_mib, firmware=trip.firmware),
        uri=place.uri,
    )
    ahead = _ahead(trip)
    with _reported(found, ahead), node(request) as machine:
        while ahead:
            with step(f"Moment {ahead[0]}"):
                found.moments[ahead[0]] = _STEPS[ahead[0]](machine)
            ahead.pop(0)


def _ahead(trip: Trip) -> list[Moment]:
    return [moment for moment in trip.moments if moment in _STEPS]


def _first(machine: InstalledNode) -> NodeFacts:
    machine.start()
    machine.wait_boot()
    facts = take_facts(machine)
    return NodeFacts({**facts.sections, **ask(machine, questions.plant())})


def _rebooted(machine: InstalledNode) -> NodeFacts:
    machine.reboot()
    return take_facts(machine)


def _upgrade(machine: InstalledNode) -> NodeFacts:
    with step("Upgrading"):
        answers = ask(machine, questions.upgrade(), timeout=_LONG)
    return take_facts(machine, answers)


def _upgraded(machine: InstalledNode) -> NodeFacts:
    machine.reboot()
    return take_facts(machine, ask(machine, questions.select_recovery()))


def _reset(machine: InstalledNode) -> NodeFacts:
    with step("Resetting"):
        answers = ask(machine, questions.reset(), timeout=_LONG)
    machine.reboot()
    return take_facts(machine, answers)


_STEPS: Mapping[Moment, Callable[[InstalledNode], NodeFacts]] = {
    Moment.FIRST: _first,
    Moment.PASSIVE: _rebooted,
    Moment.AGAIN: _rebooted,
    Moment.UPGRADE: _upgrade,
    Moment.UPGRADED: _upgraded,
    Moment.RECOVERY: _rebooted,
    Moment.RESET: _reset,
}


@contextmanager
def _reported(found: TripFacts, ahead: list[Moment]) -> Iterator[None]:
    """A node that fails ends its trip; the moments that did not come say so, and the checks of the others count."""
    try:
        yield
    except ImagekitError as error:
        _break(found, tuple(ahead), error)


def _break(found: TripFacts, moments: tuple[Moment, ...], error: ImagekitError) -> None:
    for moment in moments:
        if moment not in found.moments:
            found.broken[moment] = one_line(f"{error}; {error.hint}", 600)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
