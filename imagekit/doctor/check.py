"""Check needs, all at once, and refuse to begin what cannot end well."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.doctor import (
    accelerator,
    cosign,
    disk,
    diskimages,
    engine,
    initrd,
    iso,
    libvirt,
    memory,
    mmdebstrap,
    ports,
    python,
    qemu,
    registry,
    rpm,
    squashfs,
    ssh,
    tpm,
    uefi,
)
from imagekit.doctor.distribution import this_distribution
from imagekit.doctor.model import Finding, Host, Need

_CHECKS: dict[Need, Callable[[Host], Finding]] = {
    Need.PYTHON: python.check,
    Need.ENGINE: engine.check,
    Need.LIBVIRT: libvirt.check,
    Need.QEMU: qemu.check,
    Need.ACCELERATOR: accelerator.check,
    Need.UEFI: uefi.check,
    Need.TPM: tpm.check,
    Need.MMDEBSTRAP: mmdebstrap.check,
    Need.SQUASHFS: squashfs.check,
    Need.INITRD: initrd.check,
    Need.ISO: iso.check,
    Need.DISK_IMAGES: diskimages.check,
    Need.SSH: ssh.check,
    Need.REGISTRY: registry.check,
    Need.PORTS: ports.check,
    Need.DISK: disk.check,
    Need.MEMORY: memory.check,
    Need.COSIGN: cosign.check,
    Need.RPM: rpm.check,
}
BUILD = (Need.PYTHON, Need.ENGINE, Need.MMDEBSTRAP, Need.DISK)
VERIFY = (Need.LIBVIRT, Need.QEMU, Need.ACCELERATOR, Need.SQUASHFS, Need.INITRD, Need.ISO, Need.SSH, Need.MEMORY)
DISKS = (Need.DISK_IMAGES,)
OPTIONAL = (Need.COSIGN, Need.RPM, Need.UEFI, Need.TPM)  # their lack is reported, and counts where they are used
PUBLISH = (Need.REGISTRY, Need.PORTS)


class NeedsMissingError(ToolError):
    """This machine lacks something; `findings` holds all of it."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        lines = [f"{one.need}: {one.found} (needed: {one.wanted})" for one in self.findings]
        super().__init__("this machine lacks what is needed:\n  " + "\n  ".join(lines), hint=remedies(self.findings))


def this_host(
    work: Path,
    registry_address: str,
    docker_host: str | None,
    libvirt_uris: tuple[str, ...],
    builder: str | None = None,
) -> Host:
    """The machine as the checks see it; `docker_host` from configuration wins over DOCKER_HOST."""
    return Host(
        work=work,
        registry=registry_address,
        docker_host=docker_host or os.environ.get("DOCKER_HOST"),
        libvirt_uris=libvirt_uris,
        distribution=this_distribution(),
        builder=builder,
    )


def check(needs: Iterable[Need], host: Host) -> list[Finding]:
    """Look for each need; nothing is started or changed."""
    return [_CHECKS[need](host) for need in needs]


def require(needs: Iterable[Need], host: Host) -> list[Finding]:
    """Check needs and return the findings. Raises `NeedsMissingError` naming everything that is not enough."""
    findings = check(needs, host)
    lacking = [one for one in findings if not one.enough]
    if lacking:
        raise NeedsMissingError(lacking)
    return findings


def remedies(findings: Iterable[Finding]) -> str:
    """What to do about findings, one line each, none twice."""
    return "\n".join(dict.fromkeys(one.remedy for one in findings if one.remedy))


def to_json(findings: Iterable[Finding]) -> list[dict[str, str]]:
    """Findings as plain data."""
    return [{key: str(value) for key, value in asdict(one).items()} for one in findings]
