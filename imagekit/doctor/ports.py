"""The port of the embedded registry; machines take any free port and need none by number."""

from __future__ import annotations

from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.services import ports
from imagekit.services.lease import running
from imagekit.services.registry import daemon, loopback, split


def check(host: Host) -> Finding:
    """Whether the registry's port is free or already ours."""
    wanted = f"{host.registry} for the embedded registry"
    if not loopback(host.registry):
        return Finding(need=Need.PORTS, state=State.OK, found="none needed", wanted="free ports on loopback")
    name, port = split(host.registry)
    if running(daemon(host.work, host.registry)):
        return Finding(need=Need.PORTS, state=State.OK, found="our registry listens there", wanted=wanted)
    if ports.free(name, port):
        return Finding(need=Need.PORTS, state=State.OK, found="free", wanted=wanted)
    return Finding(
        need=Need.PORTS,
        state=State.BROKEN,
        found=f"taken by {ports.listener(port)}",
        wanted=wanted,
        remedy="stop that program, or `imagekit services move` to take another port",
    )
