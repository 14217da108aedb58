"""Where the time of an installed boot went: firmware and boot loader, kernel, initrd, userspace."""

from __future__ import annotations

from imagekit.machine.interface import BootPhase
from imagekit.machine.starts import Starts


def boot_phases(starts: Starts, *, asked: float, login: float, userspace_usec: str) -> tuple[BootPhase, ...]:
    """The parts of one boot from `asked` to `login` (this process's clock); what was not seen is not reported.

    The kernel's own part is told by its line about init, the initrd's by the moment when the root's systemd began
    (`userspace_usec`, as systemd shows it: microseconds of the kernel's clock).
    """
    if starts.kernel_at is None or starts.init_at is None or starts.init_uptime is None:
        return ()
    parts = [("firmware", starts.kernel_at - asked), ("kernel", starts.init_at - starts.kernel_at)]
    userspace = int(userspace_usec) / 1e6 if userspace_usec.strip().isdigit() else 0.0
    initrd = max(0.0, userspace - starts.init_uptime) if userspace else 0.0
    parts += [("initrd", initrd), ("userspace", login - starts.init_at - initrd)]
    return tuple(BootPhase(name=name, seconds=round(seconds, 2)) for name, seconds in parts)
