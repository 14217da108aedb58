"""The packages and downloads of a lock as an artifact of a registry, so that what mirrors drop is there next year.

One layer a file, named by the file's own SHA-256, and a manifest without times: a second lock sends only what moved.
Nothing of it is believed: each file is held to the checksum that the lock has.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from imagekit.app.release import registry_client
from imagekit.base.errors import ImagekitError
from imagekit.base.log import progress, step
from imagekit.build.download import downloads_folder
from imagekit.build.packages import packages_of, resolver
from imagekit.config.load import Project, load_project
from imagekit.config.model import Arch
from imagekit.config.packagelock import LockedPackage
from imagekit.oci.manifest import EMPTY, MEDIA_TYPE_EMPTY, Descriptor, Manifest, image_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.packages.store import Source, Store
from imagekit.plan.lock import NotLockedError, here
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.errors import MissingObjectError
from imagekit.release.diskartifact import TITLE

ARTIFACT_TYPE = "application/vnd.imagekit.packages.v1"
_TYPES = {"deb": "application/vnd.debian.binary-package", "rpm": "application/x-rpm"}
_OTHER = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Bundle:
    """The files of one locked plan: those of the store by package, and downloads by SHA-256 and address."""

    image: str
    arch: str
    packages: tuple[LockedPackage, ...]
    downloads: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, plan: Plan) -> Bundle:
        """Of a locked plan."""
        found = {checksum: address for stage in plan.stages for address, checksum in stage.downloads.items()}
        once = {each.sha256: each for each in packages_of((plan,))}
        return cls(plan.image, plan.arch, tuple(once.values()), tuple(sorted(found.items())))

    @property
    def tag(self) -> str:
        """Of the bundle in its repository: the same files, the same tag."""
        sums = sorted({*(each.sha256 for each in self.packages), *(checksum for checksum, _ in self.downloads)})
        return f"{self.image}-{self.arch}-{hashlib.sha256(' '.join(sums).encode()).hexdigest()[:16]}"


def repository_of(project: Project) -> Reference:
    """Where bundles are kept: imagekit.yaml's `bundles`, else ``REGISTRY/REPOSITORY/packages``."""
    settings = project.settings
    return Reference.parse(settings.bundles or f"{project.registry}/{settings.repository}/packages")


def bundle_manifest(bundle: Bundle, sizes: dict[str, int]) -> Manifest:
    """The manifest, made of its arguments alone; `sizes` has the bytes of each download by SHA-256."""
    layers = [_descriptor(each.sha256, each.size, PurePosixPath(each.path).name) for each in sorted(bundle.packages)]
    layers += [
        _descriptor(checksum, sizes[checksum], address.rpartition("/")[2]) for checksum, address in bundle.downloads
    ]
    once = {layer.digest: layer for layer in layers}
    return image_manifest(
        config=Descriptor.of(EMPTY, MEDIA_TYPE_EMPTY), layers=tuple(once.values()), artifact_type=ARTIFACT_TYPE
    )


def push_bundle(project: Project, bundle: Bundle) -> Reference:
    """Send what the repository does not have, then the manifest under its tag; returns it by digest.

    All files must be here, see `ensure_packages`. Raises `MissingObjectError` for one that is not, and what `Registry`
    raises; the tag is written last.
    """
    where, store, downloads = repository_of(project), Store(project.work), project.work / "downloads"
    paths = {each.sha256: store.path(each.sha256) for each in bundle.packages}
    paths |= {checksum: downloads / checksum for checksum, _ in bundle.downloads}
    if lost := [str(path) for path in paths.values() if not path.is_file()]:
        raise MissingObjectError(f"{lost[0]} is not here", hint="`imagekit lock` without --check fetches it.")
    manifest = bundle_manifest(bundle, {checksum: paths[checksum].stat().st_size for checksum, _ in bundle.downloads})
    with step(f"Bundle of {bundle.image} to {where.name}") as reported, _client(project, where) as client:
        sent = client.put_blob(where.repository, BlobSource.of_bytes(EMPTY))
        for checksum, path in sorted(paths.items()):
            sent += client.put_blob(where.repository, BlobSource.of_file(path, Digest(f"sha256:{checksum}")))
        client.put_manifest(where.repository, manifest, bundle.tag)
        reported.note = f"{sent / 1e6:.1f} MB sent"
    return where.at(manifest.digest)


