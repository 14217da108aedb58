"""libvirt: one that answers, or one that can be started."""

from __future__ import annotations

import os
from pathlib import Path

from imagekit.doctor.distribution import remedy
from imagekit.doctor.model import Finding, Host, Need, State, of_several
from imagekit.doctor.program import at_least, version_of
from imagekit.machine.libvirt.busy import URI
from imagekit.machine.libvirt.daemon import answers, daemon

LEAST = (10,)


def check(host: Host) -> Finding:
    """Whether virtual machines can be defined at the configured connections; of several, one is enough."""
    program = daemon().argv[0]
    version = version_of([program, "--version"])
    judged = [_judge(uri, host, program, version) for uri in host.libvirt_uris]
    return Finding(
        need=Need.LIBVIRT,
        state=of_several([state for state, _, _ in judged]),
        found="; ".join(found for _, found, _ in judged),
        wanted="libvirt 10 or newer that answers or can be started",
        remedy="\n".join(help_with for _, _, help_with in judged if help_with),
    )


def _judge(uri: str, host: Host, program: str, version: str | None) -> tuple[State, str, str]:
    if answers(uri):
        return State.OK, f"libvirt {version or ''} answers at {uri}", ""
    if uri != URI:
        return State.BROKEN, f"no libvirt answers at {uri}", f"virsh -c {uri} version"
    if not version:
        return State.MISSING, f"{program} is not installed", remedy(host.distribution, "libvirt")
    if not at_least(version, LEAST):
        return State.BROKEN, f"{program} {version}: too old", remedy(host.distribution, "libvirt")
    if Path("/run/systemd/system").is_dir():
        return State.BROKEN, f"{program} {version} does not run", "sudo systemctl start libvirtd"
    if os.geteuid() != 0:
        return State.BROKEN, f"{program} {version}, but starting it needs root", "sudo bin/imagekit ..."
    return State.OK, f"{program} {version}, started when needed", ""
