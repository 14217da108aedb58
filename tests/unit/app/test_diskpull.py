"""A pushed disk is taken when trusted keys signed it and its image; a stranger's beside it is refused (D40)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import zstandard

from imagekit.app.diskpull import pull_disk
from imagekit.app.diskpush import pack
from imagekit.app.trusted import keys_of
from imagekit.artifact.formats import DiskFormat, checksum_path
from imagekit.base.errors import RefusedError
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.errors import DigestMismatchError, MissingObjectError, VerificationError
from imagekit.registry.referrers import attach_bundle
from imagekit.release.diskartifact import DiskFile, push_disk_file
from imagekit.trust.evidence.decisions import YANK_TYPE, yank_statement
from imagekit.trust.sign.native import public_key_pem
from imagekit.trust.sign.trustedit import write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile
from tests.support.images import key, signer, verifier, write_image
from tests.support.project import make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.released import release
from tests.unit.cli.test_exit_codes import imagekit

pytestmark = pytest.mark.attack
DISK = b"begin" + bytes(3 << 20) + b"end" + bytes(5000)


@dataclass(frozen=True, slots=True)
class Store:
    """A project, the registry, and a released image."""

    project: Project
    world: RegistrySimulator
    image: Reference

    def push(self, folder: Path, form: DiskFormat, content: bytes, *, by: str = "", says: str = "") -> Reference:
        """Push a disk, signed by the project or by a stranger of that name."""
        raw, layer = folder / f"{by}node.{form}", folder / f"{by}layer"
        raw.write_bytes(content)
        layer.unlink(missing_ok=True)
        if form is DiskFormat.RAW:
            pack(raw, layer)
        else:
            layer.write_bytes(content)
        disk = DiskFile(path=layer, title=raw.name, form=form.value, sha256=says or Digest.of(content).hex)
        keys = keys_of(self.project)
        with self.world.client() as client:
            return push_disk_file(
                client,
                self.image,
                disk,
                signer(by) if by else keys.signer(),
                verifier(by) if by else keys.verifier(),
            )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    # The simulator stands where the embedded registry would be started.
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    image = write_image(tmp_path / "oci", labels={"org.opencontainers.image.version": "v1"})
    with simulated_registry() as world, world.client() as client:
        project = replace(load_project(make_project(tmp_path / "project")), settings=Settings(registry=world.address))
        project.work.mkdir()
        yield Store(project, world, release(project, image, client))


@pytest.mark.parametrize("form", [DiskFormat.QCOW2, DiskFormat.RAW])
def test_the_signed_disk_is_taken_and_a_stranger_s_beside_it_is_not(
    store: Store, tmp_path: Path, form: DiskFormat
) -> None:
    store.push(tmp_path, form, b"evil" * 1000, by="stranger")
    target = tmp_path / "out" / f"node.{form}"
    with pytest.raises(VerificationError, match="no trusted key signed one of them"):
        pull_disk(store.project, store.image, form, target)
    assert not target.exists()
    store.push(tmp_path, form, DISK)
    assert pull_disk(store.project, store.image, form, target) == target
    assert target.read_bytes() == DISK
    assert checksum_path(target).read_text().split()[0] == Digest.of(DISK).hex


def test_a_disk_that_is_not_what_it_says_is_not_kept(store: Store, tmp_path: Path) -> None:
    """Even where the builder signed it: the checksum is that of the disk, not of what packs it."""
    target = tmp_path / "out" / "node.raw"
    store.push(tmp_path, DiskFormat.RAW, DISK, says=Digest.of(b"other").hex)
    with pytest.raises(DigestMismatchError, match="unpacks to"):
        pull_disk(store.project, store.image, DiskFormat.RAW, target)
    assert list(target.parent.glob("*")) == []


def test_altered_bytes_are_not_kept(store: Store, tmp_path: Path) -> None:
    store.push(tmp_path, DiskFormat.QCOW2, DISK)
    blobs = store.world.blobs[store.image.repository]
    blobs[str(Digest.of(DISK))] = DISK[:-1] + b"x"
    target = tmp_path / "out" / "node.qcow2"
    with pytest.raises(DigestMismatchError, match="altered"):
        pull_disk(store.project, store.image, DiskFormat.QCOW2, target)
    assert list(target.parent.glob("*")) == []


def test_a_disk_of_a_withdrawn_image_is_not_taken(store: Store, tmp_path: Path) -> None:
    store.push(tmp_path, DiskFormat.QCOW2, DISK)
    assert store.image.digest is not None
    denial = keys_of(store.project).signer().sign(yank_statement(store.image.digest, person="Bob", reason="leaks"))
    with store.world.client() as client:
        subject = client.manifest(store.image.repository, store.image.digest).descriptor
        attach_bundle(client, store.image.repository, subject, denial, predicate_type=YANK_TYPE)
    with pytest.raises(RefusedError, match="yanked by Bob"):
        pull_disk(store.project, store.image, DiskFormat.QCOW2, tmp_path / "node.qcow2")


@pytest.mark.parametrize(
    ("channels", "good"), [(("dev",), False), (("dev", "prod"), False), (("dev", "publish"), True), ((), True)]
)
def test_a_disk_by_a_key_that_does_not_serve_version_tags_is_not_taken(
    store: Store, tmp_path: Path, channels: tuple[str, ...], good: bool
) -> None:
    """D40 with D4, own variant: a builder of dev alone put a disk beside the image of everybody."""
    pem = public_key_pem(key("dev-builder").public_key()).decode()
    own = TrustedKey(id="own", pem=keys_of(store.project).public_path.read_text(), purposes=(Purpose.BUILD,))
    other = TrustedKey(id="dev-builder", pem=pem, purposes=(Purpose.BUILD,), channels=channels)
    write_trust(store.project.root, TrustFile(version=1, keys=(own, other)))
    store.push(tmp_path, DiskFormat.QCOW2, DISK, by="dev-builder")
    target = tmp_path / "out" / "node.qcow2"
    if good:
        assert pull_disk(store.project, store.image, DiskFormat.QCOW2, target).read_bytes() == DISK
        return
    with pytest.raises(VerificationError, match="no trusted key signed one of them"):
        pull_disk(store.project, store.image, DiskFormat.QCOW2, target)
    assert not target.exists()


def test_a_format_that_was_not_pushed_is_said_so(store: Store, tmp_path: Path) -> None:
    store.push(tmp_path, DiskFormat.QCOW2, DISK)
    with pytest.raises(MissingObjectError, match="has no disk ova"):
        pull_disk(store.project, store.image, DiskFormat.OVA, tmp_path / "node.ova")


def test_a_disk_is_pulled_as_it_was_pushed_or_not_at_all(store: Store) -> None:
    for more in (("--size", "20G"), ("--push",)):
        done = imagekit(store.project.root, "disk", str(store.image), "--format", "raw", "--pull", *more)
        assert (done.returncode, "--pull takes a REF" in done.stderr) == (2, True)
    assert imagekit(store.project.root, "disk", "small-node", "--format", "raw", "--pull").returncode == 2


def test_what_was_packed_by_others_is_unpacked_too(store: Store, tmp_path: Path) -> None:
    """A frame without its size, as a pipe into zstd gives it."""
    packer = zstandard.ZstdCompressor(write_content_size=False)
    assert packer.compress(DISK)[:4] == b"\x28\xb5\x2f\xfd"
    from imagekit.app.diskpull import _unpacked

    packed = packer.compress(DISK)
    assert b"".join(_unpacked(iter([packed[:7], packed[7:]]))) == DISK
