"""dnf and createrepo_c: optional, for locks of the RHEL family's packages."""

from __future__ import annotations

from imagekit.doctor.distribution import remedy
from imagekit.doctor.model import Finding, Host, Need, State
from imagekit.doctor.program import version_of

_PROGRAMS = ("dnf", "createrepo_c", "rpm")


def check(host: Host) -> Finding:
    """Which of the programs there are."""
    wanted = "optional: dnf with its download plugin, createrepo_c and rpm, for `imagekit lock` of the RHEL family"
    found = {name: version_of([name, "--version"]) for name in _PROGRAMS}
    missing = [name for name, version in found.items() if version is None]
    if not missing:
        said = ", ".join(f"{name} {version}".strip() for name, version in found.items())
        return Finding(need=Need.RPM, state=State.OK, found=said, wanted=wanted)
    said = f"not installed: {', '.join(missing)}"
    return Finding(
        need=Need.RPM, state=State.OK, found=said, wanted=wanted, remedy=remedy(host.distribution, Need.RPM.value)
    )
