"""The embedded registry's server program; needed only while the configured registry is on loopback."""

from __future__ import annotations

from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.doctor.program import judge
from imagekit.services.registry import loopback


def check(host: Host) -> Finding:
    """Whether images can be published: a foreign registry as it is, the embedded one with its program."""
    if not loopback(host.registry):
        return Finding(need=Need.REGISTRY, state=State.OK, found=f"{host.registry} (not ours)", wanted="a registry")
    return judge(host, Need.REGISTRY, ["docker-registry", "--version"], (2, 8))
