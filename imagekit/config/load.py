"""YAML files to specs; an error names file, line, key, the allowed values and the likely intention."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from imagekit.base.errors import ConfigError
from imagekit.config.engine import HARNESS, engine_root, located
from imagekit.config.explain import parsed, suggestion
from imagekit.config.imagesfile import ImagesFile, ImageSpec, LockFile
from imagekit.config.layerfile import LayerSpec
from imagekit.config.model import Firmware
from imagekit.config.settings import Settings
from imagekit.config.yamlfile import YamlFile, parse_yaml, read_yaml

M = TypeVar("M", bound=BaseModel)
IMAGES_FILE = Path("images/images.yaml")
LOCK_FILE = Path("images/images.lock")
SETTINGS_FILE = Path("imagekit.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything that was declared, and where the project's folder is."""

    root: Path
    images: dict[str, ImageSpec]
    layers: dict[str, LayerSpec]
    settings: Settings
    lock: LockFile = field(default_factory=LockFile)
    locked: bool = False  # whether images are made of what images/locks names and of nothing else

    @property
    def work(self) -> Path:
        """The folder that holds everything imagekit makes."""
        return self.root / ".imagekit"

    @property
    def harness(self) -> Path:
        """What machines are started and checked with."""
        return located(self.root, HARNESS)

    def located(self, relative: str) -> Path:
        """The folder of this name, see `imagekit.config.engine.located`."""
        return located(self.root, relative)

    @property
    def registry(self) -> str:
        """``host:port`` of the registry that is published to: imagekit.yaml's, else that of the embedded one."""
        from imagekit.services.home import home

        return self.settings.registry or home(self.work).address

    def image(self, name: str) -> ImageSpec:
        """The image of that name; raise `ConfigError` with the known names."""
        if name not in self.images:
            raise ConfigError(
                f"{IMAGES_FILE}: no image named {name!r}",
                hint=suggestion(name, self.images) or f"Images here: {', '.join(sorted(self.images))}.",
            )
        return self.images[name]

    def state_of(self, image: ImageSpec) -> tuple[str, ...]:
        """The directories that the layers of an image declare to last, each once, parents first."""
        return tuple(sorted({path for layer in image.layers for path in self.layers[layer].state}))

    def with_machine(self, name: str, firmware: Firmware, *, tpm: bool) -> Project:
        """The same project, with another firmware for the machine that an image is tested on."""
        image = self.image(name)
        vm = image.vm.model_copy(update={"firmware": firmware, "tpm": tpm})
        return replace(self, images={**self.images, name: image.model_copy(update={"vm": vm})})


def load_project(root: Path) -> Project:
    """Read images/images.yaml, every layer.yaml that an image names, images/images.lock and imagekit.yaml."""
    images_source = read_yaml(root / IMAGES_FILE)
    images = parsed(ImagesFile, images_source).images
    settings_path = root / SETTINGS_FILE
    settings = parsed(Settings, read_yaml(settings_path)) if settings_path.exists() else Settings()
    lock_path = root / LOCK_FILE
    lock = parsed(LockFile, read_yaml(lock_path)) if lock_path.exists() else LockFile()
    layers: dict[str, LayerSpec] = {}
    read: set[Path] = set()
    for image_name, image in images.items():
        for index, layer in enumerate(image.layers):
            if layer not in layers:
                where = images_source.line(("images", image_name, "layers", index))
                layers[layer] = _load_layer(root, layer, f"{images_source.path}:{where}")
        _check_cloud_config(root, image_name, image, images_source, read)
    return Project(root=root, images=images, layers=layers, settings=settings, lock=lock)


def parse_file(model: type[M], path: Path) -> M:
    """Read and check one YAML file against a model; raise `ConfigError` with file, line and key."""
    return parsed(model, read_yaml(path))


def parse_text(model: type[M], text: str, path: Path) -> M:
    """As `parse_file` for text that is not in a file here; `path` is what errors name."""
    return parsed(model, parse_yaml(text, path))


def _load_layer(root: Path, name: str, named_at: str) -> LayerSpec:
    folder = located(root, f"images/{name}")
    path = folder / "layer.yaml"
    if not path.exists():
        bases = {root / "images", engine_root() / "images"}
        there = sorted({file.parent.name for base in bases for file in base.glob("*/layer.yaml")})
        raise ConfigError(
            f"{named_at}: layer {name!r} has no images/{name}/layer.yaml",
            hint=suggestion(name, there) or f"Layers here and in imagekit: {', '.join(there)}.",
        )
    source = read_yaml(path)
    spec = parsed(LayerSpec, source)
    if spec.name != name:
        raise ConfigError(
            f"{path}:{source.line(('name',))}: name: {spec.name!r} in the folder {name!r}",
            hint="A layer's name is its folder's name.",
        )
    if not (folder / "Dockerfile").exists():
        raise ConfigError(f"{folder}: no Dockerfile", hint="A layer is a folder with Dockerfile and layer.yaml.")
    if (folder / "setup.sh").exists() and "setup.sh" not in (folder / "Dockerfile").read_text(errors="replace"):
        raise ConfigError(
            f"{folder}/setup.sh: nothing runs it: the Dockerfile beside it does not name it",
            hint='In a RUN with `--mount=type=bind,dst=/media`: sh -eu /media/setup.sh "${FAMILY}" (docs/layers.md).',
        )
    return spec


def _check_cloud_config(root: Path, name: str, image: ImageSpec, source: YamlFile, read: set[Path]) -> None:
    """Check the files that an image names, but for those in `read`, which another image named before."""
    from imagekit.config.cloudconfig import read_cloud_config

    for index, path in enumerate(image.cloud_config):
        if not (root / path).exists():
            line = source.line(("images", name, "cloud_config", index))
            raise ConfigError(
                f"{source.path}:{line}: cloud_config: no file {path}",
                hint="Paths start at the project's folder.",
            )
        if root / path not in read:
            read_cloud_config(root / path)
            read.add(root / path)
