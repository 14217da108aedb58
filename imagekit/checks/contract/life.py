"""The life of a node from its installation to its reset, with facts taken at every phase."""

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
from imagekit.checks.contract.model import ContractPath, ContractRun, Phase, RunFacts
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


def live_run(place: Place, firmware: Firmware) -> RunFacts:
    """The live system alone."""
    return _from_the_medium(place, ContractRun(ContractPath.LIVE, firmware))[0]


def installed_run(place: Place, contract_run: ContractRun) -> tuple[RunFacts, RunFacts]:
    """Live, installed by the agent, and the life after that; returns the live facts and those of the run."""
    return _from_the_medium(place, contract_run)


def _from_the_medium(place: Place, contract_run: ContractRun) -> tuple[RunFacts, RunFacts]:
    live, found, keys = RunFacts(), RunFacts(), fresh_keys()
    with owned_folder(place.run_id, _folder(place.work)) as folder:
        disk = folder / "system.qcow2"
        create_disk(disk, size_mib=DISK_MIB)
        try:
            _install(place, contract_run, keys, disk, live, found)
        except ImagekitError as error:
            _mark_broken(live, (Phase.LIVE,), error)
            _mark_broken(found, contract_run.phases, error)
        else:
            if _ahead(contract_run):
                _live_on(place, contract_run, DiskSource(backing=disk), (), keys, found)
    return live, found


def disk_run(place: Place, contract_run: ContractRun, disk: Path) -> RunFacts:
    """The life of a node whose disk was built; its first user data come from a NoCloud disk."""
    found, keys = RunFacts(), fresh_keys()
    with owned_folder(place.run_id) as folder:
        seed = seed_disk(keys, NAME, folder, probe_config(NAME))
        _live_on(place, contract_run, DiskSource(backing=disk), (seed,), keys, found)
    return found


def _install(
    place: Place, contract_run: ContractRun, keys: NodeKeys, disk: Path, live: RunFacts, found: RunFacts
) -> None:
    with live_node(place, contract_run.firmware, disk) as machine:
        live.phases[Phase.LIVE] = live_facts(machine)
        if Phase.INSTALL not in contract_run.phases:
            return
        with step("Installing by kairos-agent manual-install"):
            script = questions.install_config(agent_config(keys, NAME, probe_config(NAME)), DEVICE)
            found.phases[Phase.INSTALL] = NodeFacts(ask(machine, script, timeout=_LONG))


def _live_on(
    place: Place,
    contract_run: ContractRun,
    source: DiskSource,
    media: tuple[Path, ...],
    keys: NodeKeys,
    found: RunFacts,
) -> None:
    request = NodeRequest(
        name=f"{NAME}-{contract_run.boot_path}",
        run_id=place.run_id,
        folder=place.folder / contract_run.name,
        work=_folder(place.work),
        harness=place.harness,
        disks=(source,),
        media=media,
        keys=keys,
        shape=VmShape(memory_mib=place.memory_mib, firmware=contract_run.firmware),
        uri=place.uri,
    )
    ahead = _ahead(contract_run)
    with _reported(found, ahead), node(request) as machine:
        while ahead:
            with step(f"Moment {ahead[0]}"):
                found.phases[ahead[0]] = _STEPS[ahead[0]](machine)
            ahead.pop(0)


def _ahead(contract_run: ContractRun) -> list[Phase]:
    return [phase for phase in contract_run.phases if phase in _STEPS]


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


_STEPS: Mapping[Phase, Callable[[InstalledNode], NodeFacts]] = {
    Phase.FIRST: _first,
    Phase.PASSIVE: _rebooted,
    Phase.AGAIN: _rebooted,
    Phase.UPGRADE: _upgrade,
    Phase.UPGRADED: _upgraded,
    Phase.RECOVERY: _rebooted,
    Phase.RESET: _reset,
}


@contextmanager
def _reported(found: RunFacts, ahead: list[Phase]) -> Iterator[None]:
    """A node that fails ends its run; the phases that did not come say so, and the checks of the others count."""
    try:
        yield
    except ImagekitError as error:
        _mark_broken(found, tuple(ahead), error)


def _mark_broken(found: RunFacts, phases: tuple[Phase, ...], error: ImagekitError) -> None:
    for phase in phases:
        if phase not in found.phases:
            found.broken[phase] = one_line(f"{error}; {error.hint}", 600)


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
