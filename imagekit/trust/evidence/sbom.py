"""A CycloneDX bill of materials that is the same for the same image, byte for byte.

https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from imagekit.artifact.packagelist import Package
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import CYCLONEDX_TYPE, Statement

# A namespace of our own, so that the serial number follows from the image digest alone.
_NAMESPACE = uuid.UUID("6f1d3c52-1f0c-5f0e-9c57-6d2a4f0b7a11")


def cyclonedx(image: Digest, packages: Sequence[Package], *, name: str, version: str, epoch: int) -> dict[str, Any]:
    """The bill of materials as CycloneDX 1.6; `epoch` is SOURCE_DATE_EPOCH in seconds."""
    root = f"pkg:oci/{name}@{image}"
    components = [_component(package) for package in sorted(set(packages))]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": uuid.uuid5(_NAMESPACE, str(image)).urn,
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "imagekit"}]},
            "component": {
                "type": "container",
                "bom-ref": root,
                "name": name,
                "version": version,
                "hashes": [{"alg": "SHA-256", "content": image.hex}],
            },
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [component["bom-ref"] for component in components]}],
    }


def sbom_statement(image: Digest, document: Mapping[str, Any], *, name: str = "") -> Statement:
    """State that a CycloneDX document lists what is in an image."""
    return Statement(subject=image, predicate_type=CYCLONEDX_TYPE, predicate=document, name=name)


def listed_components(statement: Statement) -> int:
    """How many components a CycloneDX statement lists; 0 when it is no CycloneDX document."""
    components = statement.predicate.get("components")
    if statement.predicate.get("bomFormat") != "CycloneDX" or not isinstance(components, list):
        return 0
    return sum(1 for each in components if isinstance(each, dict) and each.get("name"))


def _component(package: Package) -> dict[str, Any]:
    properties = [{"name": "imagekit:source", "value": package.source}] if package.source else []
    if package.source_version:
        properties.append({"name": "imagekit:source-version", "value": package.source_version})
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
    }
    if package.maintainer:
        component["supplier"] = {"name": package.maintainer}
    if properties:
        component["properties"] = properties
    return component
