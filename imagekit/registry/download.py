"""Fetching a blob: bounded by its declared size, hashed, resumed where the connection broke."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from imagekit.oci.manifest import Descriptor
from imagekit.registry.answer import CHUNK, said
from imagekit.registry.errors import (
    DigestMismatchError,
    MissingObjectError,
    RegistryError,
    RegistryUnavailableError,
    TransientError,
)
from imagekit.registry.wire import UNAVAILABLE, Wire


def fetched(wire: Wire, repository: str, descriptor: Descriptor) -> Iterator[bytes]:
    """Stream a blob; see `Registry.blob`."""
    where = f"blob {descriptor.digest} of {wire.address}/{repository}"
    state, offset, failures = hashlib.sha256(), 0, 0
    while offset < descriptor.size or offset == 0:
        begun = offset
        try:
            for chunk in _rest(wire, repository, descriptor, offset, where):
                state.update(chunk)
                offset += len(chunk)
                yield chunk
            break
        except TransientError as error:
            # A connection that brings a few bytes each time is no progress: it would keep us for ever.
            failures = failures + 1 if offset - begun < CHUNK else 1
            if failures >= wire.patience.attempts:
                raise RegistryUnavailableError(
                    f"registry {wire.address}: reading {where}: {error}, after {offset} of {descriptor.size} bytes",
                    hint=UNAVAILABLE,
                ) from error
            wire.pause(failures)
    if offset != descriptor.size or "sha256:" + state.hexdigest() != str(descriptor.digest):
        raise DigestMismatchError(f"{where} was altered: {offset} bytes that hash to sha256:{state.hexdigest()}")


def _rest(wire: Wire, repository: str, descriptor: Descriptor, offset: int, where: str) -> Iterator[bytes]:
    """One try: what follows `offset`, at most up to the declared size and one byte more."""
    target = wire.target(f"/v2/{repository}/blobs/{descriptor.digest}")
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    with wire.exchange("GET", target, scope=repository, headers=headers) as answer:
        if answer.status == 404:
            raise MissingObjectError(f"{where} is not there")
        if answer.status not in (200, 206):
            raise RegistryError(f"registry {wire.address}: GET {target.path}: {said(answer, wire.patience)}")
        skip = offset if answer.status == 200 else 0
        left = descriptor.size - offset + skip
        while chunk := answer.read1(min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise DigestMismatchError(f"{where} was altered: longer than its {descriptor.size} bytes")
            kept, skip = chunk[skip:], max(0, skip - len(chunk))
            if kept:
                yield kept
        if left > 0 and answer.length != 0:
            raise TransientError(f"the connection closed {left} bytes before the end")
