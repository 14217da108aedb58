"""The persistence table: where a mark is left at the first boot, and what of it an event leaves.

Paths and outcomes: the lists of writable state of a Kairos node (00_rootfs), and Kairos's own reset test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NAME = "imagekit-conformance"


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether a mark is still there after a reboot, after an upgrade, and after a reset."""

    reboot: bool
    upgrade: bool
    reset: bool


_LOST = Kept(False, False, False)
_PERSISTENT = Kept(True, True, False)
_OEM = Kept(True, True, True)
TABLE: Mapping[str, Kept] = {
    "/etc": _LOST,
    "/etc/modules-load.d": _LOST,
    "/srv": _LOST,
    "/var": _LOST,
    "/var/cache": _LOST,
    "/var/lib": _LOST,
    "/var/tmp": _LOST,
    "/tmp": _LOST,
    "/run": _LOST,
    "/dev/shm": _LOST,
    "/oem": _OEM,
    "/usr/local": _PERSISTENT,
    "/usr/local/etc": _PERSISTENT,
    "/home": _PERSISTENT,
    "/root": _PERSISTENT,
    "/opt": _PERSISTENT,
    "/usr/libexec": _PERSISTENT,
    "/etc/ssh": _PERSISTENT,
    "/etc/systemd": _PERSISTENT,
    "/etc/modprobe.d": _PERSISTENT,
    "/etc/ssl/certs": _PERSISTENT,
    "/etc/kubernetes": _PERSISTENT,
    "/etc/cni": _PERSISTENT,
    "/etc/rancher": _PERSISTENT,
    "/etc/k0s": _PERSISTENT,
    "/var/log": _PERSISTENT,
    "/var/lib/containerd": _PERSISTENT,
    "/var/lib/kubelet": _PERSISTENT,
    "/var/lib/etcd": _PERSISTENT,
    "/var/lib/k0s": _PERSISTENT,
    "/var/lib/kairos": _PERSISTENT,
    "/var/lib/extensions": _PERSISTENT,
}
