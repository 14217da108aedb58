"""A node over many boots: started by a kernel or through firmware, rebooted, cut off, started again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.machine import ssh
from imagekit.machine.alive import counted
from imagekit.machine.disks import DiskSet
from imagekit.machine.folder import owned_folder, seen_by
from imagekit.machine.hardware import NodeHardware, NodeRequest, sources
from imagekit.machine.interface import BootRecord
from imagekit.machine.libvirt.provider import connect as libvirt
from imagekit.machine.power import Power
from imagekit.machine.provider import Connect
from imagekit.machine.started import BOOT_LIMIT, DOWN_LIMIT, StartedNode
from imagekit.machine.tunnel import Route, route
from imagekit.machine.watch import (
    awaited,
)


@contextmanager
def node(request: NodeRequest, *, connect: Connect = libvirt) -> Iterator[InstalledNode]:
    """A node that is off, with its disks made; all of it but the console log is gone when the block ends.

    Raises `HypervisorError` when libvirt or QEMU do not do their part.
    """
    with ExitStack() as stack:
        provider = stack.enter_context(connect(request.uri))
        speed = provider.acceleration((request.work, request.folder))
        private = stack.enter_context(owned_folder(request.run_id))
        base = seen_by(request.uri, request.folder)
        folder = private if base is None else stack.enter_context(owned_folder(request.run_id, base))
        folder.chmod(0o711)  # the TPM's emulator may run as a user of its own
        disks = DiskSet(_disks_folder(request, stack), sources(request))
        ports = _ports(request, stack)
        reaching = replace(request, forwards=ports.forwards)
        keys = request.saved.keys if request.saved is not None else request.keys
        made = InstalledNode(
            request=request,
            hardware=NodeHardware(reaching, provider.emulator, speed, folder, ports.there),
            target=ssh.write_target(private, port=ports.here, user=keys.user, client=keys.client, host=keys.host),
            power=Power(provider),
            disks=disks,
            qemu_version=provider.qemu_version,
        )
        stack.callback(made.cut_power)
        stack.enter_context(counted(request.run_id, made))
        yield made


def _ports(request: NodeRequest, stack: ExitStack) -> Route:
    """Where SSH is; a machine in a network of others is where that says."""
    if request.link is not None:
        return Route(here=request.link.ssh_port, there=request.link.ssh_port, forwards=request.forwards)
    return stack.enter_context(route(request.uri, request.forwards))


def _disks_folder(request: NodeRequest, stack: ExitStack) -> Path:
    """Where its own disks lie; a machine without any leaves nothing in the work folder."""
    if not request.disks:
        return request.work
    request.work.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(owned_folder(request.run_id, request.work))


class InstalledNode(StartedNode):
    """A node over many boots; `node` makes it. After `start` or a restart of its own, `wait_boot` brings the login."""

    def reboot(
        self,
        *,
        limit: float = BOOT_LIMIT,
        down_limit: float = DOWN_LIMIT,
        boots: int = 1,
        through_crashes: bool = False,
    ) -> BootRecord:
        """Let the node restart, and wait for the login after it; raises as `ask_restart` and `wait_boot`.

        `down_limit` is for the time until the new start.
        """
        self.ask_restart()
        self.wait_restart(limit=down_limit)
        return self.wait_boot(limit=limit, boots=boots, through_crashes=through_crashes)

    def ask_restart(self) -> None:
        """Tell the node to restart; returns when it took the order. Raises `BootFailedError` when it does not."""
        self.expect_restart()
        self.order("reboot")

    def expect_restart(self) -> None:
        """From now on a restart is awaited and its time is taken; for restarts that nobody asks for."""
        self._asked, self._before, self._mark = process.now(), self._starts.poll(), self._console.size
        self._cpu_before = self._power.cpu_seconds()

    def wait_restart(self, *, limit: float = DOWN_LIMIT) -> None:
        """Wait for the first sign of a new start since `ask_restart` or `expect_restart`."""
        watch = partial(self._look, through=True)
        deadline = self._deadline(limit)
        awaited(
            lambda: self._starts.count > self._before, deadline, watch, self._console, f"the restart of {self.name}"
        )
        self._disconnect()

    def shutdown(self, *, limit: float = DOWN_LIMIT) -> None:
        """Let the guest switch itself off, and wait until it has."""
        self.order("poweroff")
        self.wait_off(limit=limit)

    def wait_off(self, *, limit: float = DOWN_LIMIT) -> None:
        """Wait until the guest has switched the machine off; raises `BootFailedError` at the deadline."""
        awaited(lambda: not self.running, self._deadline(limit), lambda: None, self._console, f"{self.name} to go off")
        self.cut_power()

    def cut_power(self) -> None:
        """Take the power away at once; what the guest had not written to its disks is lost."""
        self._disconnect()
        self._power.off()

    def end(self) -> None:
        """Take the power away at once and for good: also while another thread starts it, or before that does."""
        self._power.end()
        self._disconnect()

    def keep_disks(self, name: str) -> None:
        """Remember what is on all disks as `name`; only while it is off."""
        self._must_be_off()
        self._disks.keep(name)

    def restore_disks(self, name: str) -> None:
        """Bring all disks back to what `keep_disks` remembered; only while it is off."""
        self._must_be_off()
        self._disks.restore(name)

    def console_mark(self) -> int:
        """A point in the console, for `console_since`."""
        return self._console.size

    def console_since(self, mark: int) -> str:
        """What the console said after a point, without escape codes."""
        return self._console.text_since(mark)

    def wait_console(self, pattern: str, *, limit: float, since: int = 0) -> str:
        """Wait for a regular expression on the console after a point, and return the line that has it."""
        expression = re.compile(pattern)
        lines: list[str] = []

        def seen() -> bool:
            lines[:] = [line for line in self.console_since(since).split("\n") if expression.search(line)]
            return bool(lines)

        watch = partial(self._look, through=True)
        awaited(seen, self._deadline(limit), watch, self._console, f"{pattern!r} on the console of {self.name}")
        return lines[0]

    def _must_be_off(self) -> None:
        if self.running:
            raise ToolError(f"{self.name} is on", hint="Shut it down or cut its power first.")
