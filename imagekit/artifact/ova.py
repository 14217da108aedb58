"""An OVA: descriptor, manifest and disk in one tar, in the order that DMTF DSP0243 asks for."""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from pathlib import Path

from imagekit.artifact.formats import to_vmdk
from imagekit.artifact.installed import InstalledDisk
from imagekit.artifact.kernel import unpacked_initrd
from imagekit.artifact.ovf import Appliance, Controller, descriptor
from imagekit.artifact.sparse import data_ranges, sha256_of

# As the name of a file in the archive; the list of all modules names it in any case.
_DRIVER = re.compile(rb"/vmw_pvscsi\.ko(\.(xz|zst|gz))?\0")


def controller_for(initrd: bytes) -> Controller:
    """Paravirtual SCSI where the initrd has its driver; SATA, which every initrd has, otherwise."""
    return Controller.PARAVIRTUAL if _DRIVER.search(unpacked_initrd(initrd) or b"") else Controller.SATA


def write_ova(
    disk: InstalledDisk, target: Path, *, name: str, version: str, epoch: int, controller: Controller
) -> None:
    """Write a disk as an OVA; `epoch` dates the entries of the tar."""
    vmdk = target.with_name(f"{name}-disk1.vmdk")
    to_vmdk(disk.path, vmdk, identity=disk.manifest.hex[:8])
    text = descriptor(
        Appliance(
            name=name,
            version=version,
            disk_file=vmdk.name,
            disk_file_size=vmdk.stat().st_size,
            capacity=disk.size,
            populated=populated(disk.path),
            controller=controller,
        )
    ).encode()
    sums = [(f"{name}.ovf", hashlib.sha256(text).hexdigest()), (vmdk.name, sha256_of(vmdk))]
    manifest = "".join(f"SHA256({file})= {digest}\n" for file, digest in sums).encode()
    with tarfile.open(target, "x", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, f"{name}.ovf", text, epoch)
        _add(archive, f"{name}.mf", manifest, epoch)
        with vmdk.open("rb") as stream:
            archive.addfile(_entry(vmdk.name, vmdk.stat().st_size, epoch), stream)
    vmdk.unlink()


def populated(path: Path) -> int:
    """Bytes of a sparse file that hold data, in whole grains of 64 KiB, whatever its file system makes of it."""
    with path.open("rb") as stream:
        ranges = data_ranges(stream.fileno(), os.fstat(stream.fileno()).st_size)
        grains = {grain for at, length in ranges for grain in range(at >> 16, -(-(at + length) >> 16))}
    return len(grains) << 16


def _add(archive: tarfile.TarFile, name: str, data: bytes, epoch: int) -> None:
    archive.addfile(_entry(name, len(data), epoch), io.BytesIO(data))


def _entry(name: str, size: int, epoch: int) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.mtime, made.mode = size, epoch, 0o644
    return made
