"""Where a session gets its machine: a fork of a saved node of the same digest, or a cold boot and the reason for it.

One cold boot for each digest, boot path and machine: the node is saved when it is up, and later sessions continue that.
What a state depends on is its name (`state_inputs`), so that another QEMU, another machine template or another harness
finds none.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from imagekit.app.interface import Subject
from imagekit.base.errors import ImagekitError
from imagekit.base.log import step, trouble
from imagekit.base.tree import folder_hash
from imagekit.config.load import Project
from imagekit.config.merge import cloud_config_text
from imagekit.machine.domain import MACHINE, USER
from imagekit.machine.errors import EmulatorLostError, NodeLostError
from imagekit.machine.hosts import is_remote
from imagekit.machine.interface import Accelerator, BootPath
from imagekit.machine.node import InstalledNode
from imagekit.machine.provider import Provider
from imagekit.machine.saved import JUDGED, Budget, SavedNode, SavedNodes, UnusableStateError
from imagekit.machine.savenode import save_node
from imagekit.plan.model import inputs_id

_OWN = ("machine", "artifact")  # the packages that make a machine and what it boots from
_LOST = "the node before did not go on after it was saved"
_UNJUDGED = "no check has judged the boot of the saved node"
# Of QEMU 10.0 with two emulated processors on a busy host: "iotlb_to_section: Assertion failed".
_BROKE = "QEMU broke down under the one before"
_DATA = ("domains", "profiles", "fast-init")  # the same of the harness; checks are not of it


def saved_nodes(project: Project) -> SavedNodes | None:
    """The project's saved states; None where it wants none."""
    wanted = project.settings.forks
    if wanted.gib == 0:
        return None
    return SavedNodes(_folder(project), Budget(size=wanted.gib << 30, age=timedelta(days=wanted.days)))


def clean_forks(project: Project, *, everything: bool) -> list[str]:
    """Remove saved nodes that are unusable, too old or over the budget, or all that nobody uses; in words."""
    store = saved_nodes(project)
    if store is None:  # those of a time when the project wanted some
        store, everything = SavedNodes(_folder(project), Budget(size=0, age=timedelta())), True
    return [f"saved node {store.folder(name)}" for name in (store.clear() if everything else store.evict())]


def _folder(project: Project) -> Path:
    """QEMU opens the files in it from a working folder of its own."""
    return project.work.resolve() / "forks"


class Machines(Protocol):
    """The one kind of machine that a session is about."""

    @property
    def subject(self) -> Subject:
        """What it is a machine of."""

    @property
    def boot_path(self) -> BootPath:
        """How it is booted."""

    @property
    def network(self) -> str:
        """What its network card is connected to: QEMU's ``user`` network, whose state is saved with it, or another."""

    def provider(self) -> AbstractContextManager[Provider]:
        """The hypervisor, for as long as the session."""

    def machine(self, saved: SavedNode | None = None) -> AbstractContextManager[InstalledNode]:
        """A running machine: booted, or continued from a saved node."""


@contextmanager
def session_machine(machines: Machines, *, cold: str = "", judged: bool = False) -> Iterator[InstalledNode]:
    """A running node of the image for the time of the block; `cold` says why it may be no fork, empty: it may.

    With `judged` only a node whose boot was judged is forked: whoever runs all checks needs a cold boot else.

    A fork that cannot be had, for whatever reason, is a cold boot; the reason is in its `BootRecord`. After a cold boot
    the node is saved, where there is no state of such a node yet.
    """
    store = saved_nodes(machines.subject.project)
    why_not = _unsupported(machines.subject, store)
    with ExitStack() as stack:
        provider = stack.enter_context(machines.provider())
        if store is None or why_not:
            yield _cold(stack, machines, cold or why_not)
            return
        inputs = state_inputs(machines.subject, machines.boot_path, provider, machines.network)
        name = inputs_id(inputs)
        if judged and not cold and store.has(name) and not (store.folder(name) / JUDGED).exists():
            cold = _UNJUDGED
        machine, reason = (None, cold) if cold else _fork(stack, machines, store, name)
        if machine is None:
            machine = _saved(stack, machines, store, name, inputs, reason)
        machine.judged = store.folder(name) / JUDGED
        yield machine