def push_locked(project: Project, names: Sequence[str], arch: Arch | None) -> Iterator[Reference]:
    """Push the bundle of each image for this machine's architecture or the given one; raises as `push_bundle`.

    The project is read anew, for its locks may have been written since.
    """
    fresh = replace(load_project(project.root), locked=True)
    for name in names:
        plan = make_plan(fresh, name, arch=arch or here())
        if plan.stale or plan.unlocked:
            raise NotLockedError(
                f"{name}: not locked: {'; '.join((*plan.stale, *plan.unlocked))}", hint=f"Run `imagekit lock {name}`."
            )
        ensure_packages(fresh, (plan,))
        for stage in plan.stages:
            downloads_folder(stage.downloads, fresh.work, fresh.settings.mirrors)
        yield push_bundle(fresh, Bundle.of(plan))


def ensure_packages(project: Project, plans: Sequence[Plan]) -> None:
    """Get every package and download of locked plans onto this machine: from the bundle, else from the mirrors.

    What is here is hashed and asks nobody. Raises `MirrorError` naming what cannot be had as it was locked.
    """
    for plan in plans:
        if plan.locked:
            bundle = Bundle.of(plan)
            sources: list[tuple[str, Source]] = []
            if project.settings.bundles or project.settings.registry:
                sources.append((str(repository_of(project)), _from_registry(project, bundle)))
            sources.append(("the mirror", _from_mirror(project, plan)))
            Store(project.work).fill(bundle.packages, sources)
            _fetch_downloads(project, bundle)


def _from_registry(project: Project, bundle: Bundle) -> Source:
    where = repository_of(project)

    def fetch(packages: Sequence[LockedPackage], into: Path) -> Mapping[str, str]:
        try:
            with _client(project, where) as client:
                for each in packages:
                    _fetch_blob(client, where.repository, each.sha256, each.size, into)
        except ImagekitError as error:  # told, and the next source is asked
            progress(f"{where}: {error}")
            return {each.sha256: str(error) for each in packages if not (into / each.sha256).is_file()}
        return {}

    return fetch


def _fetch_blob(client: Registry, repository: str, checksum: str, size: int, into: Path) -> None:
    descriptor = Descriptor(media_type=_OTHER, digest=Digest(f"sha256:{checksum}"), size=size)
    try:
        with (into / checksum).open("wb") as stream:
            for chunk in client.blob(repository, descriptor):
                stream.write(chunk)
    except MissingObjectError:
        (into / checksum).unlink()
    except BaseException:
        (into / checksum).unlink()
        raise


def _from_mirror(project: Project, plan: Plan) -> Source:
    def fetch(packages: Sequence[LockedPackage], into: Path) -> Mapping[str, str]:
        return resolver(project, plan.image, Arch(plan.arch)).fetch(packages, into)

    return fetch


def _fetch_downloads(project: Project, bundle: Bundle) -> None:
    """Downloads that are not here yet, out of the bundle; without one the build fetches them from their addresses."""
    folder = project.work / "downloads"
    lacking = {checksum for checksum, _ in bundle.downloads if not (folder / checksum).is_file()}
    where = repository_of(project)
    if not lacking or not (project.settings.bundles or project.settings.registry):
        return
    try:
        with _client(project, where) as client:
            manifest = client.manifest(where.repository, bundle.tag)
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".bundle-", dir=folder) as beside:
                for blob in manifest.blobs:
                    if blob.digest.hex in lacking:
                        _fetch_blob(client, where.repository, blob.digest.hex, blob.size, Path(beside))
                        (Path(beside) / blob.digest.hex).chmod(0o755)
                        (Path(beside) / blob.digest.hex).replace(folder / blob.digest.hex)
    except ImagekitError as error:
        progress(f"{where}: {error}")


@contextmanager
def _client(project: Project, where: Reference) -> Iterator[Registry]:
    with registry_client(project, where.registry) as client:
        yield client


def _descriptor(checksum: str, size: int, name: str) -> Descriptor:
    kind = _TYPES.get(name.rpartition(".")[2], _OTHER)
    return Descriptor(media_type=kind, digest=Digest(f"sha256:{checksum}"), size=size, annotations={TITLE: name})
