"""The packages of a CycloneDX document that `imagekit.trust.evidence.sbom` made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from imagekit.artifact.packagelist import Package
from imagekit.cve.errors import AdvisoryError

_PURL = re.compile(r"pkg:(?P<kind>deb|rpm)/(?P<vendor>[^/@?]+)/(?P<name>[^/@?]+)@(?P<version>[^?]+)(?:\?(?P<more>.*))?")


def packages_of_sbom(document: Mapping[str, Any]) -> tuple[Package, ...]:
    """The distribution's packages; raises `AdvisoryError` for a document that lists none."""
    components = document.get("components")
    if document.get("bomFormat") != "CycloneDX" or not isinstance(components, list):
        raise AdvisoryError("no CycloneDX document", hint="imagekit attaches one to every published image.")
    found = [package for each in components if isinstance(each, dict) and (package := _package(each)) is not None]
    if not found:
        raise AdvisoryError("the bill of materials lists no package of a distribution")
    return tuple(found)


def _package(component: Mapping[str, Any]) -> Package | None:
    parts = _PURL.fullmatch(str(component.get("purl", "")))
    if parts is None:
        return None
    more = {key: values[0] for key, values in parse_qs(parts["more"] or "").items()}
    properties = component.get("properties")
    own = {
        str(each.get("name")): str(each.get("value"))
        for each in (properties if isinstance(properties, list) else ())
        if isinstance(each, dict)
    }
    version = unquote(parts["version"])
    return Package(
        name=unquote(parts["name"]),
        version=f"{more['epoch']}:{version}" if "epoch" in more else version,
        arch=more.get("arch", ""),
        kind=parts["kind"],
        source=own.get("imagekit:source", ""),
        source_version=own.get("imagekit:source-version", ""),
        distro=more.get("distro", ""),
    )
