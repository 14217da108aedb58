"""The fastest program of this machine that hashes a file: what our own hashing stands beside.

Which one that is depends on the build and the processor: coreutils of Debian 12 does not use SHA-NI (6.1 s a GiB,
seen), OpenSSL does (1.25 s).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.process import ProgramMissingError
from imagekit.bench.cost import Cost, cost_of

_PROGRAMS = {"openssl": ("openssl", "dgst", "-sha256"), "sha256sum": ("sha256sum",)}
_SAMPLE_MIB = 64
_TIMEOUT = 900.0


@dataclass(frozen=True, slots=True)
class Hasher:
    """A program that prints the SHA-256 of a file."""

    name: str
    argv: tuple[str, ...]

    def cost(self, path: Path) -> Cost:
        """What hashing a file costs it."""
        return cost_of([*self.argv, path], timeout=_TIMEOUT)


def fastest_hasher(scratch: Path) -> Hasher:
    """The one of those in PATH that is fastest with a file of 64 MiB; raises `ProgramMissingError` without any."""
    there = [Hasher(name, argv) for name, argv in _PROGRAMS.items() if shutil.which(argv[0])]
    if not there:
        raise ProgramMissingError(
            f"none of {', '.join(_PROGRAMS)} is in PATH",
            hint="Install openssl or coreutils: hashing is compared with it.",
        )
    sample = scratch / "sample"
    sample.write_bytes(bytes(_SAMPLE_MIB << 20))
    try:
        return min(there, key=lambda hasher: min(hasher.cost(sample).seconds for _ in range(2)))
    finally:
        sample.unlink()
