"""What can go wrong with a virtual machine."""

from __future__ import annotations

from imagekit.base.errors import RefusedError, ToolError


class BootFailedError(RefusedError):
    """The machine did not become a node one can log in to; the message names what the console showed."""


def interrupted() -> BootFailedError:
    """What whoever starts a machine of a run that has ended is told."""
    return BootFailedError("no machine is started any more: the run was interrupted")


class BootLoopError(BootFailedError):
    """The machine started again more often than it was allowed to."""


class HypervisorError(ToolError):
    """libvirt or QEMU is missing, too old or refuses its work."""


class NodeLostError(HypervisorError):
    """A running node did not go on after it was saved: nobody can log in to it any more."""


class EmulatorLostError(ToolError):
    """QEMU was killed or broke down under a machine that wanted to go on: the host's fault, not the image's."""


class ConnectionLostError(ToolError):
    """The SSH connection to a running machine broke."""
