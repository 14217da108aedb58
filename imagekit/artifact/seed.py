"""What a node is told at its first boot: user, key, host key and host name, for either road."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.artifact import cpio
from imagekit.artifact.programs import iso_tool
from imagekit.base import process
from imagekit.config.merge import merge

_TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """Who the node is and who may log in; the host key is the private half in OpenSSH's form."""

    hostname: str
    user: str
    authorized_key: str
    host_key: str = field(repr=False)
    host_key_public: str


def fast_overlay(identity: NodeIdentity, harness: Path) -> bytes:
    """An archive to follow the fast initrd; its setup script puts the identity in place."""
    texts = {
        "user": identity.user,
        "hostname": identity.hostname + "\n",
        "authorized_keys": identity.authorized_key + "\n",
        "ssh_host_ed25519_key": identity.host_key,
        "ssh_host_ed25519_key.pub": identity.host_key_public + "\n",
    }
    return cpio.archive(
        [
            cpio.folder("harness", 0o700),
            cpio.file("harness/setup", (harness / "fast-init" / "setup").read_bytes(), 0o700),
            *(cpio.file(f"harness/{name}", text.encode(), 0o600) for name, text in texts.items()),
        ]
    )


def cloud_config(identity: NodeIdentity, extra: Mapping[str, Any] | None = None) -> str:
    """A Kairos cloud-config; users, keys and files come in stage initramfs, so they are there before sshd.

    `extra` is the image's own configuration; what is said here is merged over it.
    With `users` at the top level they would come in stage boot, when sshd already answers and fail2ban counts.
    """
    import yaml

    step: dict[str, Any] = {
        "name": "imagekit",
        "hostname": identity.hostname,
        "users": {identity.user: {"groups": ["admin"], "lock_passwd": True}},
        "authorized_keys": {identity.user: [identity.authorized_key]},
        "files": [
            _file("/etc/ssh/ssh_host_ed25519_key", identity.host_key, 0o600),
            _file("/etc/ssh/ssh_host_ed25519_key.pub", identity.host_key_public + "\n", 0o644),
        ],
    }
    document = merge(dict(extra or {}), {"hostname": identity.hostname, "stages": {"initramfs": [step]}})
    return "#cloud-config\n" + yaml.safe_dump(document, sort_keys=False)


def cidata(user_data: str, hostname: str, into: Path) -> Path:
    """A NoCloud disk: an ISO labelled ``cidata`` in the folder `into`; returns its path."""
    source = into / "cidata"
    source.mkdir(mode=0o700)
    (source / "user-data").write_text(user_data)
    (source / "meta-data").write_text(f"instance-id: {hostname}\nlocal-hostname: {hostname}\n")
    image = into / "cidata.iso"
    image.touch(mode=0o600)
    argv: list[str | Path] = [*iso_tool(), "-quiet", "-V", "cidata", "-J", "-r", "-o", image, source]
    process.run(argv, timeout=_TIMEOUT)
    return image


def _file(path: str, content: str, mode: int) -> dict[str, Any]:
    return {"path": path, "content": content, "permissions": mode, "owner": 0, "group": 0}
