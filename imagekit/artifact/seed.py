"""What a node is told at its first boot: its profile as it ships, and beside it the harness's own account and host key.

What was tested is what ships: nothing of the harness stands in for what a profile declares. Its account has a name of
its own, it gives no host name, and no step of the profile is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.artifact import cpio
from imagekit.artifact.programs import iso_tool
from imagekit.base import process
from imagekit.config.cloudconfig import BOOT_STAGES
from imagekit.config.merge import cloud_config_text, merge

_TIMEOUT = 60.0
MARKS = "/run/imagekit/stages"
# `rootfs` and its like, each with what runs before and after it; the other stages belong to no boot.
MARKED_STAGES = tuple(f"{stage}{part}" for stage in BOOT_STAGES for part in (".before", "", ".after"))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """Who the node is and who may log in; the host key is the private half in OpenSSH's form.

    `hostname` names the instance; a node takes its host name from its profile or makes its own, except on the fast
    boot path, where no profile is applied.
    """

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


def cloud_config(identity: NodeIdentity, profile: Mapping[str, Any] | None = None) -> str:
    """A Kairos cloud-config: the image's own profile, and beside it one step that lets the harness in.

    Its user, key and host key come in stage initramfs, so they are there before sshd. With `users` at the top level
    they would come in stage boot, when sshd already answers and fail2ban counts. Each stage of a boot that the profile
    declares gets a last step that leaves a mark, by which a check knows that the stage ran.
    """
    step: dict[str, Any] = {
        "name": "imagekit: the harness's own account",
        "users": {identity.user: {"groups": ["admin"], "lock_passwd": True}},
        "authorized_keys": {identity.user: [identity.authorized_key]},
        "files": [
            _file("/etc/ssh/ssh_host_ed25519_key", identity.host_key, 0o600),
            _file("/etc/ssh/ssh_host_ed25519_key.pub", identity.host_key_public + "\n", 0o644),
        ],
    }
    marks = {stage: [_mark(stage)] for stage in declared_stages(profile or {})}
    beside = merge({"stages": {"initramfs": [step]}}, {"stages": marks})
    return cloud_config_text(merge(dict(profile or {}), beside))


def declared_stages(profile: Mapping[str, Any]) -> list[str]:
    """The stages of a boot that a profile has something for, in their order."""
    stages = profile.get("stages")
    declared = set(stages) if isinstance(stages, dict) else set()
    # What cloud-init knows too becomes stages on the node.
    declared |= {"boot"} if {"users", "ssh_authorized_keys", "write_files", "runcmd"} & set(profile) else set()
    return [stage for stage in MARKED_STAGES if stage in declared]


def _mark(stage: str) -> dict[str, Any]:
    return {"name": f"imagekit: {stage} ran", "commands": [f"mkdir -p {MARKS} && touch {MARKS}/{stage}"]}


def cidata(user_data: str, instance: str, into: Path) -> Path:
    """A NoCloud disk: an ISO labelled ``cidata`` in the folder `into`; returns its path."""
    source = into / "cidata"
    source.mkdir(mode=0o700)
    (source / "user-data").write_text(user_data)
    # No local-hostname: the node's name is the profile's, or the node's own.
    (source / "meta-data").write_text(f"instance-id: {instance}\n")
    image = into / "cidata.iso"
    image.touch(mode=0o600)
    argv: list[str | Path] = [*iso_tool(), "-quiet", "-V", "cidata", "-J", "-r", "-o", image, source]
    process.run(argv, timeout=_TIMEOUT)
    return image


def _file(path: str, content: str, mode: int) -> dict[str, Any]:
    return {"path": path, "content": content, "permissions": mode, "owner": 0, "group": 0}
