"""JSON Schemas of the configuration files, for editors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from imagekit.config.imagesfile import ImagesFile
from imagekit.config.layerfile import LayerSpec
from imagekit.config.settings import Settings

MODELS: dict[str, type[BaseModel]] = {"images": ImagesFile, "layer": LayerSpec, "settings": Settings}


def schema(name: str, model: type[BaseModel] | None = None) -> dict[str, Any]:
    """The schema of one kind of file: images, layer, settings, or the one that `model` describes."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **(model or MODELS[name]).model_json_schema(),
        "title": f"imagekit {name} file",
    }
