"""A publisher for a process of its own (see `tests.support.forked`)."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

from imagekit.base.errors import ImagekitError
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.release.publish import publish_image
from imagekit.trust.sign.native import NativeSigner, NativeVerifier
from tests.support.images import evidence_of, fixed_key, write_image

REPOSITORY = "imagekit/node"


def main(address: str, tag: str, folder: Path, kill_at: int) -> str:
    """Publish `folder`/oci and return one line: what happened, how many requests it took, the digest.

    It kills itself (signal 9) before request `kill_at`, counted from 0. `folder`/locks is its host's lock folder.
    """
    counter = itertools.count()
    taken = [0]

    def observe(_method: str, _path: str) -> None:
        taken[0] = next(counter)
        if taken[0] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    image = write_image(folder / "oci", (b"base" * 1000, folder.name.encode() * 1000))
    try:
        with Registry(address, observe=observe) as client:
            done = publish_image(
                image.layout,
                image.digest,
                Reference(address, REPOSITORY, tag),
                evidence=evidence_of(image.digest),
                signer=NativeSigner(fixed_key()),
                verifier=NativeVerifier(fixed_key().public_key()),
                client=client,
                locks=folder / "locks",
            )
    except ImagekitError as error:
        return f"{type(error).__name__} {taken[0] + 1} {image.digest}"
    return f"{'no-op' if done.no_op else 'published'} {taken[0] + 1} {done.digest}"
