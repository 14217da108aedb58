"""Hostile manifests are refused before anything is done with them."""

from __future__ import annotations

import json

import pytest

from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import Descriptor, image_index, image_manifest, parse_manifest
from imagekit.oci.reference import MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST

GOOD = {"mediaType": "a/b", "digest": "sha256:" + "a" * 64, "size": 3}


def manifest(**fields: object) -> bytes:
    return json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE_MANIFEST, "config": GOOD, **fields}).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[1]",
        b"\xff\xfe",
        b'{"a":' * 30_000,
        manifest(config=None),
        manifest(layers={}),
        manifest(layers=[GOOD] * 1001),
        manifest(layers=[1]),
        manifest(layers=[{**GOOD, "size": -1}]),
        manifest(layers=[{**GOOD, "size": True}]),
        manifest(layers=[{**GOOD, "size": "3"}]),
        manifest(layers=[{**GOOD, "digest": "sha256:../../etc/passwd"}]),
        manifest(layers=[{**GOOD, "digest": "md5:" + "a" * 32}]),
        manifest(manifests=[GOOD]),
        manifest(mediaType="text/html"),
        manifest(mediaType=["x"]),
        manifest(mediaType=MEDIA_TYPE_INDEX, layers=[GOOD]),
        manifest(annotations=["x"]),
        manifest(subject="x"),
        b" " * ((4 << 20) + 1),
    ],
)
def test_hostile_manifest(raw: bytes) -> None:
    with pytest.raises(MalformedError, match="the manifest"):
        parse_manifest(raw, "the manifest")


def test_index_round_trip_keeps_entries_in_order() -> None:
    entries = (Descriptor.of(b"1", MEDIA_TYPE_MANIFEST, artifact_type="x/y"), Descriptor.of(b"2", MEDIA_TYPE_MANIFEST))
    index = image_index(entries)
    assert parse_manifest(index.raw, "index").children == entries
    assert index.raw == image_index(entries).raw


@pytest.mark.parametrize(
    "twin",
    [
        b'"layers":[],"Layers":[{}]',
        b'"layers":[],"layers":[{}]',
        b'"layers":[],"LAYERS":[]',
        b'"layers":[],"\\u017fubject":{}',
    ],
    ids=["case", "twice", "upper", "long-s"],
)
def test_a_manifest_that_go_reads_otherwise_is_refused(twin: bytes) -> None:
    """D16: crane takes the last of `layers` and `Layers`, Python the one in lower case: two images under one digest."""
    raw = image_manifest(config=Descriptor.of(b"{}", "x/y"), layers=(), artifact_type="a/b").raw
    assert raw.count(b'"layers":[]') == 1
    with pytest.raises(MalformedError, match=r"letter case alone|stands twice"):
        parse_manifest(raw.replace(b'"layers":[]', twin), "the manifest of x")
