"""Manifests, indices and descriptors of the OCI image specification as frozen data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.base.strictjson import MANIFEST_FIELDS, ForeignJsonError, read_json
from imagekit.oci.errors import MalformedError
from imagekit.oci.reference import MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST, Digest

# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests: 4 MiB are to be accepted
MANIFEST_LIMIT = 4 << 20
ENTRY_LIMIT = 1000
# Of all blobs that one manifest names, by their declared sizes: ten times the largest disk that is kept as an artifact.
BLOBS_LIMIT = 64 << 30
# Of all manifests below one index: three nested ones of 1000 entries each would name 10^9 in a few hundred KB.
TREE_LIMIT = 1000
DEPTH = 3  # an index of indices of images
_TREE_HINT = "Name the digest of the one image that is meant."
MEDIA_TYPE_EMPTY = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = (MEDIA_TYPE_MANIFEST, MEDIA_TYPE_INDEX, _DOCKER_MANIFEST, _DOCKER_INDEX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """What names content: media type, digest, size in bytes."""

    media_type: str
    digest: Digest
    size: int
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a manifest; empty optional fields are left out."""
        value: dict[str, Any] = {"mediaType": self.media_type, "digest": str(self.digest), "size": self.size}
        if self.artifact_type:
            value["artifactType"] = self.artifact_type
        if self.annotations:
            value["annotations"] = dict(self.annotations)
        return value

    @classmethod
    def of(cls, data: bytes, media_type: str, *, artifact_type: str = "") -> Descriptor:
        """Describe bytes in memory."""
        return cls(media_type=media_type, digest=Digest.of(data), size=len(data), artifact_type=artifact_type)

    @classmethod
    def from_json(cls, value: object, where: str) -> Descriptor:
        """Read a descriptor; raises `MalformedError` naming `where`."""
        fields = _mapping(value, where)
        media_type, digest, size = fields.get("mediaType"), fields.get("digest"), fields.get("size")
        if not isinstance(media_type, str) or not isinstance(digest, str):
            raise MalformedError(f"{where}: a descriptor lacks mediaType or digest")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise MalformedError(f"{where}: a descriptor has no valid size")
        annotations = fields.get("annotations") or {}
        return cls(
            media_type=media_type,
            digest=_digest(digest, where),
            size=size,
            artifact_type=str(fields.get("artifactType") or ""),
            annotations={str(key): str(item) for key, item in _mapping(annotations, where).items()},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image manifest or index, with the exact bytes that its digest names."""

    raw: bytes
    media_type: str
    blobs: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> Digest:
        """The digest of the bytes, computed now."""
        return Digest.of(self.raw)

    @property
    def descriptor(self) -> Descriptor:
        """What another manifest's `subject` would say of this one."""
        return Descriptor(
            media_type=self.media_type,
            digest=self.digest,
            size=len(self.raw),
            artifact_type=self.artifact_type,
        )

    @property
    def listed(self) -> Descriptor:
        """What a list of referrers says of this one: its artifact type (or its config's type) and its annotations.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
        """
        return replace(self.descriptor, annotations=self.annotations)


def parse_manifest(raw: bytes, where: str) -> Manifest:
    """Read a manifest or index of at most 4 MiB and 1000 entries, with blobs of at most 64 GiB.

    Raises `MalformedError` naming `where`.
    """
    if len(raw) > MANIFEST_LIMIT:
        raise MalformedError(f"{where}: {len(raw)} bytes, more than the 4 MiB a manifest may have")
    fields = _document(raw, where)
    config = fields.get("config")
    layers, children = _entries(fields, "layers", where), _entries(fields, "manifests", where)
    media_type = fields.get("mediaType") or (MEDIA_TYPE_MANIFEST if config is not None else MEDIA_TYPE_INDEX)
    if media_type not in MANIFEST_TYPES:
        raise MalformedError(f"{where}: media type {str(media_type)[:80]!r} is no image manifest or index")
    is_manifest = media_type in (MEDIA_TYPE_MANIFEST, _DOCKER_MANIFEST)
    # One document that reads as both lets two clients see two images (CVE-2021-41190).
    if (is_manifest and (config is None or "manifests" in fields)) or (not is_manifest and "layers" in fields):
        raise MalformedError(f"{where}: the fields do not fit the media type {media_type}")
    head = (Descriptor.from_json(config, where),) if config is not None else ()
    total = sum(blob.size for blob in (*head, *layers))
    if total > BLOBS_LIMIT:
        raise MalformedError(
            f"{where}: its blobs say to have more than {BLOBS_LIMIT >> 30} GiB together", hint="Do not use this image."
        )
    subject = fields.get("subject")
    return Manifest(
        raw=raw,
        media_type=str(media_type),
        blobs=(*head, *layers),
        children=children,
        subject=Descriptor.from_json(subject, where) if subject is not None else None,
        artifact_type=str(fields.get("artifactType") or (head[0].media_type if head else "")),
        annotations={str(k): str(v) for k, v in _mapping(fields.get("annotations") or {}, where).items()},
    )


def require_finite(image: Digest, count: int, depth: int) -> None:
    """Raise `MalformedError` unless a walk down an index may go on: manifests met until now, levels left."""
    if depth == 0:
        raise MalformedError(f"image {image.short}: indices are nested deeper than {DEPTH}", hint=_TREE_HINT)
    if count > TREE_LIMIT:
        raise MalformedError(f"image {image.short}: an index names more than {TREE_LIMIT} manifests", hint=_TREE_HINT)


def image_manifest(
    *,
    config: Descriptor,
    layers: tuple[Descriptor, ...],
    artifact_type: str,
    subject: Descriptor | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """Make a manifest; the same arguments give the same bytes."""
    fields: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE_MANIFEST,
        "artifactType": artifact_type,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
        "annotations": dict(sorted((annotations or {}).items())),
    }
    if subject is not None:
        fields["subject"] = Descriptor(
            media_type=subject.media_type, digest=subject.digest, size=subject.size
        ).to_json()
    return parse_manifest(json.dumps(fields, separators=(",", ":")).encode(), "a manifest made here")


def image_index(entries: tuple[Descriptor, ...]) -> Manifest:
    """Make an index of the entries, in the order given."""
    return parse_manifest(referrers_index(entries).raw, "an index made here")


def referrers_index(entries: tuple[Descriptor, ...]) -> Manifest:
    """Make an index that lists what refers to an image: it may be longer than one of images."""
    fields = {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE_INDEX,
        "manifests": [entry.to_json() for entry in entries],
    }
    raw = json.dumps(fields, separators=(",", ":")).encode()
    return Manifest(raw=raw, media_type=MEDIA_TYPE_INDEX, children=entries)


def _document(raw: bytes, where: str) -> Mapping[str, Any]:
    try:
        value = read_json(raw, where, fields=MANIFEST_FIELDS, limit=MANIFEST_LIMIT)
    except ForeignJsonError as error:
        raise MalformedError(str(error), hint=error.hint) from None
    return _mapping(value, where)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise MalformedError(f"{where}: an object was expected, found {type(value).__name__}")
    return value


def _entries(fields: Mapping[str, Any], key: str, where: str) -> tuple[Descriptor, ...]:
    values = fields.get(key)
    if values is None:
        return ()
    if not isinstance(values, list) or len(values) > ENTRY_LIMIT:
        raise MalformedError(f"{where}: {key} is no list of at most {ENTRY_LIMIT} descriptors")
    return tuple(Descriptor.from_json(value, where) for value in values)


def _digest(text: str, where: str) -> Digest:
    try:
        return Digest(text)
    except ConfigError:
        raise MalformedError(f"{where}: not a sha256 digest: {text[:80]!r}") from None
