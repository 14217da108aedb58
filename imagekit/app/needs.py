"""What the stages need of this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagekit.config.imagesfile import ImageSpec, VmSpec
from imagekit.config.load import Project
from imagekit.config.model import Firmware
from imagekit.machine.interface import BootPath
from imagekit.machine.libvirt.daemon import default_uri
from imagekit.services.buildx import named_builder

if TYPE_CHECKING:
    from imagekit.app.options import Options
    from imagekit.doctor.model import Host, Need


def machine_needs(vm: VmSpec, boot_paths: Sequence[BootPath]) -> tuple[Need, ...]:
    """What the machine of an image needs beside what every machine does."""
    from imagekit.doctor.check import DISKS
    from imagekit.doctor.model import Need

    firmware = (Need.UEFI,) if vm.firmware in (Firmware.UEFI, Firmware.UEFI_SECURE) else ()
    tpm = (Need.TPM,) if vm.tpm else ()
    return (*firmware, *tpm, *(DISKS if BootPath.INSTALLED in boot_paths else ()))


def run_needs(image: ImageSpec, options: Options, *, builds: bool, boots: bool) -> list[Need]:
    """What a run needs that `builds`, or takes a kept image, and `boots` machines, or knows already how tests ended."""
    from imagekit.doctor.check import BUILD, PUBLISH, VERIFY
    from imagekit.doctor.model import Need

    build = [need for need in BUILD if need is not Need.MMDEBSTRAP or image.embedded]
    machines = (*VERIFY, *machine_needs(image.vm, options.boot_paths))
    return [*(build if builds else ()), *(machines if boots else ()), *(PUBLISH if options.publish else ())]


def libvirt_uri(project: Project) -> str:
    """The libvirt connection: imagekit.yaml's, else LIBVIRT_DEFAULT_URI's, else the system's or the user's own."""
    settings = project.settings
    return settings.libvirt_uri or next(iter(settings.libvirt_uris), None) or default_uri()


def libvirt_uris(project: Project) -> tuple[str, ...]:
    """The libvirt connections that test machines are spread over; mostly one."""
    return tuple(dict.fromkeys(project.settings.libvirt_uris)) or (libvirt_uri(project),)


def host_of(project: Project) -> Host:
    """This machine as the doctor looks at it."""
    from imagekit.doctor.check import this_host

    return this_host(
        project.work,
        project.registry,
        os.environ.get("DOCKER_HOST"),
        libvirt_uris(project),
        named_builder(project.settings.builder),
    )
