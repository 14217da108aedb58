"""layer.yaml as declared, frozen: what a layer needs, installs, brings and must leave in the artifact."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from imagekit.base.earlier import boot_path_today
from imagekit.config.model import (
    Address,
    Arch,
    ArgName,
    ArgValue,
    Family,
    Frozen,
    KernelArg,
    Module,
    Name,
    NodePath,
    Package,
    PackageEntry,
    ProjectPath,
    Unit,
)

# Build arguments that imagekit sets itself.
RESERVED_ARGS = frozenset(
    {
        *("BASE_IMAGE", "KAIROS_INIT", "PARENT", "FAMILY", "PACKAGES", "VERSION", "SOURCE_DATE_EPOCH", "LAYER_EPOCH"),
        *("TITLE", "DESCRIPTION", "REVISION", "CREATED", "SOURCE", "BASE_NAME", "BASE_DIGEST", "PLAN", "LOCK"),
        "STATE",
    }
)


class Present(Frozen):
    """What must be found in the finished artifact."""

    packages: dict[Family, tuple[PackageEntry, ...]] | None = Field(
        None, description="packages that must be installed; default: the packages of the layer"
    )
    files: tuple[NodePath, ...] = Field((), description="files that must exist in the root file system")
    units: tuple[Unit, ...] = Field((), description="systemd units that must be installed")
    enabled: tuple[Unit, ...] = Field((), description="systemd units that must be switched on: another one wants them")
    modules: tuple[Module, ...] = Field((), description="kernel modules that must be there, built in or loadable")
    initrd: dict[Family, tuple[Module | dict[Arch, Module], ...]] = Field(
        default_factory=dict,
        description="drivers that the initrd must have, or the kernel built in, by family; a name, or one for each "
        "architecture",
    )
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


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


class WaivedControl(Frozen):
    """A hardening control, or a rule of SCAP content, that an image does not meet, on purpose and for a time."""

    control: Annotated[str, StringConstraints(pattern=r"^([A-Z]{3}-[0-9]{2}|rule_[A-Za-z0-9_.-]+)$")] = Field(
        description="its id, as docs/hardening.md lists them; of a rule of suite openscap what is so called: rule_NAME"
    )
    until: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)] = Field(
        description="the first day on which it is required again"
    )
    reason: Annotated[str, StringConstraints(min_length=10, max_length=300)] = Field(description="why, for people")

    @property
    def is_rule(self) -> bool:
        """Whether it is a rule of SCAP content, and no control of imagekit's own."""
        return self.control.startswith("rule_")


class Hardening(Frozen):
    """What a layer brings that the hardening suite asks about; what is not declared fails there."""

    setuid: tuple[NodePath, ...] = Field((), description="programs with a set-user-ID or set-group-ID bit")
    capabilities: dict[NodePath, Annotated[str, StringConstraints(pattern=r"^cap_[a-z_]+(,cap_[a-z_]+)*$")]] = Field(
        default_factory=dict, description="capabilities of files, as getcap(8) names them, with commas between"
    )
    world_writable: tuple[NodePath, ...] = Field((), description="files and folders that everybody may write to")
    waived: tuple[WaivedControl, ...] = Field((), description="controls that only warn until a day")


class Download(Frozen):
    """A file that a layer, or the framework for it, takes from elsewhere; ``{NAME}`` stands for a build argument.

    Its checksum comes from images.lock and reaches the Dockerfile as the build argument that names this entry.
    """

    url: dict[Arch, Address] = Field(min_length=1, description="where the file comes from, for each architecture")
    checksums: Address | dict[Arch, Address] = Field(
        description="the publisher's list of SHA-256 sums, as sha256sum(1) writes it; one, or one for each architecture"
    )
    with_standin: bool = Field(
        False,
        description="whether images on the stand-in take it too; false for what the framework would fetch, "
        "of which the stand-in brings its own",
    )


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
        default_factory=dict, description="files from elsewhere, by the argument with their checksum"
    )
    state: tuple[NodePath, ...] = Field(
        (), description="directories of the node whose content lasts over reboots and upgrades; the image has them"
    )
    listens: tuple[Listener, ...] = Field(
        (), description="what a node listens on from the network; with those of the other layers, this and nothing else"
    )
    hardening: Hardening = Field(Hardening(), description="what it brings that the hardening suite asks about")
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

    def expected_drivers(self, family: Family, arch: Arch = Arch.AMD64) -> tuple[str, ...]:
        """The drivers that must be in the initrd, or built into the kernel."""
        return _for_arch(self.present.initrd.get(family, ()), arch)


def _for_arch(entries: tuple[PackageEntry, ...], arch: Arch) -> tuple[str, ...]:
    named = (entry if isinstance(entry, str) else entry.get(arch) for entry in entries)
    return tuple(name for name in named if name is not None)
