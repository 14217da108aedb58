"""A bill of materials as SPDX 2.3, the same for the same image, byte for byte.

https://spdx.github.io/spdx-spec/v2.3/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from imagekit.artifact.packagelist import Package
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import SPDX_TYPE, Statement

_ROOT = "SPDXRef-image"
_NONE = "NOASSERTION"
_OTHER = re.compile(r"[^A-Za-z0-9.-]+")


def spdx(image: Digest, packages: Sequence[Package], *, name: str, version: str, epoch: int) -> dict[str, Any]:
    """The bill of materials as SPDX 2.3; `epoch` is SOURCE_DATE_EPOCH in seconds."""
    entries = [_package(package) for package in sorted(set(packages))]
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        "documentNamespace": f"urn:imagekit:spdx:{image.hex}",
        "creationInfo": {
            "created": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: imagekit"],
        },
        "packages": [_image(image, name, version), *entries],
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", _ROOT),
            *(_relation(_ROOT, "CONTAINS", entry["SPDXID"]) for entry in entries),
        ],
    }


def spdx_statement(image: Digest, document: Mapping[str, Any], *, name: str = "") -> Statement:
    """State that an SPDX document lists what is in an image."""
    return Statement(subject=image, predicate_type=SPDX_TYPE, predicate=document, name=name)


def listed_packages(statement: Statement) -> int:
    """How many packages an SPDX statement lists beside the image itself; 0 when it is no SPDX 2 document."""
    packages = statement.predicate.get("packages")
    if not str(statement.predicate.get("spdxVersion", "")).startswith("SPDX-2.") or not isinstance(packages, list):
        return 0
    return sum(1 for each in packages if isinstance(each, dict) and each.get("SPDXID") != _ROOT)


def _image(image: Digest, name: str, version: str) -> dict[str, Any]:
    return {
        **_common(_ROOT, name, version, f"pkg:oci/{name}@{image}"),
        "primaryPackagePurpose": "CONTAINER",
        "checksums": [{"algorithm": "SHA256", "checksumValue": image.hex}],
    }


def _package(package: Package) -> dict[str, Any]:
    # An SPDXID may hold few characters, so a hash keeps two names apart that look alike without the others.
    tail = sha256(package.purl.encode()).hexdigest()[:8]
    fields = _common(f"SPDXRef-{_OTHER.sub('-', package.name)}-{tail}", package.name, package.version, package.purl)
    if package.maintainer:
        fields["supplier"] = f"Organization: {package.maintainer}"
    if package.source:
        fields["sourceInfo"] = f"built from {package.source} {package.source_version}".rstrip()
    return fields


def _common(spdx_id: str, name: str, version: str, purl: str) -> dict[str, Any]:
    return {
        "SPDXID": spdx_id,
        "name": name,
        "versionInfo": version,
        "downloadLocation": _NONE,
        "filesAnalyzed": False,
        "licenseConcluded": _NONE,
        "licenseDeclared": _NONE,
        "copyrightText": _NONE,
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
