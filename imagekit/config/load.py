"""YAML files to specs; an error names file, line, key, the allowed values and the likely intention."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from imagekit.base.errors import ConfigError
from imagekit.config.engine import HARNESS, engine_root, located
from imagekit.config.model import Firmware, ImagesFile, ImageSpec, LayerSpec, LockFile, Settings
from imagekit.config.yamlfile import Key, YamlFile, parse_yaml, read_yaml

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

    def image(self, name: str) -> ImageSpec:
        """The image of that name; raise `ConfigError` with the known names."""
        if name not in self.images:
            raise ConfigError(
                f"{IMAGES_FILE}: no image named {name!r}",
                hint=_suggest(name, self.images) or f"Images here: {', '.join(sorted(self.images))}.",
            )
        return self.images[name]

    def with_machine(self, name: str, firmware: Firmware, *, tpm: bool) -> Project:
        """The same project, with another firmware for the machine that an image is tested on."""
        image = self.image(name)
        vm = image.vm.model_copy(update={"firmware": firmware, "tpm": tpm})
        return replace(self, images={**self.images, name: image.model_copy(update={"vm": vm})})


def load_project(root: Path) -> Project:
    """Read images/images.yaml, every layer.yaml that an image names, images/images.lock and imagekit.yaml."""
    images_source = read_yaml(root / IMAGES_FILE)
    images = _parse(ImagesFile, images_source).images
    settings_path = root / SETTINGS_FILE
    settings = _parse(Settings, read_yaml(settings_path)) if settings_path.exists() else Settings()
    lock_path = root / LOCK_FILE
    lock = _parse(LockFile, read_yaml(lock_path)) if lock_path.exists() else LockFile()
    layers: dict[str, LayerSpec] = {}
    for image_name, image in images.items():
        for index, layer in enumerate(image.layers):
            if layer not in layers:
                where = images_source.line(("images", image_name, "layers", index))
                layers[layer] = _load_layer(root, layer, f"{images_source.path}:{where}")
        _check_cloud_config(root, image_name, image, images_source)
    return Project(root=root, images=images, layers=layers, settings=settings, lock=lock)


def parse_file(model: type[M], path: Path) -> M:
    """Read and check one YAML file against a model; raise `ConfigError` with file, line and key."""
    return _parse(model, read_yaml(path))


def parse_text(model: type[M], text: str, path: Path) -> M:
    """As `parse_file` for text that is not in a file here; `path` is what errors name."""
    return _parse(model, parse_yaml(text, path))


def _load_layer(root: Path, name: str, named_at: str) -> LayerSpec:
    folder = located(root, f"images/{name}")
    path = folder / "layer.yaml"
    if not path.exists():
        bases = {root / "images", engine_root() / "images"}
        there = sorted({file.parent.name for base in bases for file in base.glob("*/layer.yaml")})
        raise ConfigError(
            f"{named_at}: layer {name!r} has no images/{name}/layer.yaml",
            hint=_suggest(name, there) or f"Layers here and in imagekit: {', '.join(there)}.",
        )
    source = read_yaml(path)
    spec = _parse(LayerSpec, source)
    if spec.name != name:
        raise ConfigError(
            f"{path}:{source.line(('name',))}: name: {spec.name!r} in the folder {name!r}",
            hint="A layer's name is its folder's name.",
        )
    if not (folder / "Dockerfile").exists():
        raise ConfigError(f"{folder}: no Dockerfile", hint="A layer is a folder with Dockerfile and layer.yaml.")
    return spec


def _check_cloud_config(root: Path, name: str, image: ImageSpec, source: YamlFile) -> None:
    from imagekit.config.cloudconfig import read_cloud_config

    for index, path in enumerate(image.cloud_config):
        if not (root / path).exists():
            line = source.line(("images", name, "cloud_config", index))
            raise ConfigError(
                f"{source.path}:{line}: cloud_config: no file {path}",
                hint="Paths start at the project's folder.",
            )
        read_cloud_config(root / path)


def _parse(model: type[M], source: YamlFile) -> M:
    if not isinstance(source.data, dict):
        raise ConfigError(f"{source.path}:1: the file must be a mapping", hint="It starts with: version: 1")
    try:
        # Through JSON rules, so that lists become tuples and words become enums while types stay strict.
        return model.model_validate_json(_json(source.data))
    except ValidationError as error:
        details = sorted(error.errors(), key=lambda detail: _rank(model, source, detail))
        raise ConfigError(_explain(model, source, details[0])) from None


def _json(data: Any) -> str:
    import json

    return json.dumps(data)


def _rank(model: type[BaseModel], source: YamlFile, detail: ErrorDetails) -> int:
    """A misspelt key is reported as unknown and as missing, a choice of two forms by each: the best comes first."""
    if detail["type"] != "extra_forbidden":
        return 2 if detail["type"] == "missing" else 1
    key = _real_key(source.data, detail["loc"])
    return 3 if str(key[-1]) in _allowed(model, key[:-1]) else 0


def _explain(model: type[BaseModel], source: YamlFile, detail: ErrorDetails) -> str:
    key = _real_key(source.data, detail["loc"])
    dotted = ".".join(str(part) for part in key) or "(file)"
    where = f"{source.path}:{source.line(key)}: {dotted}: "
    if detail["type"] == "extra_forbidden":
        allowed = _allowed(model, key[:-1])
        close = _suggest(str(key[-1]), allowed)
        return f"{where}unknown key; allowed here: {', '.join(allowed)}. {close}".rstrip()
    if detail["type"] == "missing":
        return f"{where}required key is missing"
    message = detail["msg"].removeprefix("Value error, ")
    given = detail["input"]
    shown = "" if isinstance(given, dict | list) else f" (got {given!r})"
    close = _suggest(str(given), _words(message)) if detail["type"] in ("enum", "literal_error") else ""
    return f"{where}{message}{shown}. {close}".rstrip()


def _words(message: str) -> list[str]:
    return message.replace(" or ", ",").replace("'", " ").replace(",", " ").split()


def _real_key(data: Any, loc: tuple[str | int, ...]) -> Key:
    """Drop the names of union members that pydantic puts into a location."""
    key: list[str | int] = []
    here = data
    for index, part in enumerate(loc):
        if _has(here, part):
            here = here[part]
        elif index < len(loc) - 1 or not isinstance(here, dict | list):
            continue
        else:
            here = None
        key.append(part)
    return tuple(key)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, list):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, dict) and part in data


def _allowed(model: type[BaseModel], key: Key) -> list[str]:
    """The keys that a mapping at `key` may have."""
    models: list[type[BaseModel]] = [model]
    for part in key:
        models = [found for each in models for found in _children(each, part)] or models
    return sorted({name for each in models for name in each.model_fields})


def _children(model: type[BaseModel], part: str | int) -> list[type[BaseModel]]:
    field = model.model_fields.get(str(part))
    return _models_in(field.annotation) if field is not None else []


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models_in(part)]


def _suggest(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else ""
