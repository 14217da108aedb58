"""New projects, layers and checks, out of the templates in this folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from pathlib import Path

from imagekit import __version__
from imagekit.base.errors import ConfigError
from imagekit.base.git import git_argv, git_environment
from imagekit.base.process import run

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
# An image of `base` and a layer of its own meets the hardening suite: on Debian somebody has to judge new passwords.
_FIRST_DEBIAN = ("jq", "libpam-pwquality")
_CHECK = re.compile(r"[a-z][a-z0-9_]*")


class Origin(StrEnum):
    """What a new project's image is made from."""

    DEBIAN = "debian"
    ROCKY = "rocky"
    ALMA = "alma"
    UBI = "ubi"

    @property
    def base(self) -> str:
        """The base image; empty for Debian, which is made here from the machine's package mirror."""
        return {
            Origin.DEBIAN: "",
            Origin.ROCKY: "docker.io/rockylinux/rockylinux:9",
            Origin.ALMA: "docker.io/library/almalinux:9",
            Origin.UBI: "registry.access.redhat.com/ubi9/ubi:9.6",
        }[self]


class Forge(StrEnum):
    """Where the project's CI runs."""

    GITHUB = "github"
    GITLAB = "gitlab"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProject:
    """What a new project is to be: its folder, the name of its image and of its first layer."""

    root: Path
    origin: Origin = Origin.DEBIAN
    forge: Forge = Forge.GITHUB
    layer: str = "site"

    @property
    def image(self) -> str:
        """The name of its image."""
        return f"{self.root.name}-node"


def start_project(new: NewProject) -> list[str]:
    """Write a new project and commit it; returns the files, relative to its folder.

    Raises `ConfigError` for a name that no image may have and for a folder that has something in it already: nothing of
    anybody's is written over.
    """
    require_name(new.root.name, "project")
    require_name(new.layer, "layer")
    taken = sorted(path.name for path in new.root.iterdir() if path.name != ".git") if new.root.is_dir() else []
    if taken:
        raise ConfigError(
            f"{new.root}: there is something here already ({', '.join(taken[:3])})",
            hint="Name a folder that is empty or does not exist yet; `imagekit layer new` adds to a project.",
        )
    values = {
        "project": new.root.name,
        "image": new.image,
        "layer": new.layer,
        "version": __version__,
        "standin": not new.origin.base,
        "base": new.origin.base,
        "family": "rhel" if new.origin.base else "debian",
        "memory": 2048 if new.origin.base else 1024,
    }
    files = {
        "images/images.yaml": render("images.yaml", values),
        "cloud-config/node.yaml": render("node.yaml", values),
        "policy.yaml": (resources.files("imagekit.trust.gate") / "default.yaml").read_text("utf-8"),
        "README.md": render("readme.md", values),
        ".gitignore": "/.imagekit\n__pycache__/\n",
        **layer_files(new.layer, new.root.name, debian=_FIRST_DEBIAN, rhel=("jq",)),
        **_ci(new.forge, values),
    }
    _write(new.root, files)
    _commit(new.root)
    return sorted(files)


def new_layer(root: Path, layer: str) -> list[str]:
    """Write a layer with its check and its runbook page; returns the files. Raises `ConfigError` as `start_project`."""
    require_name(layer, "layer")
    files = layer_files(layer, root.name, debian=(), rhel=())
    _require_free(root, files)
    _write(root, files)
    return sorted(files)


def new_check(root: Path, layer: str, name: str) -> str:
    """Write a check of a layer; returns its file. Raises `ConfigError` for a name that Python would not take."""
    require_name(layer, "layer")
    if _CHECK.fullmatch(name) is None:
        raise ConfigError(
            f"{name!r} is no name for a check", hint="Small letters, digits and underscores, as in dns_is_reachable."
        )
    title = name.replace("_", " ").capitalize() + "."
    files = {
        f"vm-harness/checks/{layer}/test_{name}.py": render(
            "single-check.py", {"layer": layer, "name": name, "title": title}
        )
    }
    _require_free(root, files)
    _write(root, files)
    return next(iter(files))


def layer_files(layer: str, project: str, *, debian: Sequence[str], rhel: Sequence[str]) -> dict[str, str]:
    """The files of a new layer by their paths."""
    values = {
        "layer": layer,
        "project": project,
        "packages": {"debian": debian, "rhel": rhel},
        "description": f"What {project} adds to every node as layer {layer}.",
    }
    return {
        f"images/{layer}/layer.yaml": render("layer.yaml", values),
        f"images/{layer}/Dockerfile": render("Dockerfile", values),
        f"images/{layer}/files/usr/share/{layer}/README": render("readme-file", values),
        f"vm-harness/checks/{layer}/test_{layer.replace('-', '_')}.py": render("check.py", values),
        f"docs/runbook/{layer}.md": render("runbook.md", values),
    }


def require_name(name: str, what: str) -> None:
    """Raise `ConfigError` for a name that no image, layer or repository may have."""
    if _NAME.fullmatch(name) is None or len(name) > 40:
        raise ConfigError(
            f"{name!r} is no name for a {what}",
            hint="Small letters, digits and single dashes, at most 40, as in edge-node.",
        )


def render(template: str, values: Mapping[str, object]) -> str:
    """A template of this folder with its values; a value that is missing is an error."""
    from jinja2 import Environment, StrictUndefined

    source = (resources.files(__package__) / f"{template}.j2").read_text("utf-8")
    engine = Environment(  # what is made is YAML, Python and Markdown, not HTML
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    return engine.from_string(source).render(values)


def _ci(forge: Forge, values: Mapping[str, object]) -> dict[str, str]:
    match forge:
        case Forge.GITHUB:
            return {".github/workflows/images.yml": render("github.yml", values)}
        case Forge.GITLAB:
            return {".gitlab-ci.yml": render("gitlab.yml", values)}
        case Forge.NONE:
            return {}


def _require_free(root: Path, files: Mapping[str, str]) -> None:
    taken = [name for name in files if (root / name).exists()]
    if taken:
        raise ConfigError(f"{root / taken[0]}: is there already", hint="Choose another name; nothing was written.")


def _write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _commit(root: Path) -> None:
    """Versions come from git, so a project begins with a commit; by its user where git knows one."""
    if not (root / ".git").exists():
        _git(root, "init", "-q", "-b", "main")
    known = _git(root, "config", "user.email", ok=(0, 1)).strip()
    who = [] if known else ["-c", "user.name=imagekit", "-c", "user.email=imagekit@localhost"]
    _git(root, "add", "-A")
    _git(root, *who, "commit", "-q", "-m", "images: a first image, made by imagekit init")


def _git(root: Path, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
    """git without the hooks and the signing that its user has set for commits of his own."""
    return run(git_argv(*arguments), timeout=20, cwd=root, env=git_environment(), ok=ok).stdout
