"""The power switch of a node: the same machine started again and again, with the media of the moment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import RLock

from imagekit.machine.domain import Domain
from imagekit.machine.errors import HypervisorError, interrupted
from imagekit.machine.provider import Guest, Provider

_ENTER = 28  # Linux's key code
_HELD_MS = 100


class Power:
    """At most one running machine; it is destroyed by `off`, and by the provider when this process dies.

    Another thread may take the power away at any time: from a machine that is being started as soon as it is.
    """

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._stack = ExitStack()
        self._guest: Guest | None = None
        self._switch = RLock()
        self._ended = False

    @property
    def running(self) -> bool:
        """Whether the machine is on."""
        return self._guest is not None and self._guest.running

    @property
    def crashed(self) -> bool:
        """Whether what ran the machine was killed or broke down."""
        return self._guest is not None and self._guest.crashed

    def on(self, domain: Domain, template: Path) -> None:
        """Start the machine; raises `HypervisorError` when it runs already, `BootFailedError` after `end`."""
        with self._switch:
            if self._ended:
                raise interrupted()
            if self.running:
                raise HypervisorError("the machine is on already")
            self.off()
            self._guest = self._stack.enter_context(self._provider.started(domain, template))

    def off(self) -> None:
        """Take the power away; a machine that is off stays so."""
        with self._switch:
            self._guest = None
            self._stack.close()

    def end(self) -> None:
        """Take the power away for good: it is never on again."""
        with self._switch:
            self._ended = True
            self.off()

    def press_enter(self) -> None:
        """One key on the machine's keyboard."""
        if self._guest is not None:
            self._guest.press((_ENTER,), held_ms=_HELD_MS)

    def save(self, state: Path, *, standing: Callable[[], None]) -> None:
        """Write memory and devices of the running machine; raises `HypervisorError` when it is off, or cannot."""
        if self._guest is None:
            raise HypervisorError("the machine is off: it has no memory to save")
        self._guest.save(state, standing=standing)

    def cpu_seconds(self) -> float:
        """What its emulator has used so far; 0.0 when it is off."""
        return self._guest.cpu_seconds if self._guest is not None else 0.0
