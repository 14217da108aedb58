"""A host as most people have it: libvirt and Docker are root's, and who works there is in their groups and has no sudo.

Both daemons, the user and what the user sees lie in a mount namespace, so that nothing of this machine changes: no
account is made, and libvirt's files in `/etc` and `/var` are others. libvirt is as the distribution configures it, but
for what systemd and polkit do elsewhere: control groups, and its socket for the group `libvirt`.
"""

from __future__ import annotations

import grp
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.process import Completed, background, run
from imagekit.base.waiting import Deadline, wait_until
from imagekit.services.dockerapi import engine_facts

NAME, UID = "tester", 4711
GROUPS = ("docker", "libvirt")
_ROOT = Path(__file__).parents[2]
_START = """
set -e
base=$1
mount --make-rprivate /
for name in passwd group subuid subgid; do
    mount --bind "$base/etc/$name" "/etc/$name"
done
for name in etc/libvirt run/libvirt var/lib/libvirt var/cache/libvirt var/log/libvirt; do
    mkdir -p "$base/$name" "/$name"
    mount --bind "$base/$name" "/$name"
done
mkdir -p /var/lib/libvirt/qemu
while read -r folder stash; do
    mkdir -p "$stash"
    mount --bind "$folder" "$stash"
done <"$base/shown"
while read -r folder; do
    mount -t tmpfs -o mode=0755 tmpfs "$folder"
done <"$base/shut"
while read -r folder stash; do
    mkdir -p "$folder"
    mount --bind "$stash" "$folder"
done <"$base/shown"
virtlogd --pid-file "$base/virtlogd.pid" &
libvirtd --pid-file "$base/libvirtd.pid" &
dockerd --config-file "$base/daemon.json" >"$base/dockerd.log" 2>&1 &
wait
"""


@dataclass(frozen=True)
class OrdinaryHost:
    """Such a host; `home` is the home folder of its user, shut to everybody else as Debian's adduser(8) makes it."""

    base: Path
    home: Path
    init: int

    def run(self, *argv: str | Path, cwd: Path | None = None, seconds: float = 60.0, **more: str) -> Completed:
        """What the user gets from a program, whatever its exit code."""
        enter = ("nsenter", "--target", str(self.init), "--mount", "--pid")
        became = ("setpriv", f"--reuid={NAME}", f"--regid={UID}", "--init-groups", "--inh-caps=-all")
        words = [f"{name}={value}" for name, value in {**self._environment(), **more}.items()]
        there = ("env", "-i", f"--chdir={cwd or self.home}")
        return run([*enter, *became, *there, *words, *argv], timeout=seconds, ok=range(256))

    def _environment(self) -> Mapping[str, str]:
        return {
            "HOME": str(self.home),
            "USER": NAME,
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "DOCKER_HOST": _docker(self.base),
            "LIBVIRT_DEFAULT_URI": "qemu:///system",
        }


@contextmanager
def ordinary_host(base: Path) -> Iterator[OrdinaryHost]:
    """The host, whose files lie below `base`, a folder that everybody may search."""
    home = base / "home" / NAME
    home.mkdir(parents=True)
    os.chown(home, UID, UID)
    home.chmod(0o700)
    _accounts(base / "etc", home)
    _libvirt(base / "etc/libvirt")
    _view(base)
    (base / "daemon.json").write_text(json.dumps(_dockerd(base)))
    argv = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c", _START]
    try:
        with background([*argv, "host", str(base)], log=base / "daemons.log") as started:
            host = OrdinaryHost(base, home, _child(started.pid))
            hint = f"{base}/daemons.log, {base}/dockerd.log"
            wait_until(lambda: engine_facts(_docker(base)) is not None, Deadline.after(60), what="dockerd", hint=hint)
            wait_until(
                lambda: host.run("virsh", "-q", "version").returncode == 0,
                Deadline.after(30),
                what="libvirt",
                hint=hint,
            )
            yield host
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _accounts(folder: Path, home: Path) -> None:
    folder.mkdir()
    lines = {name: Path("/etc", name).read_text() for name in ("passwd", "group")}
    members = {name: ",".join([*grp.getgrnam(name).gr_mem, NAME]) for name in GROUPS}
    groups = [line.split(":") for line in lines["group"].splitlines()]
    joined = "".join(":".join((*each[:3], members.get(each[0], each[3]))) + "\n" for each in groups)
    (folder / "passwd").write_text(lines["passwd"] + f"{NAME}:x:{UID}:{UID}::{home}:/bin/bash\n")
    (folder / "group").write_text(joined + f"{NAME}:x:{UID}:\n")
    for name in ("subuid", "subgid"):
        (folder / name).write_text(f"{NAME}:900000:65536\n")
        Path("/etc", name).touch()


def _libvirt(settings: Path) -> None:
    for name in ("qemu", "nwfilter"):
        (settings / name).mkdir(parents=True)
    (settings / "qemu.conf").write_text("cgroup_controllers = []\n")
    (settings / "libvirtd.conf").write_text(
        'unix_sock_group = "libvirt"\nunix_sock_rw_perms = "0770"\nauth_unix_rw = "none"\nlog_level = 3\n'
    )


def _dockerd(base: Path) -> dict[str, object]:
    """One with images in containerd, as docs/hosts.md asks for, without a firewall and a bridge on this machine."""
    state = base / "docker"
    return {
        "features": {"containerd-snapshotter": True},
        "group": "docker",
        "hosts": [_docker(base)],
        "bridge": "none",
        "iptables": False,
        "ip6tables": False,
        "data-root": str(state / "data"),
        "exec-root": str(state / "exec"),
        "pidfile": str(state / "pid"),
        "log-level": "warn",
    }


def _docker(base: Path) -> str:
    return f"unix://{base / 'docker.sock'}"


def _view(base: Path) -> None:
    """Python and this checkout, where a folder above them is shut to others (root's home): shown to the user alone."""
    wanted = [Path(each).resolve() for each in (_ROOT, sys.prefix, sys.base_prefix)]
    shut = {each: next((up for up in reversed(each.parents) if not up.stat().st_mode & 0o001), None) for each in wanted}
    shown = [each for each in wanted if shut[each] is not None]
    (base / "shown").write_text("".join(f"{each} {base}/view/{number}\n" for number, each in enumerate(shown)))
    (base / "shut").write_text("".join(f"{each}\n" for each in sorted({*filter(None, shut.values())})))


def _child(parent: int) -> int:
    """The first process of the namespace, which `unshare` forks (proc(5), ``children``)."""
    found: list[int] = []

    def look() -> bool:
        for each in [parent, *found]:
            text = Path(f"/proc/{each}/task/{each}/children").read_text()
            found[:] = [int(word) for word in text.split()] or found
        return bool(found)

    wait_until(look, Deadline.after(10), what="the namespace")
    return found[-1]
