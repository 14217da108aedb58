"""A program that writes ISO 9660 images, for the live boot path and the cloud-config disk."""

from __future__ import annotations

import shutil

from imagekit.doctor.model import Finding, Host, Need
from imagekit.doctor.program import judge


def check(host: Host) -> Finding:
    """Whether xorriso is there, or genisoimage, which serves as well."""
    if shutil.which("xorriso") is None and shutil.which("genisoimage") is not None:
        return judge(host, Need.ISO, ["genisoimage", "--version"])
    return judge(host, Need.ISO, ["xorriso", "--version"])
