"""The cloud-config of each machine: its cluster's, with its own host name, addresses, and the digest it is made from.

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
from imagekit.provision.names import STAMP

_HOST = "imagekit-mark-host"
_ADDRESS = "imagekit-mark-address-{}"
_REFERENCE, _VERSION = "imagekit-mark-reference", "imagekit-mark-version"
_RELEASE = "/etc/kairos-release"
# NetworkManager takes no profile that others may read; nm-settings-keyfile(5).
NETWORK_FILE = "/etc/NetworkManager/system-connections/imagekit.nmconnection"
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
        text = text.replace(_REFERENCE, machine.reference).replace(_VERSION, machine.release.version)
        for index, address in enumerate(machine.addresses):
            text = text.replace(_ADDRESS.format(index), address)
        return text

    def _shape(self, machine: Instance) -> str:
        document = self.documents.get((machine.cluster, machine.node.image), {})
        _require_no_secret(document, machine.cluster)
        steps = [_stamp()]
        if machine.addresses:
            file = {"path": NETWORK_FILE, "permissions": Text(_NETWORK_MODE), "content": _network(machine)}
            steps.append({"name": "Addresses of this node", "files": [file]})
        own = {"hostname": Text(_HOST, '"'), "stages": {"initramfs": steps}}
        return cloud_config_text(merge(document, own))


def _stamp() -> dict[str, Any]:
    """The digest, for as long as the node runs what its machine was made from.

    The cloud-config stays on a node that upgrades itself, and /etc is made anew at each boot: of another version, and
    every build has one of its own, nothing is said.
    """
    lines = (f'KAIROS_VERSION="{_VERSION}"', f"KAIROS_VERSION={_VERSION}")
    return {
        "name": "Digest that this machine was made from",
        "if": "grep -qxF " + " ".join(f"-e '{line}'" for line in lines) + f" {_RELEASE}",
        "directories": [{"path": STAMP.rpartition("/")[0], "permissions": Text("0755"), "owner": 0, "group": 0}],
        "files": [{"path": STAMP, "permissions": Text("0644"), "content": f"{_REFERENCE}\n"}],
    }


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
