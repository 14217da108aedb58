"""A publisher in a process of its own: `ADDRESS TAG FOLDER [KILL_AT]` publishes FOLDER/oci and prints the outcome.

With KILL_AT it kills itself (signal 9) before that request, counted from 0. FOLDER/locks is its host's lock folder.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from imagekit.errors import ImagekitError
from imagekit.oci import Reference
from imagekit.publish.publish import publish_image
from imagekit.publish.registry import Registry
from imagekit.sign.native import NativeSigner, NativeVerifier
from tests.support.images import evidence_of, fixed_key, write_image

REPOSITORY = "imagekit/node"


def main(address: str, tag: str, folder: Path, kill_at: int) -> str:
    """Publish and return one line: what happened and how many requests it took."""
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


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int([*sys.argv, "-1"][4])) + "\n")
