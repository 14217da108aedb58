"""The address that a rendered cloud-config gives a node, and QEMU's user-mode network around it.

A node comes up at an address of its own fleet, such as 10.20.0.11, on a hypervisor that has no such network: QEMU then
plays one (slirp), in which the node is alone, and passes a port of 127.0.0.1 on to its SSH server.
"""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv4Interface, NetmaskValueError
from typing import Any

import yaml

from imagekit.base.errors import ConfigError
from imagekit.provision.nodeconfig import NETWORK_FILE

_LONGEST_PREFIX = 28  # QEMU wants addresses of its own in the network: gateway, resolver, a range for DHCP
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Ipv4:
    """The first IPv4 address of a node, with its network, and its gateway where it has one."""

    interface: IPv4Interface
    gateway: IPv4Address | None = None

    def __str__(self) -> str:
        return str(self.interface.ip)


def address_in(userdata: str) -> Ipv4 | None:
    """The address that a cloud-config of `imagekit provision render` writes; None for DHCP or IPv6 alone.

    Raises `ConfigError` for a profile that cannot be read.
    """
    try:
        document = yaml.load(userdata, Loader=_Loader)
    except yaml.YAMLError as error:
        raise ConfigError(f"a cloud-config is no YAML: {str(error).splitlines()[0]}") from None
    for text in _profiles(document):
        profile = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            profile.read_string(text)
            family = dict(profile["ipv4"]) if profile.has_section("ipv4") else {}
            address = family.get("address1", "").partition(",")[0].strip()
            gateway = family.get("gateway", "").strip()
            if address:
                return Ipv4(IPv4Interface(address), IPv4Address(gateway) if gateway else None)
        except (configparser.Error, AddressValueError, NetmaskValueError, ValueError) as error:
            raise ConfigError(f"{NETWORK_FILE} of a cloud-config cannot be read: {error}") from None
    return None


def _profiles(document: Any) -> Iterator[str]:
    stages = document.get("stages") if isinstance(document, dict) else None
    for steps in (stages or {}).values():
        for step in steps if isinstance(steps, list) else ():
            for file in (step.get("files") or ()) if isinstance(step, dict) else ():
                if isinstance(file, dict) and file.get("path") == NETWORK_FILE:
                    yield str(file.get("content") or "")


def user_network(port: int, address: Ipv4 | None) -> str:
    """QEMU's options: SSH from 127.0.0.1 at a port, and for the node no way to this host or beyond.

    https://www.qemu.org/docs/master/system/invocation.html (-netdev user). Raises `ConfigError` for a small network.
    """
    if address is None:
        return f"user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22"
    network = address.interface.network
    if network.prefixlen > _LONGEST_PREFIX:
        raise ConfigError(
            f"{network} is too small for a network of QEMU's own",
            hint=f"`prefix` of the provider: /{_LONGEST_PREFIX} or shorter; or --network with one of libvirt's.",
        )
    host, resolver, lease = _own(address)
    return (
        f"user,id=n0,net={network},host={host},dns={resolver},dhcpstart={lease},restrict=on,"
        f"hostfwd=tcp:127.0.0.1:{port}-{address}:22"
    )


def _own(address: Ipv4) -> list[IPv4Address]:
    """Addresses for QEMU's gateway (the node's, where it has one in its network), its resolver, and DHCP."""
    network = address.interface.network
    last = int(network.broadcast_address) - 1
    asked = [address.gateway] if address.gateway is not None and address.gateway in network else []
    never = (address.interface.ip, network.network_address, network.broadcast_address)
    free = map(IPv4Address, range(last, last - 8, -1))
    return list(dict.fromkeys(each for each in (*asked, *free) if each not in never))[:3]
