"""imagekit.yaml as declared, frozen: where things go, and how much is kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from imagekit.config.model import Frozen, Name


class AdvisorySource(Frozen):
    """Where known vulnerabilities are read from: a file, a folder, or a mirror's address."""

    kind: Literal["debian-tracker", "osv"] = Field(
        description="debian-tracker: the security tracker's JSON; osv: the export of an ecosystem (zip or folder)"
    )
    at: Annotated[str, StringConstraints(pattern=r"^(https?://[^\s]+|[^\s:]+)$", max_length=1000)] = Field(
        description="path, seen from the project's folder, or address of your mirror"
    )


class AptArchive(Frozen):
    """A Debian archive beside the mirror, whose lists are signed by a key of its own."""

    uri: Annotated[str, StringConstraints(pattern=r"^(https?://|file:///)[^\s|]*$", max_length=1000)] = Field(
        description="address of the archive, above `dists`"
    )
    suite: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*[A-Za-z0-9]$")] = Field(
        description="suite or codename"
    )
    components: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")], ...], Field(min_length=1)
    ] = Field(("main",), description="components")
    key: Annotated[str, StringConstraints(pattern=r"^[^\s:]+$", max_length=500)] | None = Field(
        None,
        description="the public key that signs its lists, ASCII-armoured, seen from the project's folder; default: the "
        "distribution's own keys",
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
    apt_archives: tuple[AptArchive, ...] = Field(
        (),
        description="archives that packages of the Debian family come from beside the mirror, such as the company's "
        "own; of all of them the newest version counts",
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
    builder: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9._-]*$")] | None = Field(
        None,
        description="buildx builder that builds (docker-container, remote, kubernetes), which needs no root here; "
        "default BUILDX_BUILDER, else the daemon of DOCKER_HOST, else a private one",
    )
    libvirt_uri: Annotated[str, StringConstraints(pattern=r"^[a-z0-9+]+://[^\s]*$")] | None = Field(
        None,
        description="libvirt connection; default the first of libvirt_uris, else LIBVIRT_DEFAULT_URI, else "
        "qemu:///system for root and qemu:///session",
    )
    libvirt_uris: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9+]+://[^\s]*$")], ...] = Field(
        (),
        description="libvirt connections of the hosts that test machines are spread over (qemu:///system, "
        "qemu+ssh://USER@HOST/system); each sees the work folder at the same path; default: libvirt_uri alone",
    )
