"""The hosts of a project's machines: which there are, which one a machine goes to, where scenarios run side by side.

There is no queue and no service: each command looks at what is free now. What several commands start at once is spread
by that alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from imagekit.app.needs import libvirt_uris
from imagekit.base.errors import ImagekitError, ToolError
from imagekit.base.log import trouble
from imagekit.config.load import Project
from imagekit.doctor.memory import QEMU_MIB, require_memory
from imagekit.machine.accel import Acceleration
from imagekit.machine.folder import machines_folder
from imagekit.machine.hosts import HostLoad, freest, is_remote, lanes
from imagekit.machine.interface import VmShape
from imagekit.machine.libvirt.daemon import libvirt
from imagekit.machine.libvirt.load import host_load
from imagekit.machine.libvirt.provider import connect
from imagekit.machine.sweep import sweep

logger = logging.getLogger(__name__)


@contextmanager
def host(project: Project, uri: str) -> Iterator[str]:
    """One host's libvirt, running for the time of the block and rid of what killed runs left."""
    work = machines_folder(project.work)
    work.mkdir(parents=True, exist_ok=True)
    with libvirt(uri):
        sweep(uri, work=work)
        yield uri


def host_for(project: Project, name: str, shape: VmShape, *, here: bool = False) -> str:
    """The address of the host that a machine goes to: the freest, or the only one, which is not asked.

    With `here` it must be this host, for servers of a test that listen on it alone. Raises `ToolError` when none of
    them answers, or has the memory, with what would fit.
    """
    uris = _addresses(project, name, here=here)
    if len(uris) == 1:
        return uris[0]
    loads = loads_of(project, uris)
    found = freest(loads, memory_mib=shape.memory_mib + QEMU_MIB)
    if found is None:
        raise _too_large(name, shape.memory_mib, loads)
    logger.info("%s goes to %s, with %d processors and %d MiB free", name, found.uri, found.cores, found.free_mib)
    return found.uri


def hosts_for(project: Project, name: str, shape: VmShape, number: int, *, here: bool = False) -> tuple[str, ...]:
    """Where so many machines, or as many as fit, may run side by side: an address for each, at least one.

    Each is given one processor, whatever number it has. `here` as in `host_for`. Raises as `loads_of`.
    """
    loads = loads_of(project, _addresses(project, name, here=here))
    return lanes(loads, memory_mib=shape.memory_mib + QEMU_MIB, cpus=1)[:number]


def _addresses(project: Project, name: str, *, here: bool) -> list[str]:
    """The hosts that a machine may go to; raises `ToolError` when it must run on this one, which is not among them."""
    uris = [uri for uri in libvirt_uris(project) if not (here and is_remote(uri))]
    if not uris:
        raise ToolError(
            f"the machine of {name} must run on this host, and every address in libvirt_uris is another one's",
            hint="Add one of this host, such as qemu:///system, to libvirt_uris in imagekit.yaml.",
        )
    return uris


def require_room(project: Project, name: str) -> None:
    """Hold this host, or the freest of several, to the memory of an image's machine; raises `ToolError`."""
    vm, uris = project.image(name).vm, libvirt_uris(project)
    if len(uris) == 1 and not is_remote(uris[0]):
        require_memory(name, vm.memory_mib)
        return
    loads = loads_of(project, uris)
    if freest(loads, memory_mib=vm.memory_mib + QEMU_MIB) is None:
        raise _too_large(name, vm.memory_mib, loads)


def loads_of(project: Project, uris: Sequence[str]) -> list[HostLoad]:
    """How busy each host is that a machine can be started at; what is wrong with another one is said.

    Of several hosts each is held to a probe that boots from the work folder, which a host that does not see it cannot.
    Raises `ToolError` when none is left, and what is wrong with it for an only one.
    """
    if len(uris) == 1:
        with libvirt(uris[0]):
            return [host_load(uris[0])]
    found, wrong = list[HostLoad](), list[str]()
    for uri in uris:
        try:
            acceleration_at(project, uri)
            with libvirt(uri):
                found.append(host_load(uri))
        except ImagekitError as error:
            wrong.append(f"{uri}: {str(error).splitlines()[0]}")
            _warn_once(f"no machine goes to {wrong[-1]}")
    if not found:
        raise ToolError(
            "no host of libvirt_uris can start a machine:\n  " + "\n  ".join(wrong),
            hint="`imagekit doctor` looks at each; `libvirt_uris` is in imagekit.yaml.",
        )
    return found


@cache
def _warn_once(text: str) -> None:
    """The hosts are asked several times in a run, and a warning is as true the first time."""
    trouble(text, blocks=False)


def acceleration_at(project: Project, uri: str) -> Acceleration:
    """How guests run at a host, and how fast; remembered until this computer restarts."""
    with libvirt(uri), connect(uri) as provider:
        return provider.acceleration((project.work,))


def _too_large(name: str, mib: int, loads: Sequence[HostLoad]) -> ToolError:
    """That a machine fits on no host, and how large one may be where."""
    most = max(load.free_mib for load in loads) - QEMU_MIB
    left = ", ".join(f"{load.free_mib} MiB at {load.uri}" for load in loads)
    return ToolError(
        f"the machine of {name} has {mib} MiB of memory, and no host has that left: {left}",
        hint=f"End other machines there; up to {max(0, most)} MiB fit: "
        "`vm: {memory_mib: ...}` in images/images.yaml.",
    )
