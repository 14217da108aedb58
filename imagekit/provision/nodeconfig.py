"""The cloud-config of each machine: its cluster's, with its own host name and addresses.

Written once for all machines of a shape with marks in the place of what differs: writing YAML is what takes the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.config.goyaml import Text
from imagekit.config.merge import cloud_config_text, merge
from imagekit.config.secrets import HINT, secrets_in
from imagekit.provision.instances import Instance

_HOST = "imagekit-mark-host"
_ADDRESS = "imagekit-mark-address-{}"
# NetworkManager takes no profile that others may read; nm-settings-keyfile(5).
_NETWORK_FILE = "/etc/NetworkManager/system-connections/imagekit.nmconnection"
_NETWORK_MODE = "0600"


@dataclass(slots=True)
class NodeConfigs:
    """The cloud-configs of a fleet; `documents` are the merged files by cluster and image."""

    documents: Mapping[tuple[str, str], Mapping[str, Any]]
    _shapes: dict[tuple[str, ...], str] = field(default_factory=dict)

    def text(self, machine: Instance) -> str:
        """The cloud-config of a machine. Raises `ConfigError` where the cluster's has a secret in the clear."""
        lengths = tuple(f"{address.version}" for address in map(ip_address, machine.addresses))
        shape = (machine.cluster, machine.node.image, machine.provider_name, *lengths)
        if shape not in self._shapes:
            self._shapes[shape] = self._shape(machine)
        text = self._shapes[shape].replace(_HOST, machine.host)
        for index, address in enumerate(machine.addresses):
            text = text.replace(_ADDRESS.format(index), address)
        return text

    def _shape(self, machine: Instance) -> str:
        document = self.documents.get((machine.cluster, machine.node.image), {})
        _require_no_secret(document, machine.cluster)
        own: dict[str, Any] = {"hostname": Text(_HOST, '"')}
        if machine.addresses:
            step = {
                "name": "Addresses of this node",
                "files": [{"path": _NETWORK_FILE, "permissions": Text(_NETWORK_MODE), "content": _network(machine)}],
            }
            own["stages"] = {"initramfs": [step]}
        return cloud_config_text(merge(document, own))


def _network(machine: Instance) -> str:
    """A profile of NetworkManager, which layer `base` makes the one manager of a node's interfaces.

    It stands above the DHCP that every other wired interface gets. A family of addresses that the node has none of is
    off: no node has an address that nobody planned.
    """
    lines = ["[connection]", "id=imagekit", "type=ethernet", "autoconnect-priority=100"]
    lines += ["", "[match]", "interface-name=en*;eth*;"]
    for version in (4, 6):
        lines += ["", f"[ipv{version}]", *_family(machine, version)]
    return "\n".join(lines) + "\n"


def _family(machine: Instance, version: int) -> list[str]:
    provider = machine.provider
    length = (provider.prefix or 24) if version == 4 else 64
    marks = [_ADDRESS.format(n) for n, each in enumerate(machine.addresses) if ip_address(each).version == version]
    if not marks:
        return ["method=disabled"]
    lines = ["method=manual", *(f"address{n}={mark}/{length}" for n, mark in enumerate(marks, 1))]
    if provider.gateway and ip_address(provider.gateway).version == version:
        lines.append(f"gateway={provider.gateway}")
    servers = [each for each in map(str, provider.nameservers) if ip_address(each).version == version]
    return [*lines, f"dns={';'.join(servers)};"] if servers else lines


def _require_no_secret(document: Any, cluster: str) -> None:
    for key, what in secrets_in(document):
        raise ConfigError(f"the cloud-config of cluster {cluster} has {what} at {'.'.join(map(str, key))}", hint=HINT)
