"""Fetching a blob: bounded by its declared size, hashed, resumed where the connection broke."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from imagekit.oci.manifest import Descriptor
from imagekit.registry.answer import CHUNK, Answer
from imagekit.registry.errors import (
    DigestMismatchError,
    MissingObjectError,
    RegistryError,
    RegistryUnavailableError,
    TransientError,
)
from imagekit.registry.retry import UNAVAILABLE
from imagekit.registry.transport import Transport


def fetched(transport: Transport, repository: str, descriptor: Descriptor) -> Iterator[bytes]:
    """Stream a blob; see `Registry.blob`."""
    where = f"blob {descriptor.digest} of {transport.address}/{repository}"
    state, offset, failures = hashlib.sha256(), 0, 0
    budget = _Budget(transport.timeouts.blob(descriptor.size), f"registry {transport.address}: {where}")
    while offset < descriptor.size or offset == 0:
        begun = offset
        try:
            for chunk in _rest(transport, repository, descriptor, offset, where, budget):
                state.update(chunk)
                offset += len(chunk)
                yield chunk
            break
        except TransientError as error:
            # A connection that brings a few bytes each time is no progress: it would keep us for ever.
            failures = failures + 1 if offset - begun < CHUNK else 1
            if failures >= transport.timeouts.attempts:
                done = f"after {offset} of {descriptor.size} bytes"
                raise RegistryUnavailableError(
                    f"registry {transport.address}: reading {where}: {error}, {done}",
                    hint=UNAVAILABLE,
                ) from error
            transport.pause(failures, error.after)
    if offset != descriptor.size or "sha256:" + state.hexdigest() != str(descriptor.digest):
        raise DigestMismatchError(f"{where} was altered: {offset} bytes that hash to sha256:{state.hexdigest()}")


@dataclass(slots=True)
class _Budget:
    """Seconds that may be spent on waiting for a blob, over all tries; what its receiver takes does not count."""

    left: float
    where: str

    def read(self, answer: Answer, most: int) -> bytes:
        begun = time.monotonic()
        chunk = answer.read(most)
        self.left -= time.monotonic() - begun
        if self.left < 0:
            raise RegistryUnavailableError(f"{self.where}: it comes too slowly, so it was given up", hint=UNAVAILABLE)
        return chunk


def _rest(
    transport: Transport, repository: str, descriptor: Descriptor, offset: int, where: str, budget: _Budget
) -> Iterator[bytes]:
    """One try: what follows `offset`, at most up to the declared size and one byte more."""
    target = transport.target(f"/v2/{repository}/blobs/{descriptor.digest}")
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    with transport.exchange("GET", target, scope=repository, headers=headers) as answer:
        if answer.status == 404:
            raise MissingObjectError(f"{where} is not there")
        if answer.status not in (200, 206):
            raise RegistryError(f"registry {transport.address}: GET {target.shown}: {answer.said()}")
        skip = offset if answer.status == 200 else 0
        left = descriptor.size - offset + skip
        while chunk := budget.read(answer, min(CHUNK, left + 1)):
            left -= len(chunk)
            if left < 0:
                raise DigestMismatchError(f"{where} was altered: longer than its {descriptor.size} bytes")
            kept, skip = chunk[skip:], max(0, skip - len(chunk))
            if kept:
                yield kept
        if left > 0 and answer.length != 0:
            raise TransientError(f"the connection closed {left} bytes before the end")