def _cold(stack: ExitStack, machines: Machines, reason: str) -> InstalledNode:
    """A booted node; where QEMU breaks down while it boots, which says nothing about the image, one more."""
    with ExitStack() as attempt:
        try:
            machine = attempt.enter_context(machines.machine())
        except EmulatorLostError as error:
            trouble(f"{str(error).partition(';')[0]}; it boots once more", blocks=False)
            reason = f"{reason}; {_BROKE}" if reason else _BROKE
        else:
            stack.push(attempt.pop_all())
            machine.explain(reason)
            return machine
    machine = stack.enter_context(machines.machine())
    machine.explain(reason)
    return machine


def _fork(stack: ExitStack, machines: Machines, store: SavedNodes, name: str) -> tuple[InstalledNode | None, str]:
    """A fork that lives as long as `stack`; or none, and why."""
    with ExitStack() as attempt:
        try:
            saved = attempt.enter_context(store.held(name))
            machine = attempt.enter_context(machines.machine(saved))
        except UnusableStateError as error:
            reason = str(error)
        except (ImagekitError, OSError) as error:
            reason = f"the saved node did not go on: {str(error).splitlines()[0]}"
        else:
            stack.push(attempt.pop_all())
            return machine, ""
    with suppress(OSError):
        store.forget(name)  # it would fail again
    return None, reason


def _saved(
    stack: ExitStack, machines: Machines, store: SavedNodes, name: str, inputs: Mapping[str, str], reason: str
) -> InstalledNode:
    """A booted node that was saved, where there is no state of such a node yet; another one when that cost the node."""
    if store.has(name):
        return _cold(stack, machines, reason)
    with ExitStack() as attempt:
        machine = _cold(attempt, machines, reason)
        try:
            _save(machine, store, name, inputs)
        except NodeLostError as error:
            trouble(f"{str(error).splitlines()[0]}; it boots anew, and is not saved", blocks=False)
        else:
            stack.push(attempt.pop_all())
            return machine
    return _cold(stack, machines, f"{reason}; {_LOST}" if reason else _LOST)


def _save(machine: InstalledNode, store: SavedNodes, name: str, inputs: Mapping[str, str]) -> None:
    """Save a node that is up; one that cannot be saved is as good for its session, and says so."""
    with step("Saving the running node, for forks") as reported:
        try:
            save_node(machine, store, name, inputs)
        except NodeLostError as error:
            reported.note, reported.failed = f"not saved: {str(error).splitlines()[0]}", True
            raise
        except (ImagekitError, OSError) as error:
            if not machine.running:
                raise
            reported.note = f"not saved: {str(error).splitlines()[0]}"


def _unsupported(subject: Subject, store: SavedNodes | None) -> str:
    """Why a machine like this one is never forked; empty when it can be."""
    if store is None:
        return "imagekit.yaml wants no forks (forks: {gib: 0})"
    if subject.shape.tpm:
        return "it has a TPM, whose state is not saved"
    return ""


def state_inputs(subject: Subject, boot_path: BootPath, provider: Provider, network: str = USER) -> dict[str, str]:
    """All that a saved state depends on: digest, machine, QEMU, devices, and the code that makes machines."""
    speed = provider.acceleration((subject.project.work,))
    program = provider.emulator.stat() if provider.emulator.exists() else None
    return {
        "digest": str(subject.image.digest),
        "name": subject.name,
        "boot path": boot_path,
        "boot budget": subject.spec.vm.boot_budget.model_dump_json(),  # what judged the boot judged it by that
        "shape": json.dumps(asdict(subject.shape), sort_keys=True),
        "cloud-config": sha256(cloud_config_text(subject.cloud_config).encode()).hexdigest(),
        "qemu": f"{provider.qemu_version} {provider.emulator}",
        "emulator": f"{program.st_size} {program.st_mtime_ns}" if program else "",
        "machine": MACHINE,
        "network": network,
        "cpu": speed.cpu_model
        if speed.accelerator is Accelerator.TCG
        else f"{speed.cpu_model} {_host_cpu(subject.uri)}",
        "accelerator": speed.accelerator,
        "devices": " ".join(folder_hash(subject.harness / name) for name in _DATA),
        "code": " ".join(folder_hash(Path(__file__).parents[1] / name) for name in _OWN),
    }


def _host_cpu(uri: str) -> str:
    """What a guest sees that gets the host's processor as it is; another host's is known by that host's address."""
    if is_remote(uri):
        return uri
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor()
    return sha256("\n".join(line for line in lines if line.startswith(("model name", "flags"))).encode()).hexdigest()
