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
_NETWORK_FILE = "/etc/systemd/network/01-imagekit.network"


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
                "files": [{"path": _NETWORK_FILE, "permissions": Text("0644"), "content": _network(machine)}],
            }
            own["stages"] = {"initramfs": [step]}
        return cloud_config_text(merge(document, own))


def _network(machine: Instance) -> str:
    """A file of systemd-networkd (systemd.network(5)); Kairos runs networkd on every distribution that it supports."""
    provider = machine.provider
    lines = ["[Match]", "Name=en* eth*", "", "[Network]"]
    for index, address in enumerate(machine.addresses):
        length = (provider.prefix or 24) if ip_address(address).version == 4 else 64
        lines.append(f"Address={_ADDRESS.format(index)}/{length}")
    lines += [f"Gateway={provider.gateway}"] if provider.gateway else []
    lines += [f"DNS={each}" for each in provider.nameservers]
    return "\n".join(lines) + "\n"


def _require_no_secret(document: Any, cluster: str) -> None:
    for key, what in secrets_in(document):
        raise ConfigError(f"the cloud-config of cluster {cluster} has {what} at {'.'.join(map(str, key))}", hint=HINT)
