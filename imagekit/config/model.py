"""What the user declared, frozen; nothing here changes during a run."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from imagekit.base.earlier import boot_path_today


class Family(StrEnum):
    """Which package manager and names a distribution uses."""

    DEBIAN = "debian"
    RHEL = "rhel"


class Arch(StrEnum):
    """Processor architecture, by its OCI name."""

    AMD64 = "amd64"
    ARM64 = "arm64"


class Firmware(StrEnum):
    """Firmware a test machine starts with; vm-harness/profiles holds one file for each."""

    BIOS = "bios"
    UEFI = "uefi"
    UEFI_SECURE = "uefi-secure"


def _absolute(path: str) -> str:
    if not path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ValueError("must be an absolute path without '..'")
    return path


def _relative(path: str) -> str:
    if path.startswith("/") or ".." in PurePosixPath(path).parts:
        raise ValueError("must be a path inside the project, without '..'")
    return path


def _fixed(image: str) -> str:
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if not digest and not tag:
        raise ValueError("must name a tag, whose digest images.lock then holds, or a digest")
    if not digest and tag == "latest":
        raise ValueError("must name a version; the tag latest moves with every release")
    return image


Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=63)]
# Debian policy 5.6.7 and the RPM name characters; nothing that a shell could read as more than a word.
Package = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._-]*$", max_length=128)]
Unit = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@:._\\-]+\.(service|socket|timer|target|mount|path)$")]
Module = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$")]
ArgName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
ArgValue = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9+._:/@=-]*$", max_length=256)]
# One name for all architectures, or one for each that has the package.
PackageEntry = Package | dict[Arch, Package]
KernelArg = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.,:=/-]+$")]
NodePath = Annotated[str, AfterValidator(_absolute)]
ProjectPath = Annotated[str, AfterValidator(_relative)]
# https://github.com/distribution/reference: registry, path, tag, digest; the registry is never left to be guessed.
_IMAGE = (
    r"^[a-z0-9.-]+\.[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+"
    r"(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@sha256:[0-9a-f]{64})?$"
)
NamedImage = Annotated[str, StringConstraints(pattern=_IMAGE), AfterValidator(_fixed)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ImageDigest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Address = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+(/[A-Za-z0-9._+%{}-]+)+$")]

# Build arguments that imagekit sets itself.
RESERVED_ARGS = frozenset(
    {
        *("BASE_IMAGE", "KAIROS_INIT", "PARENT", "FAMILY", "PACKAGES", "VERSION", "SOURCE_DATE_EPOCH", "LAYER_EPOCH"),
        *("TITLE", "DESCRIPTION", "REVISION", "CREATED", "SOURCE", "BASE_NAME", "BASE_DIGEST", "PLAN", "LOCK"),
        "STATE",
    }
)


class Frozen(BaseModel):
    """Base of all declared data: unknown keys are errors, types are not bent, values do not change."""

    # Built when the first file of its kind is read: half of the models are never asked for by a command.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class Present(Frozen):
    """What must be found in the finished artifact."""

    packages: dict[Family, tuple[PackageEntry, ...]] | None = Field(
        None, description="packages that must be installed; default: the packages of the layer"
    )
    files: tuple[NodePath, ...] = Field((), description="files that must exist in the root file system")
    units: tuple[Unit, ...] = Field((), description="systemd units that must be installed")
    enabled: tuple[Unit, ...] = Field((), description="systemd units that must be switched on: another one wants them")
    modules: tuple[Module, ...] = Field((), description="kernel modules that must be there, built in or loadable")
    certificates: tuple[ProjectPath, ...] = Field(
        (),
        description="globs in the layer's folder; each certificate in these files must be in the system's trust store",
    )
    kernel_args: tuple[KernelArg, ...] = Field((), description="words that must be on the installed command line")
    masked: tuple[Unit, ...] = Field((), description="systemd units that must be masked, or not be there at all")


class Replaces(Frozen):
    """What a layer takes back of what layers below it declare: their proof no longer asks for it."""

    packages: tuple[Package, ...] = Field((), description="packages that this layer removes on purpose")
    files: tuple[NodePath, ...] = Field((), description="files that this layer removes on purpose")
    units: tuple[Unit, ...] = Field((), description="units that this layer removes, masks or switches off on purpose")


BootPathName = Annotated[Literal["direct", "live", "installed"], BeforeValidator(boot_path_today)]


class Listener(Frozen):
    """A port that a node has open to the network, and that is meant to be."""

    port: int = Field(ge=1, le=65535, description="the port that is open")
    protocol: Literal["tcp", "udp"] = Field("tcp", description="its protocol")
    program: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._@+-]{1,15}$")] = Field(
        description="the process that listens, by the kernel's name for it (15 characters at most)"
    )
    only_on: tuple[BootPathName, ...] = Field(
        (), description="the boot paths on which it is open; default: all of them"
    )


class Download(Frozen):
    """A file that the framework fetches while it builds a layer; ``{NAME}`` stands for a build argument.

    Its checksum comes from images.lock and reaches the Dockerfile as the build argument that names this entry.
    """

    url: dict[Arch, Address] = Field(min_length=1, description="where the file comes from, for each architecture")
    checksums: Address = Field(description="the publisher's list of SHA-256 sums, as sha256sum(1) writes it")


class LayerSpec(Frozen):
    """One layer: a folder under images/ with a Dockerfile and this layer.yaml."""

    version: Literal[1] = Field(description="version of this file format")
    name: Name = Field(description="the folder's name")
    description: str = Field("", max_length=400, description="a sentence for people")
    needs: tuple[Name, ...] = Field((), description="layers that must be below this one")
    packages: dict[Family, tuple[PackageEntry, ...]] = Field(
        default_factory=dict, description="packages that it installs, by family; a name, or one for each architecture"
    )
    args: dict[ArgName, ArgValue] = Field(default_factory=dict, description="build arguments with their defaults")
    downloads: dict[ArgName, Download] = Field(
        default_factory=dict, description="files that the real framework fetches, by the argument with their checksum"
    )
    state: tuple[NodePath, ...] = Field(
        (), description="directories of the node whose content lasts over reboots and upgrades; the image has them"
    )
    listens: tuple[Listener, ...] = Field(
        (), description="what a node listens on from the network; with those of the other layers, this and nothing else"
    )
    present: Present = Present()
    replaces: Replaces = Field(Replaces(), description="what this layer takes back of the layers below it")

    @model_validator(mode="after")
    def _own_args(self) -> Self:
        taken = RESERVED_ARGS & {*self.args, *self.downloads}
        if taken:
            raise ValueError(f"build argument {min(taken)} is set by imagekit and cannot be declared")
        return self

    def packages_of(self, family: Family, arch: Arch = Arch.AMD64) -> tuple[str, ...]:
        """The packages this layer installs on a family."""
        return _for_arch(self.packages.get(family, ()), arch)

    def expected_packages(self, family: Family, arch: Arch = Arch.AMD64) -> tuple[str, ...]:
        """The packages that must be installed in the artifact."""
        declared = self.packages if self.present.packages is None else self.present.packages
        return _for_arch(declared.get(family, ()), arch)


def _for_arch(entries: tuple[PackageEntry, ...], arch: Arch) -> tuple[str, ...]:
    named = (entry if isinstance(entry, str) else entry.get(arch) for entry in entries)
    return tuple(name for name in named if name is not None)


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


class VmSpec(Frozen):
    """The machine an image is tested on."""

    memory_mib: int = Field(1024, ge=256, le=262_144, description="memory in MiB")
    cpus: int = Field(2, ge=1, le=64, description="virtual processors")
    firmware: Firmware = Firmware.BIOS
    tpm: bool = Field(False, description="whether it has a TPM 2.0 (swtpm)")


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


class AdvisorySource(Frozen):
    """Where known vulnerabilities are read from: a file, a folder, or a mirror's address."""

    kind: Literal["debian-tracker", "osv"] = Field(
        description="debian-tracker: the security tracker's JSON; osv: the export of an ecosystem (zip or folder)"
    )
    at: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s]+|[^\s:]+)$", max_length=1000)] = Field(
        description="path, seen from the project's folder, or address of your mirror"
    )


