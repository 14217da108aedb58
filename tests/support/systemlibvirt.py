"""A libvirt as a distribution has it, beside the one of this machine: root's daemon, QEMU as a user of its own.

It lives in a mount namespace, because libvirt's driver for QEMU has one state folder on a machine. What is not the
distribution's default is only what a machine without systemd lacks: control groups.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imagekit.base.process import background
from imagekit.base.waiting import Deadline, wait_until
from imagekit.machine.libvirt.daemon import answers

_START = """
set -e
base=$1
for name in etc/libvirt run/libvirt var/lib/libvirt var/cache/libvirt var/log/libvirt; do
    mkdir -p "$base/$name" "/$name"
    mount --bind "$base/$name" "/$name"
done
mkdir -p /var/lib/libvirt/qemu
virtlogd --pid-file "$base/virtlogd.pid" &
libvirtd --pid-file "$base/libvirtd.pid" --config "$base/libvirtd.conf" &
wait  # as the first process of its namespace this shell reaps what QEMU leaves; libvirtd would not
"""


@contextmanager
def system_libvirt(base: Path, *, user: str = "libvirt-qemu", group: str = "libvirt-qemu") -> Iterator[str]:
    """The connection address of such a libvirt, whose files lie below `base`, a folder that everybody may search."""
    settings = base / "etc" / "libvirt"
    settings.mkdir(parents=True)
    for name in ("qemu", "nwfilter"):
        (settings / name).mkdir()
    (settings / "qemu.conf").write_text(f'user = "{user}"\ngroup = "{group}"\ncgroup_controllers = []\n')
    sockets = base / "sock"
    sockets.mkdir()
    (base / "libvirtd.conf").write_text(f'unix_sock_dir = "{sockets}"\nauth_unix_rw = "none"\nlog_level = 3\n')
    uri = f"qemu+unix:///system?socket={sockets}/libvirt-sock"
    argv = [
        "unshare",
        "--mount",
        "--pid",
        "--mount-proc",
        "--fork",
        "--kill-child",
        "sh",
        "-c",
        _START,
        "libvirt",
        str(base),
    ]
    try:
        with background(argv, log=base / "libvirtd.log"):
            wait_until(lambda: answers(uri), Deadline.after(30), what="libvirt", hint=f"Its log: {base}/libvirtd.log")
            yield uri
    finally:
        shutil.rmtree(base, ignore_errors=True)
