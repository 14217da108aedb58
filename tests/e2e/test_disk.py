"""Disks of a published node: the same bytes by name and by reference, pushed beside the image, booted."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import list_referrers
from imagekit.release.diskartifact import IMAGE as IMAGE_ANNOTATION
from imagekit.services.registry import registry as embedded_registry
from tests.e2e.conftest import Clone

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online]
IMAGE = "debian-node"


@pytest.fixture(scope="module")
def published(clone: Clone) -> Reference:
    """The image, published by a run; nothing is done again when it was."""
    done = clone.imagekit("run", IMAGE)
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    digest = Digest(clone.imagekit("build", IMAGE).stdout.strip())
    return Reference(clone.registry, f"imagekit/{IMAGE}", None, digest)


def written(clone: Clone, what: str, form: str, target: Path, *more: str) -> str:
    """The SHA-256 of a disk that was written just now."""
    done = clone.imagekit("disk", what, "--format", form, "--output", str(target), *more)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    run(["sha256sum", "--check", "--strict", f"{target.name}.sha256"], timeout=120, cwd=target.parent)
    return target.with_name(f"{target.name}.sha256").read_text().split()[0]


def test_name_and_reference_give_the_same_bytes(clone: Clone, published: Reference, tmp_path: Path) -> None:
    (tmp_path / "another folder").mkdir()
    by_name = written(clone, IMAGE, "raw", tmp_path / "one.raw")
    by_reference = written(clone, str(published), "raw", tmp_path / "another folder" / "other.raw")
    assert by_name == by_reference


@pytest.mark.parametrize("form", ["qcow2", "iso"])
def test_a_pushed_disk_is_found_beside_its_image(clone: Clone, published: Reference, tmp_path: Path, form: str) -> None:
    digest = written(clone, IMAGE, form, tmp_path / f"node.{form}", "--push")
    assert published.digest is not None
    with embedded_registry(clone.work, clone.registry), Registry(clone.registry) as client:
        listed = list_referrers(client, published.repository, published.digest)
        disks = [client.manifest(published.repository, entry.digest) for entry in listed]
    (found,) = [one for one in disks if one.blobs[-1].media_type == f"application/vnd.imagekit.disk.{form}"]
    assert found.annotations[IMAGE_ANNOTATION] == str(published.digest)
    assert found.blobs[-1].digest == Digest(f"sha256:{digest}")
    verified = clone.imagekit("verify", str(published))
    assert verified.returncode == 0, verified.stdout + verified.stderr[-2000:]


# UEFI with Secure Boot is also what tests/integration/vm/test_secureboot.py starts at every change.
_UEFI = [pytest.param(name, marks=pytest.mark.nightly(minutes=2)) for name in ("uefi", "uefi-secure")]


@pytest.mark.parametrize("firmware", ["bios", *_UEFI])
def test_the_disk_boots_to_the_active_image(clone: Clone, published: Reference, firmware: str) -> None:
    asked = "cat /run/cos/active_mode && kairos-agent state get boot"
    done = clone.imagekit("shell", IMAGE, "--boot", "installed", "--firmware", firmware, "--", asked)
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    assert "active_boot" in done.stdout
