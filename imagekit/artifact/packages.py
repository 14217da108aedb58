"""The packages an image holds, from the distribution's own database."""

from __future__ import annotations

import tempfile
from pathlib import Path

from imagekit.artifact.inventory import Inventory
from imagekit.artifact.packagelist import Package, packages_of_dpkg, packages_of_rpm
from imagekit.base.process import run
from imagekit.config.model import Family

_RPM_FORMAT = r"%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\t%{SOURCERPM}\n"


def installed_packages(inventory: Inventory, family: Family) -> tuple[Package, ...]:
    """Every installed package, sorted; raises `PackageListError` when there is none."""
    match family:
        case Family.DEBIAN:
            return packages_of_dpkg(inventory.text("/var/lib/dpkg/status"), distro=_distro(inventory))
        case Family.RHEL:
            return packages_of_rpm(_ask_rpm(inventory), distro=_distro(inventory))


def _distro(inventory: Inventory) -> str:
    """`ID-VERSION_ID` of os-release(5), e.g. ``debian-13``."""
    lines = inventory.text("/etc/os-release").splitlines()
    fields = dict(line.split("=", 1) for line in lines if "=" in line)
    return "-".join(fields.get(key, "").strip('"') for key in ("ID", "VERSION_ID")).strip("-")


def _ask_rpm(inventory: Inventory) -> str:
    """rpm reads its own database, which is not a format to be read by others."""
    databases = (data for path, data in inventory.contents.items() if path.endswith("rpmdb.sqlite"))
    with tempfile.TemporaryDirectory(prefix="imagekit-rpm-") as folder:
        (Path(folder) / "rpmdb.sqlite").write_bytes(next(databases, b""))
        return run(["rpm", "--dbpath", folder, "--query", "--all", "--queryformat", _RPM_FORMAT], timeout=60).stdout
