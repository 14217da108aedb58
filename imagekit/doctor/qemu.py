"""QEMU: 10 or newer, because 7.2 killed most guests with kernel 6.12 under TCG."""

from __future__ import annotations

from dataclasses import replace

from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.doctor.program import at_least, judge, version_of

LEAST = (10,)
_SURELY_BAD_BELOW = (8,)
_PROGRAM = ["qemu-system-x86_64", "--version"]


def check(host: Host) -> Finding:
    """Whether QEMU is there and new enough; 8 and 9 are neither proven good nor bad, so they get a warning."""
    finding = judge(host, Need.QEMU, _PROGRAM, LEAST)
    version = version_of(_PROGRAM)
    if finding.state is State.BROKEN and version and at_least(version, _SURELY_BAD_BELOW):
        finding = replace(finding, state=State.WARN, found=f"qemu-system-x86_64 {version}: not proven with new kernels")
    if finding.state is not State.OK and host.distribution.name == "ubuntu-24.04":
        return replace(
            finding, remedy="with a working KVM try it as it is; without one use Debian 12 or 13, or a newer Ubuntu"
        )
    return finding
