"""What a step of a stage and a user may say: the fields and types of yip 1.25.1, which Kairos v4.2 reads with.

The node's reader drops a whole file, or all of its stages, for one value of a wrong type, and passes over a key that it
does not know; so both are refused here. Types are the node's: any scalar is text, a number needs no quotes.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from imagekit.config.cloudvalues import (
    Encoding,
    Flag,
    Lists,
    Mode,
    OctalText,
    Pairs,
    Part,
    Size,
    Texts,
    Whole,
    Words,
    listed,
    mapped,
)


class User(Part):
    """An account."""

    name: Words = ""
    passwd: Words = ""
    ssh_authorized_keys: Texts = ()
    gecos: Words = ""
    homedir: Words = ""
    no_create_home: Flag = False
    primary_group: Words = ""
    groups: Texts = ()
    no_user_group: Flag = False
    system: Flag = False
    no_log_init: Flag = False
    shell: Words = ""
    lock_passwd: Flag = False
    uid: Words = ""


class NamedUser(User):
    """An account of the top-level list, which is nothing without a name."""

    name: Annotated[Words, Field(min_length=1)]


class WriteFile(Part):
    """cloud-init's form of a file."""

    path: Annotated[Words, Field(min_length=1)]
    content: Words = ""
    owner: Words = ""
    permissions: OctalText = ""
    encoding: Encoding = ""


class Directory(Part):
    """A directory of a step; owner and group are numbers."""

    path: Annotated[Words, Field(min_length=1)]
    permissions: Mode = 0
    owner: Whole = 0
    group: Whole = 0


class File(Directory):
    """A file of a step. The README of yip has `owner_string`, its reader knows `ownerstring` only."""

    content: Words = ""
    encoding: Encoding = ""
    ownerstring: Words = ""


class Download(Directory):
    """A file to fetch."""

    url: Annotated[Words, Field(min_length=1)]
    timeout: Whole = 0
    ownerstring: Words = ""


class Entity(Part):
    """A line of passwd, group or shadow."""

    path: Words = ""
    entity: Words = ""


class Dns(Part):
    """resolv.conf."""

    nameservers: Texts = ()
    search: Texts = ()
    options: Texts = ()
    path: Words = ""


class Override(Part):
    """A drop-in of a unit."""

    service: Words = ""
    content: Words = ""
    name: Words = ""


class Systemctl(Part):
    """What to do with which units."""

    enable: Texts = ()
    disable: Texts = ()
    start: Texts = ()
    mask: Texts = ()
    overrides: Annotated[tuple[Override, ...], BeforeValidator(listed)] = ()


class Packages(Part):
    """What the package manager is to do."""

    install: Texts = ()
    remove: Texts = ()
    refresh: Flag = False
    upgrade: Flag = False


class UnpackImage(Part):
    """An image to unpack."""

    source: Words = ""
    target: Words = ""
    platform: Words = ""


class Dependency(Part):
    """A step that comes first."""

    name: Words = ""


class Datasource(Part):
    """Where user data may come from."""

    providers: Texts = ()
    path: Words = ""
    userdata_name: Words = ""


class Device(Part):
    """The disk of a layout."""

    init_disk: Flag = False
    disk_name: Words = ""
    label: Words = ""
    path: Words = ""


class Expand(Part):
    """To which size in MiB the last partition grows; 0 is all that is left."""

    size: Size = 0


class Partition(Part):
    """A partition to add, its size in MiB."""

    fs_label: Annotated[Words, Field(alias="fsLabel")] = ""
    size: Size = 0
    partition_label: Annotated[Words, Field(alias="pLabel")] = ""
    filesystem: Words = ""
    bootable: Flag = False


class Layout(Part):
    """Partitions of a disk."""

    device: Device = Device()
    expand_partition: Expand | None = None
    add_partitions: Annotated[tuple[Partition, ...], BeforeValidator(listed)] = ()


class GitAuth(Part):
    """Who fetches a repository."""

    username: Words = ""
    password: Words = ""
    private_key: Words = ""
    insecure: Flag = False
    public_key: Words = ""


class Git(Part):
    """A repository to fetch."""

    auth: GitAuth = GitAuth()
    url: Words = ""
    path: Words = ""
    branch: Words = ""
    branch_only: Flag = False


class Step(Part):
    """One entry of a stage."""

    name: Words = ""
    condition: Annotated[Words, Field(alias="if")] = ""
    commands: Texts = ()
    files: Annotated[tuple[File, ...], BeforeValidator(listed)] = ()
    downloads: Annotated[tuple[Download, ...], BeforeValidator(listed)] = ()
    directories: Annotated[tuple[Directory, ...], BeforeValidator(listed)] = ()
    ensure_entities: Annotated[tuple[Entity, ...], BeforeValidator(listed)] = ()
    delete_entities: Annotated[tuple[Entity, ...], BeforeValidator(listed)] = ()
    dns: Dns = Dns()
    hostname: Words = ""
    sysctl: Pairs = Field(default_factory=dict)
    authorized_keys: Lists = Field(default_factory=dict)
    node: Words = ""
    users: Annotated[dict[str, User], BeforeValidator(mapped)] = Field(default_factory=dict)
    modules: Texts = ()
    systemctl: Systemctl = Systemctl()
    environment: Pairs = Field(default_factory=dict)
    environment_file: Words = ""
    package_pins: Pairs = Field(default_factory=dict)
    packages: Packages = Packages()
    unpack_images: Annotated[tuple[UnpackImage, ...], BeforeValidator(listed)] = ()
    after: Annotated[tuple[Dependency, ...], BeforeValidator(listed)] = ()
    datasource: Datasource = Datasource()
    layout: Layout = Layout()
    systemd_firstboot: Pairs = Field(default_factory=dict)
    timesyncd: Pairs = Field(default_factory=dict)
    git: Git = Git()
    only_os: Words = ""
    only_os_version: Words = ""
    only_arch: Words = ""
    only_service_manager: Words = ""
    if_files: Annotated[dict[Literal["any", "all", "none"], Texts], BeforeValidator(mapped)] = Field(
        default_factory=dict
    )


class Growpart(Part):
    """Which partitions grow into the space behind them."""

    mode: Words = ""
    devices: Texts = ()


class Document(Part):
    """The parts of a cloud-config that the stage runner reads; other top-level keys are the agent's or a provider's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    users: Annotated[tuple[NamedUser, ...], BeforeValidator(listed)] = ()
    ssh_authorized_keys: Texts = ()
    write_files: Annotated[tuple[WriteFile, ...], BeforeValidator(listed)] = ()
    hostname: Words = ""
    runcmd: Texts = ()
    growpart: Growpart = Growpart()
    stages: Annotated[dict[str, Annotated[tuple[Step, ...], BeforeValidator(listed)]], BeforeValidator(mapped)] = Field(
        default_factory=dict
    )
