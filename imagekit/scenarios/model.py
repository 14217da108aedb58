"""What a scenario is: a name, a promise, a budget and a script."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from imagekit.base.process import Completed
from imagekit.machine.interface import Start


class Mode(StrEnum):
    """What a node has booted; the value is the word in the names of Kairos's sentinels and states."""

    ACTIVE = "active"
    PASSIVE = "passive"
    RECOVERY = "recovery"
    LIVE = "livecd"

    @property
    def sentinel(self) -> str:
        """The file in /run/cos that says so."""
        return "live_mode" if self is Mode.LIVE else f"{self.value}_mode"


class GrubEntry(StrEnum):
    """A GRUB entry by its id."""

    ACTIVE = "cos"
    PASSIVE = "fallback"
    RECOVERY = "recovery"
    RESET = "statereset"


class Kind(StrEnum):
    """An image that a node may be told to upgrade to."""

    NEXT = "next"
    LATER = "later"
    LAST = "last"
    PANIC = "panic"
    HANG = "hang"
    FAIL = "fail"
    UNSIGNED = "unsigned"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An image as the node finds it: what to give to ``--source``, and what says on the node that it runs."""

    kind: Kind
    source: str
    version: str
    size: int


class Shell(Protocol):
    """A machine on which commands are run, and what it has cost so far."""

    @property
    def began(self) -> Start:
        """Whether its life here began with a boot, or as a fork of a saved node that had booted."""

    @property
    def boots(self) -> int:
        """Starts so far; to continue a saved node is none."""

    @property
    def boot_seconds(self) -> float:
        """Wall seconds of all boots, to the login or to where they hang."""

    @property
    def pace(self) -> float:
        """How many times longer than the node of reference its first boot took, at least 1.0."""

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        """Run a shell command as root; `timeout` in seconds with the node and the machine of reference."""


class Node(Shell, Protocol):
    """A machine with a disk of its own, driven through SSH and its console alone.

    Whatever waits for a login raises `BootFailedError` when none can come, with the console's last words.
    """

    def reboot(self) -> None:
        """Ask the node to reboot and wait for the next login; one start is allowed."""

    def reboot_through(self) -> None:
        """Ask the node to reboot and wait for the next login, however often it crashes and starts again."""

    def reboot_twice(self) -> None:
        """Ask the node to reboot, let it do its work and restart by itself, and wait for the login after that."""

    def reboot_until(self, words: str) -> bool:
        """Ask the node to reboot; whether the console says `words` before there is a login."""

    def start_until(self, words: str) -> bool:
        """Cut the power and give it again; whether the console says `words` before there is a login."""

    def cut_power(self) -> None:
        """Take the power away, now."""

    def start(self) -> None:
        """Give power again and wait for the login; the node may restart by itself on the way."""

    def pause(self, seconds: float) -> None:
        """Let the node go on for so long."""


class Installer(Shell, Protocol):
    """A machine that runs from the installation medium, with an empty disk."""

    def boot_from_disk(self) -> None:
        """Cut the power, take the medium out, give power again, and wait for the login."""

    def reboot(self) -> None:
        """Ask the installed node to reboot and wait for the next login."""


class Supply(Protocol):
    """Where images come from, and what can go wrong on the way."""

    public_key: str

    def target(self, kind: Kind) -> Target:
        """The image of a kind, made and served when it is asked for first."""

    def die_after(self, count: int) -> None:
        """Let through so many bytes, and nothing more until `revive`."""

    def revive(self) -> None:
        """Serve again."""


class Machines(Protocol):
    """Where nodes come from; each is gone when its block ends."""

    def installed(self, name: str, *, more_mib: int = 0) -> AbstractContextManager[Node]:
        """An installed node that is up, on a disk of its own; `more_mib` MiB larger than what was written to it."""

    def medium(self, name: str) -> AbstractContextManager[Installer]:
        """A machine that has booted from the installation medium."""

    @property
    def install_config(self) -> str:
        """The cloud-config that the agent is to install with, so that one can log in afterwards."""

    def abort(self) -> None:
        """Take the power from every machine and start no other one, so that running scenarios end soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a script has at hand: nodes, images, the version that is installed, and the seed of everything random.

    `state` are the directories that the image's layers declare to last; `host` is where the nodes run, in words, when
    there are several hosts.
    """

    machines: Machines
    supply: Supply
    installed_version: str
    seed: int
    cuts: int = 10
    state: tuple[str, ...] = ()
    host: str = ""


@dataclass(slots=True)
class Tally:
    """What a script did, counted while it goes on.

    `limit` is what the node's framework does not do, and what held all the same; then the promise was not kept whole.
    """

    nodes: list[Shell] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    limit: str = ""
    write_seconds: float = 0.0
    writes: int = 0

    def say(self, text: str) -> None:
        """Keep a line for the report."""
        self.said.append(text)


Script = Callable[[World, Tally], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One gated step: `promise` is one line for every report, `budget` in seconds.

    A budget is for the node and the machine of reference; see `Shell.pace`. `each_cut` is added for a power cut.
    """

    name: str
    promise: str
    budget: float
    script: Script
    each_cut: float = 0.0

    def allowance(self, cuts: int) -> float:
        """The whole budget, in seconds on the machine of reference."""
        return self.budget + self.each_cut * cuts
