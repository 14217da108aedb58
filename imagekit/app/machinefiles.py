"""The files of a machine of the fleet: the disk of its published digest, an overlay of its own on it, and its seed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.artifact.formats import DiskFormat
from imagekit.artifact.seed import cidata
from imagekit.base.log import step
from imagekit.config.load import Project
from imagekit.config.merge import cloud_config_text, merge
from imagekit.config.yamlfile import parse_yaml
from imagekit.machine.disks import create_disk
from imagekit.machine.keys import KeyPair, fresh_pair
from imagekit.oci.reference import Digest
from imagekit.registry.errors import DigestMismatchError

if TYPE_CHECKING:
    from imagekit.provision.machines.kept import Store
    from imagekit.provision.machines.wanted import Wanted

_MIB = 1 << 20
_HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"


def disk_of(project: Project, store: Store, wanted: Wanted) -> Path:
    """The disk that a machine stands on, fetched from beside its image where it is not here; hashed either way.

    Raises `VerificationError`, `MissingObjectError` where no signed disk is published, `DigestMismatchError` where it
    is another one than the objects name.
    """
    path = store.disks / f"{wanted.checksum}.qcow2"
    if path.exists() and Digest.of_file(path).hex == wanted.checksum:
        return path
    from imagekit.app.diskpull import pull_disk

    store.disks.mkdir(parents=True, exist_ok=True)
    fresh = pull_disk(project, wanted.reference, DiskFormat.QCOW2, store.disks / f"new-{wanted.checksum}.qcow2")
    found = Digest.of_file(fresh).hex
    if found != wanted.checksum:
        fresh.unlink()
        raise DigestMismatchError(
            f"machine {wanted.name} is to have the disk {wanted.checksum}, and beside {wanted.reference} is {found}",
            hint="`imagekit provision lock --refresh`, then render again.",
        )
    fresh.with_name(f"{fresh.name}.sha256").unlink(missing_ok=True)
    fresh.chmod(0o444)
    return fresh.rename(path)


def make_files(folder: Path, wanted: Wanted, disk: Path) -> str:
    """Overlay and seed of a machine in its folder; returns the public host key that the seed gives it."""
    with step(f"Making the disk of {wanted.name}"):
        create_disk(folder / "disk.qcow2", backing=disk, size_mib=max(wanted.disk_mib, _virtual_mib(disk)))
    host = fresh_pair()
    cidata(with_host_key(wanted.userdata, host), wanted.name, folder)
    shutil.rmtree(folder / "cidata")
    return host.public


def _virtual_mib(disk: Path) -> int:
    """The size of a qcow2 disk as a machine sees it, rounded up; bytes 24 to 31 of its header, big-endian."""
    with disk.open("rb") as stream:
        size = int.from_bytes(stream.read(32)[24:32], "big")
    return -(-size // _MIB)


def with_host_key(userdata: str, host: KeyPair) -> str:
    """A cloud-config that also gives the node a host key, so that the first login already knows whom it talks to.

    The key comes in stage initramfs, before sshd; the private half is in the machine's seed and nowhere else.
    """
    document = parse_yaml(userdata, Path("cloud-config"), as_written=True).data
    own = {
        "name": "imagekit: the host key that the hypervisor knows",
        "files": [
            {
                "path": f"{_HOST_KEY}{end}",
                "content": text,
                "permissions": mode,
                "owner": 0,
                "group": 0,
            }
            for end, text, mode in (("", host.private, 0o600), (".pub", f"{host.public}\n", 0o644))
        ],
    }
    return cloud_config_text(merge(document, {"stages": {"initramfs": [own]}}))
