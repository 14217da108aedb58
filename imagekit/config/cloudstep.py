"""What a step of a stage and a user may say: the fields and types of yip 1.25.1, which Kairos v4.2 reads with.

The node's reader drops a whole file, or all of its stages, for one value of a wrong type, and passes over a key that it
does not know; so both are refused here. Types are the node's: any scalar is text, a number needs no quotes.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from imagekit.config.goyaml import Text, as_bool, as_whole, is_null

ENCODINGS = ("b64", "base64", "gz", "gzip", "gz+base64", "gzip+base64", "gz+b64", "gzip+b64")
_OCTAL = re.compile(r"[0-7]{3,4}")
_MODE_MASK = 0o7777


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        raise ValueError(f"must be text, not a {'mapping' if isinstance(value, dict) else 'list'}")
    return "" if is_null(value) else str(value)


def _flag(value: Any) -> bool:
    found = None if isinstance(value, dict | list) else as_bool(value)
    if found is None:
        raise ValueError("must be true or false, without quotes")
    return found


def _whole(value: Any) -> int:
    found = None if isinstance(value, dict | list) else as_whole(value)
    if found is None:
        raise ValueError("must be a whole number, without quotes")
    return found


def _size(value: Any) -> int:
    if (found := _whole(value)) < 0:
        raise ValueError("must not be negative")
    return found


def _mode(value: Any) -> int:
    """A step has its permissions as a number, so the leading zero of an octal one counts."""
    found = _size(value)
    written = str(value) if isinstance(value, Text) else ""
    if _OCTAL.fullmatch(written) and written[0] != "0" and found > 0o777:
        raise ValueError(f"is read as a decimal number, {found:#o}. Did you mean 0{written}?")
    if found > _MODE_MASK:
        raise ValueError("must be permissions, at most 07777")
    return found


def _octal_text(value: Any) -> str:
    text = _text(value)
    if text and not re.fullmatch(r"0?[0-7]{3,4}", text):
        raise ValueError("must be octal digits such as '0644'")
    return text


def _list(value: Any) -> Any:
    if is_null(value):
        return ()
    if not isinstance(value, list):
        raise ValueError("must be a list")
    for number, item in enumerate(value, 1):
        if is_null(item):
            raise ValueError(f"item {number} is empty, and the node leaves it out")
    return value


def _map(value: Any) -> Any:
    if is_null(value):
        return {}
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")
    return value


def _encoding(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


Words = Annotated[str, BeforeValidator(_text)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Whole = Annotated[int, BeforeValidator(_whole)]
Size = Annotated[int, BeforeValidator(_size)]
Mode = Annotated[int, BeforeValidator(_mode)]
OctalText = Annotated[str, BeforeValidator(_octal_text)]
Encoding = Annotated[Literal["", *ENCODINGS], BeforeValidator(_encoding)]  # type: ignore[valid-type]
Texts = Annotated[tuple[Words, ...], BeforeValidator(_list)]
Pairs = Annotated[dict[str, Words], BeforeValidator(_map)]
Lists = Annotated[dict[str, Texts], BeforeValidator(_map)]


class Part(BaseModel):
    """A mapping of a cloud-config; a key whose value is null counts as not given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return {} if is_null(data) else data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {str(key): value for key, value in data.items() if key not in known or not is_null(value)}


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
    overrides: Annotated[tuple[Override, ...], BeforeValidator(_list)] = ()


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
    add_partitions: Annotated[tuple[Partition, ...], BeforeValidator(_list)] = ()


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
    files: Annotated[tuple[File, ...], BeforeValidator(_list)] = ()
    downloads: Annotated[tuple[Download, ...], BeforeValidator(_list)] = ()
    directories: Annotated[tuple[Directory, ...], BeforeValidator(_list)] = ()
    ensure_entities: Annotated[tuple[Entity, ...], BeforeValidator(_list)] = ()
    delete_entities: Annotated[tuple[Entity, ...], BeforeValidator(_list)] = ()
    dns: Dns = Dns()
    hostname: Words = ""
    sysctl: Pairs = Field(default_factory=dict)
    authorized_keys: Lists = Field(default_factory=dict)
    node: Words = ""
    users: Annotated[dict[str, User], BeforeValidator(_map)] = Field(default_factory=dict)
    modules: Texts = ()
    systemctl: Systemctl = Systemctl()
    environment: Pairs = Field(default_factory=dict)
    environment_file: Words = ""
    package_pins: Pairs = Field(default_factory=dict)
    packages: Packages = Packages()
    unpack_images: Annotated[tuple[UnpackImage, ...], BeforeValidator(_list)] = ()
    after: Annotated[tuple[Dependency, ...], BeforeValidator(_list)] = ()
    datasource: Datasource = Datasource()
    layout: Layout = Layout()
    systemd_firstboot: Pairs = Field(default_factory=dict)
    timesyncd: Pairs = Field(default_factory=dict)
    git: Git = Git()
    only_os: Words = ""
    only_os_version: Words = ""
    only_arch: Words = ""
    only_service_manager: Words = ""
    if_files: Annotated[dict[Literal["any", "all", "none"], Texts], BeforeValidator(_map)] = Field(default_factory=dict)


class Growpart(Part):
    """Which partitions grow into the space behind them."""

    mode: Words = ""
    devices: Texts = ()


class Document(Part):
    """The parts of a cloud-config that the stage runner reads; other top-level keys are the agent's or a provider's."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    users: Annotated[tuple[NamedUser, ...], BeforeValidator(_list)] = ()
    ssh_authorized_keys: Texts = ()
    write_files: Annotated[tuple[WriteFile, ...], BeforeValidator(_list)] = ()
    hostname: Words = ""
    runcmd: Texts = ()
    growpart: Growpart = Growpart()
    stages: Annotated[dict[str, Annotated[tuple[Step, ...], BeforeValidator(_list)]], BeforeValidator(_map)] = Field(
        default_factory=dict
    )
