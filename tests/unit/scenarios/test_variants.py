"""Variants: the same image with one more layer, proven by the reader of images that everything else uses."""

from __future__ import annotations

import io
import shlex
import tarfile
from pathlib import Path

import pytest

from imagekit.oci.flatten import flatten
from imagekit.oci.layout import Compression, small_json
from imagekit.oci.reference import Digest
from imagekit.scenarios.variants import (
    HANG_SAYS,
    MARKER,
    SUMS,
    append_layer,
    content_sums,
    failing,
    good,
    hanging,
    panicking,
    version_in,
    with_version,
)
from tests.support.layout import layer, layout, member
from tests.unit.scenarios.images import with_config

RELEASE = 'KAIROS_NAME="kairos"\nKAIROS_RELEASE="v1.0.0"\nKAIROS_VERSION="v1.0.0"\n'


@pytest.fixture
def image(tmp_path: Path) -> tuple[Path, Digest]:
    tars = [
        layer(
            member("etc/kairos-release", RELEASE.encode()), member("usr/bin/tool", b"tool"), member("boot/initrd", b"i")
        ),
        layer(member("usr/bin/tool", b"better tool"), member("usr/local/own", b"x"), member("var/log/x", b"x")),
    ]
    folder = tmp_path / "oci"
    digest = layout(folder, tars, Compression.ZSTD)
    return folder, with_config(folder, digest)


def files(folder: Path, digest: Digest) -> dict[str, bytes]:
    stream = io.BytesIO()
    flatten(folder, digest, stream)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as archive:
        return {
            one.name: (archive.extractfile(one) or io.BytesIO()).read() if one.isfile() else one.linkname.encode()
            for one in archive
            if not one.isdir()
        }


def test_a_good_variant_differs_in_marker_and_version_alone(tmp_path: Path, image: tuple[Path, Digest]) -> None:
    made = append_layer(*image, tmp_path / "out", good("next"), name="next", version="v1.0.0+next.1")
    before, after = files(*image), files(made.layout, made.digest)
    assert after.pop(MARKER.lstrip("/")) == b"next\n"
    assert version_in(after.pop("etc/kairos-release").decode()) == "v1.0.0+next.1"
    del before["etc/kairos-release"]
    assert after == before


def test_the_same_again_has_the_same_digest(tmp_path: Path, image: tuple[Path, Digest]) -> None:
    digests = {
        append_layer(*image, tmp_path / where, good("a"), name="a", version=version).digest
        for where, version in (("one", "v2"), ("two", "v2"), ("three", "v3"))
    }
    assert len(digests) == 2


def test_the_config_names_every_layer(tmp_path: Path, image: tuple[Path, Digest]) -> None:
    made = append_layer(*image, tmp_path / "out", good("a"), name="a", version="v2")
    manifest = small_json(made.layout, made.digest)
    config = small_json(made.layout, Digest(manifest["config"]["digest"]))
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 3
    assert config["rootfs"]["diff_ids"][-1] == manifest["layers"][-1]["digest"]


def test_bad_variants_break_what_they_say(tmp_path: Path, image: tuple[Path, Digest]) -> None:
    def of(kind: str, made: object) -> dict[str, bytes]:
        variant = append_layer(*image, tmp_path / kind, made, name=kind, version="v2")  # type: ignore[arg-type]
        return files(variant.layout, variant.digest)

    assert of("panic", panicking("panic"))["boot/initrd"].startswith(b"not an initrd")
    hang = of("hang", hanging("hang"))
    assert HANG_SAYS.encode() in hang["usr/lib/systemd/system/imagekit-hang.service"]
    assert hang["usr/lib/systemd/system/sysinit.target.wants/imagekit-hang.service"] == b"../imagekit-hang.service"
    unit = of("fail", failing("fail"))["usr/lib/systemd/system/imagekit-fail.service"].decode()
    assert "FailureAction=reboot-force" in unit.split("[Service]")[0]
    for text in (unit, hang["usr/lib/systemd/system/imagekit-hang.service"].decode()):
        [line] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
        assert shlex.split(line.removeprefix("ExecStart="))[:2] == ["/bin/sh", "-c"]
        assert len(shlex.split(line)) == 3


def test_sums_name_what_no_node_changes(image: tuple[Path, Digest]) -> None:
    import hashlib

    made = content_sums(*image)
    assert made.path == SUMS
    lines = {line.split("  ")[1]: line.split("  ")[0] for line in made.data.decode().splitlines()}
    assert set(lines) == {"usr/bin/tool", "boot/initrd"}
    assert lines["usr/bin/tool"] == hashlib.md5(b"better tool", usedforsecurity=False).hexdigest()


def test_versions_in_release_files() -> None:
    text = with_version(RELEASE, "v2")
    assert version_in(text) == "v2"
    assert text.count("v2") == 2
    assert version_in("KAIROS_VERSION=v3\n") == "v3"
    assert version_in("nothing") == ""
