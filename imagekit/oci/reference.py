"""Words of the OCI specifications as types: Digest, Tag, Reference."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from imagekit.base.errors import ConfigError

# https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_REGISTRY = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
# Names with an underscore are no names of the Internet, but storage buckets have them.
_HOST_PORT = re.compile(
    r"(?P<host>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LAST_PORT = 65535

MEDIA_TYPE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_TYPE_INDEX = "application/vnd.oci.image.index.v1+json"
# A sigstore bundle, https://github.com/sigstore/protobuf-specs; it travels as the artifact type of a referrer.
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A sha256 content digest, written ``sha256:<64 hex>``.

    Raises `ConfigError` for any other text.
    """

    value: str

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.value):
            raise ConfigError(
                f"not a sha256 digest: {self.value[:80]!r}",
                hint="A digest reads sha256: and 64 lower-case hex digits.",
            )

    def __str__(self) -> str:
        return self.value

    @property
    def hex(self) -> str:
        """The 64 hex digits without the algorithm."""
        return self.value.removeprefix("sha256:")

    @property
    def short(self) -> str:
        """The first 12 hex digits, for people."""
        return self.hex[:12]

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Digest of bytes in memory."""
        return cls("sha256:" + hashlib.sha256(data).hexdigest())

    @classmethod
    def of_chunks(cls, chunks: Iterable[bytes]) -> Self:
        """Digest of a stream, chunk by chunk."""
        state = hashlib.sha256()
        for chunk in chunks:
            state.update(chunk)
        return cls("sha256:" + state.hexdigest())

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Digest of a file, read in chunks of 1 MiB."""
        with path.open("rb") as stream:
            return cls.of_chunks(iter(lambda: stream.read(_CHUNK), b""))


def split_host(text: str) -> tuple[str, int | None]:
    """``HOST[:PORT]`` in its parts; the host in lower case, an IPv6 address without brackets.

    Raises `ConfigError` for anything else, and for a host that looks like a number and is no IPv4 address: systems
    take ``127.1`` and ``0x7f000001`` for this machine (https://url.spec.whatwg.org/#ends-in-a-number-checker).
    """
    found = _HOST_PORT.fullmatch(text)
    port = int(found["port"]) if found and found["port"] else None
    host = found["host"].lower().strip("[]") if found else ""
    if found is None or port == 0 or (port or 0) > _LAST_PORT or not _is_host(host, bracketed="[" in found["host"]):
        raise ConfigError(
            f"not a host, or a host and a port: {text[:120]!a}",
            hint="Write HOST or HOST:PORT, an IPv6 address in brackets, with a port of 1 to 65535.",
        )
    return str(ip_address(host)) if "[" in found["host"] else host, port


def _is_host(host: str, *, bracketed: bool) -> bool:
    """Whether this is a name, or an address as everybody reads it."""
    if not bracketed and not _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
        return ".." not in host
    try:
        return (ip_address(host).version == 6) is bracketed
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Reference:
    """``registry/repository`` with a tag, a digest or both; a digest wins wherever content is read."""

    registry: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        wrong = (
            (not _REGISTRY.fullmatch(self.registry) and f"registry {self.registry[:80]!r}")
            or (
                (not _REPOSITORY.fullmatch(self.repository) or len(self.repository) > 255)
                and f"repository {self.repository[:80]!r}"
            )
            or (self.tag is not None and not _TAG.fullmatch(self.tag) and f"tag {self.tag[:80]!r}")
        )
        if not wrong:
            split_host(self.registry)
        else:
            raise ConfigError(
                f"not a valid image reference: {wrong}",
                hint="A reference reads HOST[:PORT]/repository[:tag][@sha256:...], the repository in lower case.",
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``HOST[:PORT]/repository[:tag][@sha256:hex]``; raise `ConfigError` when it is anything else."""
        name, at, digest = text.partition("@")
        registry, slash, rest = name.partition("/")
        if not slash:
            raise ConfigError(
                f"not a valid image reference: {text[:120]!r} names no registry",
                hint="Write the registry too: HOST[:PORT]/repository[:tag][@sha256:...].",
            )
        repository, colon, tag = rest.partition(":")
        return cls(registry, repository, tag if colon else None, Digest(digest) if at else None)

    @property
    def name(self) -> str:
        """``registry/repository`` alone."""
        return f"{self.registry}/{self.repository}"

    def at(self, digest: Digest) -> Reference:
        """The same repository by digest, without a tag."""
        return Reference(self.registry, self.repository, None, digest)

    def tagged(self, tag: str) -> Reference:
        """The same repository by tag."""
        return Reference(self.registry, self.repository, tag)

    def __str__(self) -> str:
        return (
            self.name
            + (f":{self.tag}" if self.tag is not None else "")
            + (f"@{self.digest}" if self.digest is not None else "")
        )
