"""What a night needs of the world: locks, builds, tests and released digests behind one seam.

`imagekit.drift.local` is the real one; tests/support/simdrift.py plays another, with planted faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from imagekit.drift.model import Change, Lock, Released, Trial


class InfrastructureError(Exception):
    """Something that is no property of the image stood in the way: registry, mirror, disk, hypervisor."""


class ApartError(InfrastructureError):
    """Some of what moved cannot be installed without the rest of it; nothing was built."""


class UpstreamError(Exception):
    """What upstream has now cannot be put together at all."""


class World(Protocol):
    """One image and everything that a night asks about it. Every method may raise `InfrastructureError`."""

    @property
    def image(self) -> str:
        """The image's name."""

    @property
    def layers(self) -> Sequence[str]:
        """Its layers, from the bottom."""

    def now(self) -> datetime:
        """The time, in UTC."""

    def pinned(self) -> Lock:
        """What the image is made of, as it is committed."""

    def fresh(self) -> Lock:
        """What it would be made of if all moved now; raises `UpstreamError` when that cannot be resolved."""

    def trial(
        self, lock: Lock, *, layers: int | None = None, lifecycle: bool = False, like: Trial | None = None
    ) -> Trial:
        """Build and test the image of a lock, or the stack of its first `layers` layers; `lifecycle`: scenarios too.

        With `like`, no more is done than what shows whether it shows the same: the build alone where that failed, else
        the boot path that that was seen on.
        Raises `ApartError` for a lock between two that cannot be installed.
        """

    def installed(self, lock: Lock) -> Lock:
        """What of a lock would be installed, by the package manager's word: what nobody asks for would not."""

    def again(self, trial: Trial) -> Trial:
        """Test the digest of a trial once more, where it was bad; nothing is built."""

    def last_good(self, *, lifecycle: bool) -> tuple[Trial, datetime, bool] | None:
        """The last good trial of exactly what is pinned now, with the scenarios if they are asked for.

        With its time, and whether this machine's own sources are still the same; None when there was none.
        """

    def sources_changed(self) -> tuple[str, ...] | None:
        """What of our own sources changed since the last good night, in words; nothing when it is all the same.

        None where no good night is known.
        """

    def expired(self) -> tuple[str, ...]:
        """What of the pinned image has expired or blocks by now, in words."""

    def released(self) -> Sequence[Released]:
        """Every digest that a channel or fleet file names, the newest first."""

    def rehearse(self, released: Released, newest: Released | None) -> Trial:
        """Pull, verify and boot a released digest, and roll back to it from the newest one."""

    def last_rehearsal(self, released: Released) -> tuple[Trial, datetime] | None:
        """The last good rehearsal of a digest, and when; None when there was none."""

    def shared(self, changes: Sequence[Change]) -> tuple[str, ...]:
        """Other images that some of these change as well, and which nobody tested with them; in words."""

    def differences(self, old: Trial, new: Trial) -> str:
        """What differs between the images of two trials, as Markdown; empty where it cannot be told."""

    def keep_update(self, fresh: Lock, changes: Sequence[Change], text: str) -> str:
        """Commit the new lock on a branch of its own, ready to be reviewed; returns the branch's name."""
