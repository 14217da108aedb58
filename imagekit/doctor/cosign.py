"""The cosign program: optional, for keys in a KMS and keyless signing; the default signs in process."""

from __future__ import annotations

from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.doctor.program import version_of


def check(_host: Host) -> Finding:
    """Which cosign there is, if any."""
    wanted = "optional: cosign 2.4 or newer, for KMS and keyless signing"
    version = version_of(["cosign", "version"])
    if version is None:
        return Finding(need=Need.COSIGN, state=State.OK, found="not installed; we sign in process", wanted=wanted)
    return Finding(need=Need.COSIGN, state=State.OK, found=f"cosign {version}".strip(), wanted=wanted)
