"""What the stages need of this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from imagekit.config.load import Project

if TYPE_CHECKING:
    from imagekit.doctor.model import Host


def libvirt_uri(project: Project) -> str:
    """The libvirt connection: imagekit.yaml's, else the system's for root and the session's for others."""
    configured = project.settings.libvirt_uri
    return configured or ("qemu:///system" if os.geteuid() == 0 else "qemu:///session")


def host_of(project: Project) -> Host:
    """This machine as the doctor looks at it."""
    from imagekit.doctor.check import this_host

    return this_host(project.work, project.settings.registry, os.environ.get("DOCKER_HOST"), libvirt_uri(project))
