"""images/images.yaml and images.lock as declared, frozen, and the small files of what images stand on."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from imagekit.config.model import (
    Arch,
    ArgName,
    ArgValue,
    Family,
    Firmware,
    Frozen,
    ImageDigest,
    Name,
    NamedImage,
    Package,
    ProjectPath,
    Sha256,
)


class DistroBase(Frozen):
    """A base made from the distribution's packages by mmdebstrap."""

    distro: Literal["trixie"] = Field(description="release of Debian, made here from the package mirror")


class DistroFile(Frozen):
    """images/distro/distro.yaml: what mmdebstrap is asked for."""

    version: Literal[1]
    suite: Name
    pockets: tuple[Name, ...] = Field((), description="further suites; a security one needs a security archive")
    variant: Literal["minbase", "essential", "apt", "standard", "important", "buildd"] = "minbase"
    components: tuple[Name, ...] = Field(("main",), min_length=1)
    include: tuple[Package, ...] = ()
    source_date_epoch: int = Field(ge=0, description="time of all files, in seconds since 1970")
    customize: ProjectPath | None = Field(None, description="hook script in the same folder")
    apt_options: tuple[str, ...] = ()
    dpkg_options: tuple[str, ...] = ()


class StandinFile(Frozen):
    """standin.yaml beside the stand-in's Dockerfile: what building it installs, and the image does not have."""

    version: Literal[1]
    build_packages: tuple[Package, ...] = ()


class ImageBase(Frozen):
    """A base image: by digest, or by a tag whose digest images.lock holds."""

    image: NamedImage = Field(description="base image by tag; images.lock holds its digest")


class StandinInit(Frozen):
    """The framework's stand-in, built from a folder of the project."""

    standin: ProjectPath = Field(description="folder of the stand-in; never for production")


class ImageInit(Frozen):
    """The real kairos-init: by digest, or by a tag whose digest images.lock holds."""

    image: NamedImage = Field(description="kairos-init by tag; images.lock holds its digest")
    packages: tuple[Package, ...] = Field(
        (),
        description="packages that it installs by itself, put into the first layer; a locked build has no network that "
        "it could take them from",
    )


class BootBudget(Frozen):
    """What a boot to the login may cost on every boot path, in CPU seconds of QEMU; `imagekit trends` shows them."""

    tcg: float | None = Field(None, gt=0, le=100_000, description="CPU seconds under emulation")
    kvm: float | None = Field(None, gt=0, le=100_000, description="CPU seconds with KVM")


class VmSpec(Frozen):
    """The machine an image is tested on."""

    memory_mib: int = Field(1024, ge=256, le=262_144, description="memory in MiB")
    cpus: int = Field(2, ge=1, le=64, description="virtual processors")
    firmware: Firmware = Firmware.BIOS
    tpm: bool = Field(False, description="whether it has a TPM 2.0 (swtpm)")
    extra_nics: int = Field(
        0, ge=0, le=4, description="further network cards, joined to one another and to nothing else"
    )
    boot_budget: BootBudget = Field(BootBudget(), description="what a boot may cost; default: anything")


class ImageSpec(Frozen):
    """One image: a composition of layers."""

    description: str = Field("", max_length=400, description="a sentence for people; a label of the image")
    family: Family
    arch: tuple[Arch, ...] = Field((Arch.AMD64,), min_length=1, description="architectures that it is built for")
    base: DistroBase | ImageBase = Field(description="what the bottom layer stands on: `distro` or `image`")
    kairos_init: StandinInit | ImageInit = Field(description="what makes it a Kairos node: `standin` or `image`")
    layers: tuple[Name, ...] = Field(min_length=1, description="from the bottom up")
    args: dict[ArgName, ArgValue] = Field(default_factory=dict, description="values for build arguments of the layers")
    vm: VmSpec = VmSpec()
    cloud_config: tuple[ProjectPath, ...] = Field((), description="cloud-config files merged in this order")

    @property
    def embedded(self) -> bool:
        """Whether this image stands on the stand-in, and must never reach production."""
        return isinstance(self.kairos_init, StandinInit)


class ImagesFile(Frozen):
    """images/images.yaml: which layers make which image."""

    version: Literal[1] = Field(description="version of this file format")
    images: dict[Name, ImageSpec] = Field(min_length=1, description="the images, by name")


class LockFile(Frozen):
    """images/images.lock: what names stood for when they were looked up; written by ``imagekit lock``."""

    version: Literal[1] = 1
    images: dict[NamedImage, ImageDigest] = Field(default_factory=dict, description="digest of each image by tag")
    files: dict[str, Sha256] = Field(default_factory=dict, description="SHA-256 of each downloaded file by address")
