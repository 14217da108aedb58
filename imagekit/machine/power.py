"""The power switch of a node: the same machine started again and again, with the media of the moment."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from imagekit.machine.errors import HypervisorError
from imagekit.machine.libvirt import connection as hypervisor

_ENTER = 28  # Linux's key code
_HELD_MS = 100


class Power:
    """At most one running domain; it is destroyed by `off`, and by libvirt when this process dies."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened
        self._stack = ExitStack()
        self._handle: Any = None

    @property
    def running(self) -> bool:
        """Whether QEMU runs."""
        return self._handle is not None and hypervisor.runs(self._handle)

    def on(self, xml: str) -> None:
        """Start the machine that `xml` describes; raises `HypervisorError` when it runs already."""
        if self.running:
            raise HypervisorError("the machine is on already")
        self.off()
        self._handle = self._stack.enter_context(hypervisor.started(self._opened, xml))

    def off(self) -> None:
        """Take the power away; a machine that is off stays so."""
        self._handle = None
        self._stack.close()

    def press_enter(self) -> None:
        """One key on the machine's keyboard."""
        hypervisor.send_keys(self._handle, (_ENTER,), held_ms=_HELD_MS)

    def cpu_seconds(self) -> float:
        """What this QEMU has used so far; 0.0 when it is off."""
        return hypervisor.cpu_seconds(self._handle) if self._handle is not None else 0.0
