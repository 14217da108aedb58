"""A thin client of the OCI distribution specification: everything is hashed on the way in and out.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Self, TypeVar

from imagekit.base.strictjson import CONFIG_FIELDS, ForeignJsonError, read_object
from imagekit.oci.errors import MalformedError
from imagekit.oci.manifest import MANIFEST_LIMIT, MANIFEST_TYPES, Descriptor, Manifest, parse_manifest
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.address import Target
from imagekit.registry.answer import Answer
from imagekit.registry.blobs import BlobSource
from imagekit.registry.credentials import Credentials, find_credentials
from imagekit.registry.download import fetched
from imagekit.registry.errors import (
    DigestMismatchError,
    MissingObjectError,
    RegistryError,
    TooLargeError,
    TransientError,
)
from imagekit.registry.listing import ReferrerList, referrers_of, tags_of
from imagekit.registry.timeouts import Timeouts
from imagekit.registry.transport import REDIRECT_STATUSES, Body, Transport
from imagekit.registry.upload import mounted, uploaded

T = TypeVar("T")


class Registry:
    """One registry at `HOST[:PORT]`; credentials are looked up for exactly that host unless given.

    All methods raise `RegistryUnavailableError`, `AccessDeniedError` or `RegistryError` naming registry and object.
    """

    def __init__(
        self,
        address: str,
        *,
        credentials: Credentials | None = None,
        tls: bool | None = None,
        timeouts: Timeouts | None = None,
        observe: Callable[[str, str], None] | None = None,
    ) -> None:
        self.address = address
        self._without_referrers: dict[tuple[str, Digest], ReferrerList] = {}
        self._written: dict[tuple[str, str], str] = {}  # names in repositories, with the digest written under them
        self.transport = Transport(
            address,
            credentials=lambda repository: credentials or find_credentials(address, repository=repository),
            tls=tls,
            timeouts=timeouts,
            observe=observe,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ping(self) -> None:
        """Raise unless a registry answers here and lets us in."""

        def work() -> None:
            with self.transport.exchange("GET", self.transport.target("/v2/"), scope="") as answer:
                answer.small()
                if answer.status != 200:
                    raise RegistryError(f"{self.address} is no registry: /v2/ gives status {answer.status}")

        self.transport.retrying("ping", work)

    def resolve(self, reference: Reference) -> Digest | None:
        """The digest that a reference names now; None when there is no such tag or manifest."""
        name = str(reference.digest or reference.tag or "latest")
        found = self.find_manifest(reference.repository, name)
        return found.digest if found is not None else None

    def manifest(self, repository: str, name: str | Digest) -> Manifest:
        """Fetch and hash a manifest by digest or tag; raises `MissingObjectError`, `DigestMismatchError`."""
        found = self.find_manifest(repository, name)
        if found is None:
            raise MissingObjectError(f"{self.address}/{repository} has no manifest {name}")
        return found

    def find_manifest(self, repository: str, name: str | Digest, *, limit: int = MANIFEST_LIMIT) -> Manifest | None:
        """As `manifest`; None when the registry does not have it. Raises `TooLargeError` above `limit` bytes."""
        raw = self.find_raw(repository, name, limit=limit)
        return parse_manifest(raw, f"manifest {name} of {self.address}/{repository}") if raw is not None else None

    def find_raw(self, repository: str, name: str | Digest, *, limit: int = MANIFEST_LIMIT) -> bytes | None:
        """The bytes of a manifest, hashed where they are named by a digest, and not parsed."""
        where = f"manifest {name} of {self.address}/{repository}"
        path = f"/v2/{repository}/manifests/{name}"
        raw = self._in_time(
            (repository, str(name)),
            lambda: self._read(path, repository, where, limit=limit, accept=", ".join(MANIFEST_TYPES)),
        )
        if raw is None:
            return None
        wanted = name if isinstance(name, Digest) else Digest(name) if ":" in name else None
        if wanted is not None and Digest.of(raw) != wanted:
            raise DigestMismatchError(
                f"{where} was altered: the registry serves content that hashes to {Digest.of(raw)}"
            )
        return raw

    def labels(self, repository: str, digest: Digest) -> dict[str, str]:
        """The labels of an image's configuration; raises `MissingObjectError`, `MalformedError`."""
        image = self.manifest(repository, digest)
        where = f"configuration of {digest.short} in {self.address}/{repository}"
        if image.children or not image.blobs:
            raise MalformedError(f"{digest.short} in {self.address}/{repository} is no single image")
        try:
            raw = self.read_blob(repository, image.blobs[0], limit=MANIFEST_LIMIT)
            labels = (read_object(raw, where, fields=CONFIG_FIELDS).get("config") or {}).get("Labels") or {}
            return {str(name): str(value) for name, value in labels.items()}
        except ForeignJsonError as error:
            raise MalformedError(str(error), hint=error.hint) from None
        except AttributeError:
            raise MalformedError(f"{where} holds labels that are no names with values") from None

    def put_manifest(self, repository: str, manifest: Manifest, tag: str | None = None) -> None:
        """Write a manifest under its digest, or under a tag.

        The ``OCI-Subject`` of the answer is not believed: ECR sent it without listing the manifest
        (https://github.com/sigstore/sigstore-js/pull/1183).
        """
        name = tag or str(manifest.digest)
        target = self.transport.target(f"/v2/{repository}/manifests/{name}")
        self._without_referrers.clear()

        def work() -> None:
            with self.transport.exchange(
                "PUT",
                target,
                scope=repository,
                headers={"Content-Type": manifest.media_type},
                body=Body.of(manifest.raw),
            ) as answer:
                if answer.status not in (200, 201, 202):
                    said = answer.said()
                    if "BLOB_UNKNOWN" in said and self._sent(repository, manifest):
                        raise TransientError(f"{said}, of what was sent just now")
                    raise RegistryError(f"registry {self.address}: PUT {target.shown}: {said}")
                answer.small()
                stored = answer.headers.get("Docker-Content-Digest", str(manifest.digest))
                if stored != str(manifest.digest):
                    raise DigestMismatchError(
                        f"registry {self.address} stored manifest {manifest.digest} as {stored[:80]!a}"
                    )

        self.transport.retrying(f"writing manifest {name} of {repository}", work)
        self._written |= {(repository, each): str(manifest.digest) for each in (name, str(manifest.digest))}

    def delete_manifest(self, repository: str, digest: Digest) -> bool:
        """Delete a manifest and its tags; False when the registry does not offer that (405 or 400)."""
        target = self.transport.target(f"/v2/{repository}/manifests/{digest}")

        def work() -> bool:
            with self.transport.exchange("DELETE", target, scope=repository) as answer:
                answer.small()
                return answer.status in (200, 202, 404)

        self._written = {key: value for key, value in self._written.items() if value != str(digest)}
        return self.transport.retrying(f"deleting manifest {digest.short} of {repository}", work)

    def tags(self, repository: str) -> tuple[str, ...]:
        """All tags of a repository; none when the repository does not exist."""
        return self.tags_at(repository)[0]

    def tags_at(self, repository: str) -> tuple[tuple[str, ...], datetime]:
        """All tags of a repository, and when that was (UTC) by the registry's clock.

        Without a Date header, which RFC 9110 wants of every server with a clock, the clock of this host is taken.
        """
        return tags_of(self.transport, repository)

    def listed_referrers(self, repository: str, digest: Digest) -> ReferrerList:
        """What the referrers API lists for a digest.

        An answer that is no list holds for this digest alone, until something is written: Quay says 404 and Harbor `{}`
        of a digest that is not there, and list well for those that are.
        """
        known = self._without_referrers.get((repository, digest))
        if known is not None:
            return known
        found = referrers_of(self.transport, repository, digest)
        if found.manner:
            self._without_referrers[repository, digest] = found
        return found

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Whether the repository says that it has a blob (its content is not looked at).

        A redirect to storage says so too. It is not followed: an address that is signed for GET answers HEAD with 403
        (https://github.com/containerd/stargz-snapshotter/pull/167).
        """
        target = self.transport.target(f"/v2/{repository}/blobs/{digest}")

        def work() -> bool:
            with self.transport.exchange("HEAD", target, scope=repository, leave=False) as answer:
                if answer.status in REDIRECT_STATUSES:
                    return True
                if answer.status not in (200, 404):
                    raise RegistryError(f"registry {self.address}: HEAD {target.shown}: status {answer.status}")
                return answer.status == 200

        what = f"looking for blob {digest.short} of {repository}"
        return bool(self._in_time((repository, str(digest)), lambda: self.transport.retrying(what, work) or None))

    def blob(self, repository: str, descriptor: Descriptor) -> Iterator[bytes]:
        """Stream a blob in chunks of at most 1 MiB; hash and size are checked at its end.

        Goes on where a connection broke. Raises `MissingObjectError`, `DigestMismatchError`, `TooLargeError`.
        """
        return fetched(self.transport, repository, descriptor)

    def read_blob(self, repository: str, descriptor: Descriptor, *, limit: int) -> bytes:
        """A blob whole in memory; raises `TooLargeError` when it says to be larger than `limit` bytes."""
        if descriptor.size > limit:
            raise TooLargeError(
                f"blob {descriptor.digest} of {self.address}/{repository} has {descriptor.size} bytes, {limit} allowed"
            )
        return b"".join(self.blob(repository, descriptor))

    def put_blob(self, repository: str, source: BlobSource, *, mount_from: str | None = None) -> int:
        """Make a repository have a blob: found there, mounted from another repository, or sent.

        Returns the bytes sent. Raises `DigestMismatchError` when the source is not what its digest says.
        """
        if self.has_blob(repository, source.digest):
            return 0
        mounted_there = mount_from is not None and self.mount(repository, source.digest, mount_from)
        sent = 0 if mounted_there else uploaded(self.transport, repository, source)
        self._written[repository, str(source.digest)] = str(source.digest)
        return sent

    def mount(self, repository: str, digest: Digest, mount_from: str) -> bool:
        """Share a blob with another repository of this registry; False when the registry declined."""
        return mounted(self.transport, repository, str(digest), mount_from)

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()

    def _sent(self, repository: str, manifest: Manifest) -> bool:
        named = (*manifest.blobs, *manifest.children)
        return any((repository, str(each.digest)) in self._written for each in named)

    def _in_time(self, name: tuple[str, str], ask: Callable[[], T | None]) -> T | None:
        """What is under a name; what we wrote there is waited for, as replicas lag behind the registry's answer.

        Seen of Docker Hub and GHCR: https://github.com/int128/docker-manifest-create-action/issues/857
        """
        found = ask()
        for failures in range(self.transport.timeouts.attempts - 1):
            if found is not None or name not in self._written:
                break
            self.transport.pause(failures)
            found = ask()
        return found

    def _read(self, path: str, repository: str, what: str, *, limit: int, accept: str) -> bytes | None:
        target = self.transport.target(path)

        def work() -> bytes | None:
            with self.transport.exchange("GET", target, scope=repository, headers={"Accept": accept}) as answer:
                self._require_found(answer, target)
                raw = answer.small(limit=limit, what=what)
                return raw if answer.status == 200 else None

        return self.transport.retrying(f"reading {what}", work)

    def _require_found(self, answer: Answer, target: Target) -> None:
        if answer.status not in (200, 404):
            raise RegistryError(f"registry {self.address}: GET {target.shown}: {answer.said()}")
