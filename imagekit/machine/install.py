"""A node installed by the framework's own agent: live boot, ``kairos-agent manual-install``, power off, disk kept.

Nothing here knows which framework it is: the commands are the documented ones, the evidence is the agent's exit
code and the partitions that it must have made.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imagekit.artifact.live import LiveArtifacts
from imagekit.base import process
from imagekit.base.errors import RefusedError
from imagekit.base.log import step
from imagekit.base.reason import summary
from imagekit.config.merge import cloud_config_text
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.disks import create_disk
from imagekit.machine.domain import Disk, Forward
from imagekit.machine.identity import NodeKeys, agent_config, fresh_keys, keep_keys, kept_keys
from imagekit.machine.interface import BootPath, VmShape
from imagekit.machine.machine import NodeMachine
from imagekit.machine.profile import profile_name

DEVICE = "/dev/vda"  # the first disk of the machine, before the medium
_CONFIG = "/run/imagekit-install.yaml"
# A real agent took 695 s on a starved machine, most of it copying.
_LIMIT = 900.0
_LABELS = ("COS_OEM", "COS_PERSISTENT", "COS_RECOVERY", "COS_STATE")


class InstallFailedError(RefusedError):
    """The agent did not install the node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallRequest:
    """What to install: `into` keeps the disk, `folder` the console; `limit` in seconds on the machine of reference.

    `cloud_config` is the image's own and lies below what the harness adds; it may hold an `install` section. `source`
    is the agent's ``--source``; without it the agent takes the system that runs from the medium.
    """

    name: str
    run_id: str
    artifacts: LiveArtifacts
    folder: Path
    into: Path
    harness: Path
    shape: VmShape = field(default_factory=VmShape)
    disk_mib: int = 12 << 10
    cloud_config: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    forwards: tuple[Forward, ...] = ()
    limit: float = _LIMIT
    uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentDisk:
    """A disk with an installed node that has never been booted: boot overlays of it only, with these keys."""

    path: Path
    keys: NodeKeys
    seconds: float
    reused: bool


def install_by_agent(request: InstallRequest) -> AgentDisk:
    """Install a node on an empty disk, or take the disk that was made from the same image, firmware and configuration.

    Raises `InstallFailedError` with the agent's last words, and as `imagekit.machine.boot.boot`.
    """
    final = request.into / _content_key(request)
    if (found := _kept(final)) is not None:
        return found
    with _fresh_folder(request.into, final) as folder:
        keys, disk = fresh_keys(), folder / "disk.qcow2"
        create_disk(disk, size_mib=request.disk_mib)
        with step(f"Installing {request.name} by its agent under {profile_name(request.shape)}") as reported:
            begun = process.now()
            with boot(_live(request, disk)) as machine:
                seconds = _install(machine, request, keys)
                machine.run("sync")
                machine.order("poweroff")
                machine.wait_off(limit=120.0)
            reported.note = f"{process.now() - begun:.0f} s, {seconds:.0f} of them the agent's"
        keep_keys(keys, folder / "keys.json")
        (folder / "install.json").write_text(json.dumps({"seconds": round(seconds, 1)}) + "\n")
    made = _kept(final, reused=False)
    assert made is not None
    return made


def _content_key(request: InstallRequest) -> str:
    inputs = {
        "manifest": str(request.artifacts.manifest),
        "firmware": profile_name(request.shape),
        "disk_mib": request.disk_mib,
        "cloud_config": cloud_config_text(request.cloud_config),
        "source": request.source,
        "name": request.name,
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]


def _kept(folder: Path, *, reused: bool = True) -> AgentDisk | None:
    try:
        seconds = float(json.loads((folder / "install.json").read_text())["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return AgentDisk(path=folder / "disk.qcow2", keys=kept_keys(folder / "keys.json"), seconds=seconds, reused=reused)


def _live(request: InstallRequest, disk: Path) -> BootRequest:
    return BootRequest(
        name=request.name,
        run_id=request.run_id,
        artifacts=request.artifacts,
        folder=request.folder,
        harness=request.harness,
        boot_path=BootPath.LIVE,
        shape=request.shape,
        forwards=request.forwards,
        cloud_config=request.cloud_config,
        disks=(Disk(path=disk, serial="system", readonly=False, format="qcow2"),),
        uri=request.uri,
    )


def _install(machine: NodeMachine, request: InstallRequest, keys: NodeKeys) -> float:
    """Run the agent to its end; returns its wall seconds."""
    text = base64.b64encode(agent_config(keys, request.name, request.cloud_config).encode()).decode()
    machine.run(f"umask 077; echo {text} | base64 -d > {_CONFIG}")
    source = f"--source {shlex.quote(request.source)} " if request.source else ""
    begun = process.now()
    done = machine.run(
        f"kairos-agent manual-install --device {DEVICE} {source}{_CONFIG} 2>&1",
        timeout=request.limit,
    )
    seconds = process.now() - begun
    if done.returncode != 0:
        raise InstallFailedError(
            f"kairos-agent did not install {request.name} (exit status {done.returncode})", hint=summary(done.stdout)
        )
    _require_complete(machine, done.stdout)
    return seconds


def _require_complete(machine: NodeMachine, words: str) -> None:
    """An exit code alone is no disk: the contract's labels must be on it."""
    shown = machine.run(f"udevadm settle; lsblk --noheadings --list --output LABEL {DEVICE}").stdout.split()
    missing = [label for label in _LABELS if label not in shown]
    if missing:
        raise InstallFailedError(
            f"kairos-agent said that it had installed, but {DEVICE} has no {', '.join(missing)}", hint=summary(words)
        )


@contextmanager
def _fresh_folder(into: Path, final: Path) -> Iterator[Path]:
    """A folder beside the result, renamed into place when all went well; those of killed processes are removed."""
    into.mkdir(parents=True, exist_ok=True)
    for left in into.glob(".new-*-*"):
        owner = left.name.split("-")[1]
        if owner.isdigit() and not process.alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-", dir=into))
    try:
        yield made
        shutil.rmtree(final, ignore_errors=True)
        made.rename(final)
    finally:
        shutil.rmtree(made, ignore_errors=True)