class ForkSettings(Frozen):
    """What saved states of booted nodes may take."""

    gib: int = Field(8, ge=0, le=10_000, description="GiB in the work folder; 0: no node is saved, every boot is cold")
    days: int = Field(7, ge=1, le=365, description="how old a saved node may be")


class Keep(Frozen):
    """What of builds and disks is kept in the work folder."""

    gib: int = Field(
        20,
        ge=1,
        le=10_000,
        description="disk space of builds, disks and pulled images together, in GiB; what was not "
        "used for longest goes first, at the start of a run and by `imagekit clean`",
    )


class Settings(Frozen):
    """imagekit.yaml: where things go; every key has a default."""

    version: Literal[1] = Field(1, description="version of this file format")
    registry: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$")] | None = Field(
        None,
        description="host and port of the registry, a loopback one is started on demand; default: the embedded one, "
        "on a port that is found once and kept (`imagekit services status`)",
    )
    repository: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([._/-][a-z0-9]+)*$")] = Field(
        "imagekit", description="repository prefix; the image's name follows"
    )
    signing_key: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None,
        description="key file of the project, URI for the cosign program (awskms://, pkcs11:, env://NAME ...), or "
        "keyless; default: a key pair made on first use",
    )
    mirrors: dict[
        Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9.-]+/[^\s]*$")],
        Annotated[str, StringConstraints(pattern=r"^(https?://[A-Za-z0-9.-]+(:[0-9]+)?/|file:///)[^\s]*$")],
    ] = Field(
        default_factory=dict,
        description="where else downloads are: the beginning of an address, and what it is replaced by (https:, http:, "
        "file:///folder/); what comes from there is held to images.lock as always",
    )
    bundles: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._-]+)+$")] | None = (
        Field(
            None,
            description="repository for the packages of locks, HOST[:PORT]/path; default: REGISTRY/REPOSITORY/packages",
        )
    )
    rpm_repositories: dict[
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")],
        Annotated[str, StringConstraints(pattern=r"^(https?://|file:///)[^\s]*$")],
    ] = Field(
        default_factory=dict,
        description="repositories that packages of the RHEL family are locked from: address by id; {arch} stands for "
        "x86_64 or aarch64",
    )
    keep: Keep = Field(Keep(), description="how much of what can be made again is kept in the work folder")
    debian_mirror: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")] | None = Field(
        None, description="Debian archive for the embedded base; default: the one this machine's apt uses"
    )
    channel_repositories: dict[
        Name, Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]+(/[a-z0-9._-]+)+$")]
    ] = Field(
        default_factory=dict,
        description="where a channel's images live, HOST[:PORT]/prefix; default: REGISTRY/REPOSITORY/CHANNEL",
    )
    forks: ForkSettings = Field(ForkSettings(), description="saved states of booted nodes, for later sessions")
    ledger: str = Field(
        ".", description="git checkout that holds channels/ and ledger/, seen from the project's folder"
    )
    ledger_remote: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._/-]*)?$")] = Field(
        "", description="git remote that must take each decision before it counts; empty: this checkout alone"
    )
    ledger_branch: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._/-]*)?$")] = Field(
        "", description="the one branch of ledger_remote that decisions go to; default: the remote's default branch"
    )
    advisories: tuple[AdvisorySource, ...] = Field(
        (), description="sources of known vulnerabilities for `imagekit cve` and the gate; all of them count"
    )
    history: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None,
        description="SQLite file with the results of all runs, seen from the project's folder; "
        "default: history.sqlite in the work folder",
    )
    libvirt_uri: Annotated[str, StringConstraints(pattern=r"^[a-z0-9+]+://[^\s]*$")] | None = Field(
        None,
        description="libvirt connection; default LIBVIRT_DEFAULT_URI, else qemu:///system for root and qemu:///session",
    )
