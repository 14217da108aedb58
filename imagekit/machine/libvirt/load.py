"""What a host has and does, asked of its libvirt."""

from __future__ import annotations

from typing import Any

from imagekit.machine.errors import HypervisorError
from imagekit.machine.hosts import HostLoad
from imagekit.machine.libvirt.connection import connection

_ALL = -1  # VIR_NODE_MEMORY_STATS_ALL_CELLS
_VCPUS = 3  # of virDomainInfo


def host_load(uri: str) -> HostLoad:
    """Processors, memory and running guests of the host at an address.

    Memory is what is free and what the kernel would give up (its buffers and its cache), in MiB. Raises
    `HypervisorError` when no libvirt answers, or its QEMU is too old.
    """
    import libvirt

    with connection(uri) as opened:
        try:
            memory = opened.getMemoryStats(_ALL)
            return HostLoad(
                uri=uri,
                computer=opened.getHostname(),
                cores=int(opened.getInfo()[2]),
                busy=sum(_vcpus(domain) for domain in opened.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)),
                free_mib=sum(int(memory.get(part, 0)) for part in ("free", "buffers", "cached")) >> 10,
            )
        except libvirt.libvirtError as error:
            raise HypervisorError(f"libvirt at {uri} does not say how busy its host is: {error}") from None


def _vcpus(domain: Any) -> int:
    import libvirt

    try:
        return int(domain.info()[_VCPUS])
    except libvirt.libvirtError:
        return 0  # it ended while we looked
