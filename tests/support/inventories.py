"""A small image with something of every kind that an inventory tells, and a way to change it."""

from __future__ import annotations

import json
import struct
import tarfile
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from imagekit.build.result import PLAN, Build, folder_of, read_build
from imagekit.config.load import Project
from imagekit.inventory.model import ImageInventory
from imagekit.inventory.take import take
from imagekit.plan.given import remember
from imagekit.plan.resolve import make_plan
from tests.support.authorities import Authority, certificate
from tests.support.layout import layer, layout, member, symlink

Members = dict[str, tuple[tarfile.TarInfo, bytes]]
DPKG = "Package: {}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {}\n\n"


def status(**packages: str) -> bytes:
    """A dpkg database of these packages."""
    return "".join(DPKG.format(name, version) for name, version in packages.items()).encode()


def put(members: Members, path: str, data: bytes = b"", *, mode: int = 0o644, owner: int = 0) -> None:
    """Put a file there, in place of another."""
    members[path] = member(path, data, mode=mode)
    members[path][0].uid = owner


def with_capability(members: Members, path: str, data: bytes, number: int) -> None:
    """Put a file there that has one capability, by its number in capabilities(7)."""
    put(members, path, data, mode=0o755)
    attribute = struct.pack("<IIIII", 0x02000001, 1 << number, 0, 0, 0)
    members[path][0].pax_headers = {"SCHILY.xattr.security.capability": attribute.decode("utf-8", "surrogateescape")}


def link(members: Members, path: str, target: str) -> None:
    """Put a symbolic link there."""
    members[path] = symlink(path, target)


def base() -> Members:
    """The image before any change."""
    members: Members = {}
    put(members, "var/lib/dpkg/status", status(curl="8.1-1", bash="5.2-1"))
    put(members, "var/lib/dpkg/info/curl.list", b"/.\n/usr\n/usr/bin\n/usr/bin/curl\n/usr/share/doc/curl\n")
    put(members, "etc/os-release", b"ID=debian\nVERSION_ID=13\n")
    put(members, "etc/kairos-release", b'KAIROS_VERSION="v1"\n')
    put(members, "etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n")
    put(members, "etc/group", b"root:x:0:\nadm:x:4:root\n")
    put(members, "etc/cos/bootargs.cfg", b'set kernelcmd="console=ttyS0 panic=5 $extra"\n')
    put(members, "etc/sysctl.d/50-ours.conf", b"# ours\nnet.ipv4.ip_forward = 0\n")
    put(members, "usr/lib/modules/6.12.117/modules.dep", b"a.ko:\n")
    put(members, "boot/vmlinuz", b"kernel 117")
    put(members, "usr/bin/curl", b"curl 8.1")
    put(members, "usr/bin/su", b"su", mode=0o4755)
    put(members, "etc/ssh/sshd_config", b"Include sshd_config.d/*.conf\nPermitRootLogin no\n")
    put(members, "etc/pam.d/common-auth", b"auth required pam_unix.so\n")
    put(members, "etc/pam.d/sshd", b"@include common-auth\naccount required pam_nologin.so\n")
    put(members, "etc/pam.d/login", b"@include common-auth\n")
    link(members, "etc/systemd/system/multi-user.target.wants/sshd.service", "/usr/lib/systemd/system/sshd.service")
    put(members, "etc/ssl/certs/ca-certificates.crt", pem("One").encode())
    return members


@cache
def pem(name: str) -> str:
    """An authority of that name, the same one for the whole run."""
    return certificate(Authority(name=name), ec.generate_private_key(ec.SECP256R1()))


def inventory(folder: Path, *changes: Callable[[Members], object]) -> ImageInventory:
    """The inventory of the small image with these changes, made in a folder of its own."""
    members = base()
    for change in changes:
        change(members)
    digest = layout(folder, [layer(*members.values())])
    return take(folder, digest)[1]


def keep_build(project: Project, *changes: Callable[[Members], object], name: str = "small-node") -> Build:
    """The project's image as it stands, as if just built: the small image with these changes, kept with its plan."""
    plan = make_plan(project, name)
    folder, members = folder_of(project.work, plan), base()
    put(members, "etc/kairos-release", f'KAIROS_VERSION="{plan.version}"\n'.encode())
    for change in changes:
        change(members)
    digest = layout(folder / "oci", [layer(*members.values())])
    data = {
        **{"image": name, "plan_id": plan.id, "version": plan.version, "digest": str(digest)},
        **{"layers": [], "seconds": 1.0},
    }
    (folder / "build.json").write_text(json.dumps(data))
    (folder / PLAN).write_text(json.dumps(asdict(plan)))
    remember(project.work, plan)
    found = read_build(folder)
    assert found is not None
    return found
