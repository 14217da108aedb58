"""What the image's layers declare, for check files that hold the node against it; read in the checks' process only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagekit.base.errors import ConfigError
from imagekit.checks.session import SESSION_VARIABLE, Session
from imagekit.config.engine import located
from imagekit.config.yamlfile import read_yaml

if TYPE_CHECKING:
    from imagekit.checks.facts import Listener as Open
    from imagekit.checks.hardening.model import Inventory
    from imagekit.checks.profile import Question
    from imagekit.checks.scap.model import Evaluation
    from imagekit.config.authorities import Authority
    from imagekit.config.jointoken import Role
    from imagekit.config.layerfile import LayerSpec, WaivedControl
    from imagekit.config.layerfile import Listener as Declared

_LOOPBACK = ("127.", "[::1]", "::1", "[::ffff:127.")


@cache
def session() -> Session:
    """The session of this process."""
    return Session.read(Path(os.environ[SESSION_VARIABLE]))


def layer_folder(name: str) -> Path:
    """The folder of a layer: the project's below images/, or imagekit's."""
    return located(Path(session().images_root).parent, f"images/{name}")


def layers() -> tuple[str, ...]:
    """The layers of the image, those above after those below; a suite's checks may be of none of them."""
    return session().image_layers or session().layers


@cache
def layer(name: str) -> LayerSpec:
    """The layer.yaml of a layer; raises `imagekit.base.errors.ConfigError` when it cannot be read."""
    from imagekit.config.layerfile import LayerSpec

    return LayerSpec.model_validate_json(json.dumps(read_yaml(layer_folder(name) / "layer.yaml").data))


def packages(name: str) -> tuple[str, ...]:
    """The packages of a layer that must be installed on this family, without those that a layer above takes back."""
    from imagekit.config.model import Family

    every = layers()
    above = every[every.index(name) + 1 :] if name in every else ()
    taken = {package for each in above for package in layer(each).replaces.packages}
    return tuple(each for each in layer(name).expected_packages(Family(session().family)) if each not in taken)


def drivers(name: str) -> tuple[str, ...]:
    """The drivers of a layer that must be in the initrd on this family."""
    from imagekit.config.model import Family

    return layer(name).expected_drivers(Family(session().family))


def authorities(name: str) -> tuple[Authority, ...]:
    """The certificates a layer declares as authorities of the node, by the rule of `imagekit.config.authorities`."""
    from imagekit.config.authorities import read_authorities

    return read_authorities(layer_folder(name), layer(name).present.certificates)


@cache
def profile() -> tuple[Question, ...]:
    """What the image's own cloud-config promises of the node; raises `imagekit.base.errors.ConfigError`."""
    from imagekit.checks.profile import questions
    from imagekit.config.cloudstep import Document
    from imagekit.config.merge import merged_cloud_config

    data = merged_cloud_config(Path(name) for name in session().profile)
    return questions(Document.model_validate(data), data)


def k0s_role() -> Role | None:
    """The role of k0s that the node's cloud-config gives it."""
    from imagekit.checks.role import role_of

    return role_of(session().profile, session().boot_path)


def k0s_section(role: Role) -> Mapping[str, Any]:
    """What the node's cloud-config says of a role of k0s."""
    from imagekit.checks.role import section_of

    return section_of(session().profile, role)


@cache
def written() -> frozenset[str]:
    """The paths of the files that the node's cloud-config writes."""
    from imagekit.config.cloudconfig import read_cloud_config
    from imagekit.config.written import written_files

    sources = (read_cloud_config(Path(name)).source for name in session().profile)
    return frozenset(str(file.get("path")) for source in sources for _, file in written_files(source))


def state(name: str) -> tuple[str, ...]:
    """The directories that a layer declares to last over reboots and upgrades."""
    return layer(name).state


def listens() -> tuple[Declared, ...]:
    """What the layers of this image declare as open on this boot path."""
    every = (each for name in layers() for each in layer(name).listens)
    return tuple(each for each in every if not each.only_on or session().boot_path in each.only_on)


def inventory(opened: Iterable[Open]) -> Inventory:
    """What all layers of this image declare for the hardening suite; `opened` are the sockets of the node."""
    from imagekit.checks.hardening.model import Inventory

    each = [layer(name).hardening for name in layers()]
    return Inventory(
        setuid=frozenset(path for one in each for path in one.setuid),
        capabilities={path: names for one in each for path, names in one.capabilities.items()},
        world_writable=frozenset(path for one in each for path in one.world_writable),
        undeclared_listeners=tuple(undeclared(opened, listens())),
    )


def waived() -> Mapping[str, WaivedControl]:
    """The hardening controls that some layer of this image waives, by id; of several waivers the last layer's.

    Raises `imagekit.base.errors.ConfigError` for a control that does not exist: it would waive a typing mistake.
    """
    from imagekit.checks.hardening.catalogue import CONTROLS

    known = {each.id for each in CONTROLS}
    every = (each for name in layers() for each in layer(name).hardening.waived)
    found = {each.control: each for each in every if not each.is_rule}
    for name in found:
        if name not in known:
            raise ConfigError(f"layer.yaml waives {name}, and there is no such control", hint="See docs/hardening.md.")
    return found


def scanned() -> Evaluation | None:
    """What OpenSCAP found on the node; None where it was not scanned, as when checks are only collected."""
    from imagekit.checks.scap.model import Evaluation

    return Evaluation.read(Path(session().scap)) if session().scap else None


def undeclared(opened: Iterable[Open], declared: Iterable[Declared]) -> list[Open]:
    """Sockets that the network can reach, and that nobody declared: other port, protocol or program."""
    wanted = [(each.protocol, each.port, f'"{each.program}"') for each in declared]
    return [
        entry
        for entry in opened
        if not entry.address.startswith(_LOOPBACK)
        and not any((entry.protocol, entry.port) == (kind, port) and by in entry.holders for kind, port, by in wanted)
    ]


def sysctl_files(name: str) -> tuple[Path, ...]:
    """The sysctl.d files a layer brings."""
    return tuple(sorted((layer_folder(name) / "files/etc/sysctl.d").glob("*.conf")))


def sysctl_settings(path: Path) -> dict[str, str]:
    """Key and value of each line of a sysctl.d file (sysctl.d(5)); a leading dash means that failure is ignored."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#;-")
    return {key.strip().replace("/", "."): " ".join(value.split()) for key, _, value in pairs}
