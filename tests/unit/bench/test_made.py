"""Made images and the process that pushes one, against the registry simulator."""

from __future__ import annotations

from pathlib import Path

from imagekit.bench.madelayout import large_blob, made_image
from imagekit.bench.push import pushed
from imagekit.bench.reference import PACKAGES, arguments
from imagekit.oci.reference import Digest
from imagekit.registry.layout import layout_manifest
from tests.support.registry import simulated_registry


def test_two_made_images_share_the_bottom_layer_alone(tmp_path: Path) -> None:
    bottom = large_blob(tmp_path, (1 << 20) + 5)
    first, second = (made_image(tmp_path, bottom, seed, 1000) for seed in (1, 2))
    blobs = [{blob.digest for blob in layout_manifest(tmp_path, image.manifest).blobs} for image in (first, second)]
    assert blobs[0] & blobs[1] == {bottom.digest}
    new = [tmp_path / "blobs" / "sha256" / digest.hex for digest in blobs[1] - blobs[0]]
    assert sum(path.stat().st_size for path in new) == second.new_bytes


def test_a_made_blob_is_what_its_digest_says(tmp_path: Path) -> None:
    blob = large_blob(tmp_path, (1 << 20) + 5)
    path = tmp_path / "blobs" / "sha256" / blob.digest.hex
    assert path.stat().st_size == blob.size
    assert Digest.of_file(path) == blob.digest


def test_the_reference_is_made_from_the_mirror_that_is_given(tmp_path: Path) -> None:
    argv = [str(part) for part in arguments(tmp_path, ["deb http://mirror.example trixie main"])]
    assert argv[-1] == "deb http://mirror.example trixie main"
    assert f"--include={','.join(PACKAGES)}" in argv


def test_a_second_push_sends_only_what_is_new(tmp_path: Path) -> None:
    bottom = large_blob(tmp_path, 1 << 20)
    images = [made_image(tmp_path, bottom, seed, 1000) for seed in (1, 2)]
    with simulated_registry() as registry:
        counts = [pushed(tmp_path, image.manifest, registry.address) for image in images]
    assert counts[0]["sent"] == images[0].new_bytes + bottom.size
    assert counts[1]["sent"] == images[1].new_bytes
    assert 0 < counts[0]["idle"] <= counts[0]["peak"]
