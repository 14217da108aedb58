"""What the image's layers declare, for check files that hold the node against it; read in the checks' process only."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.checks.session import SESSION_VARIABLE, Session
from imagekit.config.engine import located
from imagekit.config.yamlfile import read_yaml

if TYPE_CHECKING:
    from imagekit.checks.profile import Question
    from imagekit.config.authorities import Authority
    from imagekit.config.model import LayerSpec


@cache
def session() -> Session:
    """The session of this process."""
    return Session.read(Path(os.environ[SESSION_VARIABLE]))


def layer_folder(name: str) -> Path:
    """The folder of a layer: the project's below images/, or imagekit's."""
    return located(Path(session().images_root).parent, f"images/{name}")


@cache
def layer(name: str) -> LayerSpec:
    """The layer.yaml of a layer; raises `imagekit.base.errors.ConfigError` when it cannot be read."""
    from imagekit.config.model import LayerSpec

    return LayerSpec.model_validate_json(json.dumps(read_yaml(layer_folder(name) / "layer.yaml").data))


def packages(name: str) -> tuple[str, ...]:
    """The packages of a layer that must be installed on this family."""
    from imagekit.config.model import Family

    return layer(name).expected_packages(Family(session().family))


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


def state(name: str) -> tuple[str, ...]:
    """The directories that a layer declares to last over reboots and upgrades."""
    return layer(name).state


def sysctl_files(name: str) -> tuple[Path, ...]:
    """The sysctl.d files a layer brings."""
    return tuple(sorted((layer_folder(name) / "files/etc/sysctl.d").glob("*.conf")))


def sysctl_settings(path: Path) -> dict[str, str]:
    """Key and value of each line of a sysctl.d file (sysctl.d(5)); a leading dash means that failure is ignored."""
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and line[0] not in "#;-")
    return {key.strip().replace("/", "."): " ".join(value.split()) for key, _, value in pairs}
