"""How a harness's keys get into a node, and stay the same over all its boots.

A live boot and a disk of the disk builder get them from a NoCloud disk at their first boot (the datasource keeps
them in /oem), a node that the agent installs from the cloud-config file it is given. On either way they come in
stage initramfs, so that user and host key are there before sshd answers.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from imagekit.artifact.seed import NodeIdentity, cidata, cloud_config
from imagekit.base.errors import ToolError
from imagekit.config.cloudconfig import HARNESS_USER
from imagekit.machine.keys import KeyPair, fresh_pair

USER = HARNESS_USER  # beside the accounts that a profile declares, never one of them


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKeys:
    """Who may log in to a node, and the host key it shows."""

    client: KeyPair = field(repr=False)
    host: KeyPair = field(repr=False)
    user: str = USER


def fresh_keys(user: str = USER) -> NodeKeys:
    """New keys for one node."""
    return NodeKeys(client=fresh_pair(), host=fresh_pair(), user=user)


def node_identity(keys: NodeKeys, name: str) -> NodeIdentity:
    """What a node called `name` is given."""
    return NodeIdentity(
        hostname=name.replace(".", "-"),
        user=keys.user,
        authorized_key=keys.client.public,
        host_key=keys.host.private,
        host_key_public=keys.host.public,
    )


def agent_config(keys: NodeKeys, name: str, extra: Mapping[str, Any] | None = None) -> str:
    """The cloud-config file for ``kairos-agent manual-install``; `extra` is merged below it."""
    return cloud_config(node_identity(keys, name), extra)


def seed_disk(keys: NodeKeys, name: str, into: Path, extra: Mapping[str, Any] | None = None) -> Path:
    """A NoCloud disk for the first boot of a node, in a folder of its own below `into`."""
    folder = Path(tempfile.mkdtemp(prefix="seed-", dir=into))
    identity = node_identity(keys, name)
    return cidata(cloud_config(identity, extra), identity.hostname, folder)


def settling(now: datetime) -> str:
    """The first command on a fork: time of the host, randomness of the host; it answers with the boot's id.

    The saved clock stood still, for hours or days. Linux itself draws anew from its generator when QEMU's generation id
    (vmgenid) changes; without that two forks of one state said the same random words. Ours is stirred in besides.
    """
    seed = secrets.token_hex(64)
    clock = f"date -u -s @{now.timestamp():.3f} > /dev/null"
    # Each program costs a thirtieth of a second under emulation.
    boot_id = "read -r id < /proc/sys/kernel/random/boot_id && echo $id"
    return f"{clock} && printf %s {seed} > /dev/urandom && {boot_id}"


def renaming(name: str) -> str:
    """A command that gives a fork an identity of its own, where two meet: machine id, host name, MAC address.

    The kernel announces the new address (arp_notify), so that connections live on.
    """
    token = secrets.token_hex(16)
    mac = f"52:54:00:{token[:2]}:{token[2:4]}:{token[4:6]}"
    return (
        f"echo {token} > /etc/machine-id && hostname {name} && echo {name} > /etc/hostname && "
        "for each in /sys/class/net/*/device; do dev=$(basename $(dirname $each)); "
        f"echo 1 > /proc/sys/net/ipv4/conf/$dev/arp_notify && ip link set dev $dev address {mac}; done"
    )


def keep_keys(keys: NodeKeys, path: Path) -> None:
    """Write keys beside a disk that was installed with them; only the owner can read the file."""
    record = {
        "user": keys.user,
        "client": {"private": keys.client.private, "public": keys.client.public},
        "host": {"private": keys.host.private, "public": keys.host.public},
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(record))


def kept_keys(path: Path) -> NodeKeys:
    """The keys that `keep_keys` wrote; raises `ToolError` when they are not there or damaged."""
    try:
        record = json.loads(path.read_text())
        return NodeKeys(client=KeyPair(**record["client"]), host=KeyPair(**record["host"]), user=record["user"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(f"the keys of a kept disk cannot be read: {path}: {error}") from None
