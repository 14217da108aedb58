"""What a worker's k0s has in itself, as a disk for a node: containerd, runc, kubelet; and plugins of a network.

Real programs, built from the versions that the declared k0s embeds (`bin/test nightly`). The disk's folders are those
that k0s looks into: ``bin`` when it has no programs in itself, and ``images`` for files that containerd imports.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from imagekit.artifact.ext import write_image
from tests.support.layout import directory, member
from tests.support.localimages import LocalImage

ROOT = Path(__file__).parents[2]
LABEL = "K0S_PROGRAMS"
PODS = "10.88.0"  # the network of pods, /24
NETWORK_FILE = "/etc/cni/net.d/10-bridge.conflist"
_PLACE = "/opt/k0s-programs"
_FOLDERS = {
    "bin": ("kubelet", "containerd", "containerd-shim-runc-v2", "ctr", "runc"),
    "cni": ("bridge", "host-local", "loopback"),
}
_ROOM = 64 << 20


def find_node_programs() -> Path:
    """The folder with the programs, or the end of the test."""
    folder = ROOT / ".imagekit/tools/node"
    missing = [name for names in _FOLDERS.values() for name in names if not (folder / name).is_file()]
    if missing:
        pytest.fail(f"{', '.join(missing)} are not in {folder}: `bin/test nightly` builds them")
    return folder


def programs_disk(target: Path, images: Mapping[str, LocalImage]) -> Path:
    """An ext2 file system with the programs and the images, for a disk of the node."""
    folder, tar = find_node_programs(), target.with_suffix(".tar")
    with tarfile.open(tar, "w") as archive:
        for name, programs in _FOLDERS.items():
            archive.addfile(directory(name)[0])
            for program in programs:
                info = archive.gettarinfo(folder / program, f"{name}/{program}")
                info.uid = info.gid = 0
                info.uname = info.gname = "root"
                with (folder / program).open("rb") as stream:
                    archive.addfile(info, stream)
        archive.addfile(directory("images")[0])
        for name, image in images.items():
            info, data = member(f"images/{name}.tar", image.file)
            archive.addfile(info, io.BytesIO(data))
    write_image(target, tar, label=LABEL, size=tar.stat().st_size + _ROOM, inodes=256, epoch=1_700_000_000)
    tar.unlink()
    return target


def brought() -> dict[str, object]:
    """A step of stage initramfs: the disk in its place, and the network that a cluster would install."""
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": f"{PODS}.0/24"}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }
    commands = [
        f"mkdir -p {_PLACE} /opt/cni /var/lib/k0s && mount LABEL={LABEL} {_PLACE}",
        f"ln -sfn {_PLACE}/cni /opt/cni/bin",
        f"ln -sfn {_PLACE}/bin /var/lib/k0s/bin && ln -sfn {_PLACE}/images /var/lib/k0s/images",
    ]
    files = [{"path": NETWORK_FILE, "permissions": 0o644, "content": json.dumps(network)}]
    return {"name": "Programs of a worker", "commands": commands, "files": files}
