"""How a harness's keys get into a node, and stay the same over all its boots.

A live boot and a disk of the disk builder get them from a NoCloud disk at their first boot (the datasource keeps
them in /oem), a node that the agent installs from the cloud-config file it is given. On either way they come in
stage initramfs, so that user and host key are there before sshd answers.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
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
