"""A machine from its start to its login, booted or continued from a saved node: the one way on every boot path."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ImagekitError
from imagekit.base.log import step
from imagekit.base.reason import summary
from imagekit.base.waiting import Limit
from imagekit.machine import ssh
from imagekit.machine.banner import BannerProbe
from imagekit.machine.console import Console, load_patterns
from imagekit.machine.disks import DiskSet
from imagekit.machine.domain import MACHINE, Incoming
from imagekit.machine.errors import BootFailedError, BootLoopError, ConnectionLostError, NodeLostError
from imagekit.machine.hardware import NodeHardware, NodeRequest
from imagekit.machine.identity import keep_keys, settling
from imagekit.machine.interface import BootPhase, BootRecord, SshTarget, Start
from imagekit.machine.libvirt.agent import GuestAgent
from imagekit.machine.libvirt.daemon import default_uri
from imagekit.machine.machine import NodeMachine
from imagekit.machine.phases import boot_phases
from imagekit.machine.power import Power
from imagekit.machine.profile import load_profile
from imagekit.machine.progresslimit import ProgressLimit, StartsLimit
from imagekit.machine.saved import KEYS, STATE
from imagekit.machine.starts import Starts
from imagekit.machine.watch import (
    awaited,
    empty_log,
    ended,
    explained,
    require_no_fatal_line,
    require_no_flood,
    whole_log,
)

# Seconds on the machine of reference; a real Kairos node takes 180 s there when all is well.
BOOT_LIMIT = 360.0
FORK_LIMIT = 60.0
DOWN_LIMIT = 120.0
_KEY_EVERY = 1.0


class StartedNode(NodeMachine):
    """A machine that is started, watched and logged in to; `imagekit.machine.node` makes it."""

    def __init__(
        self,
        *,
        request: NodeRequest,
        hardware: NodeHardware,
        target: SshTarget,
        power: Power,
        disks: DiskSet,
        qemu_version: str,
    ) -> None:
        console = Console(empty_log(request.folder), load_patterns(request.harness / "console-patterns.yaml"))
        super().__init__(
            name=hardware.name,
            target=target,
            record=None,
            console=console,
            watch=partial(self._look, through=request.direct is None),
            runs=lambda: power.running,
        )
        self.boot_id = ""
        self.judged: Path | None = None  # what checks judged of the cold boot, where that is kept
        self._request = request
        self._hardware = hardware
        self._power = power
        self._disks = disks
        self._qemu_version = qemu_version
        self._starts = Starts(console.log)
        self._login = ExitStack()
        self._media = request.media
        self._asked = 0.0
        self._before = 0
        self._mark = 0
        self._cpu_before = 0.0
        self._key_at = 0.0
        self._saved = request.saved  # until it was continued once

    @property
    def agent(self) -> GuestAgent | None:
        """The line to its guest agent; None where its machine has none."""
        request = self._request
        if not load_profile(request.shape.firmware, request.harness).agent:
            return None
        return GuestAgent(uri=request.uri or default_uri(), domain=self.name)

    @property
    def boot_count(self) -> int:
        """How often it started so far, as GRUB and the kernel say on the console."""
        return self._starts.poll()

    def start(self, *, media: tuple[Path, ...] | None = None) -> None:
        """Switch it on, with other `media` from now on if given; `wait_boot` waits for the login."""
        self._media = self._media if media is None else media
        self._asked, self._before, self._cpu_before = process.now(), self._starts.poll(), 0.0
        self._mark = self._console.size
        saved, self._saved = self._saved, None
        incoming = Incoming(state=saved.state, proven=saved.proven) if saved is not None else None
        domain = self._hardware.domain(self._disks.disks(), self._media, self._console.log, incoming)
        self._power.on(domain, self._hardware.template)

    def wait_boot(self, *, limit: float = BOOT_LIMIT, boots: int = 1, through_crashes: bool = False) -> BootRecord:
        """Wait until one can log in; `boots` starts are allowed, each with `limit` seconds on the machine of reference.

        With `through_crashes` a panic or an emergency shell on the console does not end the wait: the node is
        expected to restart by itself, and nobody touches GRUB's menu, or its list of fallback entries would not count.
        Raises `BootLoopError` at one start too many, `BootFailedError` with the console's end when no login can come,
        when the machine is off, or at the deadline.
        """
        watch = partial(self._look, most=self._before + boots, through=through_crashes, alone=through_crashes)
        deadline = self._deadline(limit)
        if boots > 1:
            deadline = StartsLimit(lambda: self._deadline(limit), lambda: self._starts.count)
        self._disconnect()
        with step(f"Waiting for the login of {self._request.name}") as reported:
            banner_at = self._log_in(deadline, watch, through_crashes)
            self._require_new_boot()
            self._record = self._measured(banner_at)
            reported.note = f"{self.boot.seconds_to_ssh:.1f} s, start {self.boot_count} of this machine"
        return self.boot

    def wait_fork(self, *, limit: float = FORK_LIMIT) -> BootRecord:
        """After the `start` of a saved node: log in, and give it the time and randomness of now.

        Raises as `wait_boot`, and `HypervisorError` when it is another node than the saved one.
        """
        saved = self._request.saved
        assert saved is not None
        self._connect(limit)
        answer = self.run(settling(datetime.now(UTC)))
        if answer.returncode != 0:
            raise BootFailedError(f"{self.name} did not take the time of now", hint=summary(answer.stderr))
        self.boot_id = answer.stdout.strip()
        self._record = replace(
            self._measured(process.now()),
            start=Start.FORK,
            cold_seconds=saved.boot.seconds_to_ssh,
            reason=f"saved {saved.saved:%Y-%m-%d %H:%M} UTC",
        )
        return self.boot

    def explain(self, reason: str) -> None:
        """Say in the record of the latest boot why it was this start."""
        self._record = replace(self.boot, reason=reason)

    def save(self, folder: Path) -> None:
        """Write all that the running node is into a folder: keys, memory, devices, disks; see `imagekit.machine.saved`.

        It stands still for that long. No connection of ours is in it: that is made anew afterwards. Raises
        `HypervisorError` or `OSError` when it could not be written; the node goes on then, too. `NodeLostError` when
        it does not.
        """
        self._disconnect()
        saved = self._request.saved
        try:
            keep_keys(self._request.keys if saved is None else saved.keys, folder / KEYS)
            self._power.save(folder / STATE, standing=lambda: self._disks.copy_to(folder))
        except Exception as error:  # not for Ctrl-C: whoever ends the run waits for no login
            self._go_on(str(error))
            raise
        self._go_on("")

    def _go_on(self, reason: str) -> None:
        """Log in again after a save; `reason` is why that failed, if it did."""
        try:
            self._connect(FORK_LIMIT)
        except (ImagekitError, OSError) as error:
            also = f" {reason.splitlines()[0]};" if reason else ""
            raise NodeLostError(
                f"{self.name} did not go on when it had been saved:{also} {str(error).splitlines()[0]}",
                hint=whole_log(self._console),
            ) from error

    def _connect(self, limit: float) -> None:
        with explained(self._console):
            self._login.enter_context(ssh.session(self.ssh, self._deadline(limit), partial(self._look, through=True)))

    def _deadline(self, limit: float) -> Limit:
        seconds = self._hardware.speed.scaled(limit)
        return ProgressLimit(seconds, self._power.cpu_seconds, lambda: self._console.size)

    def _disconnect(self) -> None:
        self._login.close()

    def _look(self, *, through: bool, most: int | None = None, alone: bool = False) -> None:
        """One look at a machine that must run on: crashes count unless `through`, starts up to `most`.

        A node that is left `alone` waits its menu out.
        """
        running = self.running  # asked before reading, so that a dead machine's last words are read
        fresh = self._console.poll()
        count = self._starts.poll()
        if most is not None and count > most:
            raise BootLoopError(
                f"{self.name} started {count - self._before} times, allowed were {most - self._before}; "
                f"the console's last lines:\n{self._console.tail()}",
                hint=whole_log(self._console),
            )
        if not through:
            require_no_fatal_line(self.name, fresh, self._console)
        if not running:
            raise ended(self.name, self._console, crashed=self._power.crashed)
        require_no_flood(self.name, self._console)
        if not alone:
            self._leave_menu()

    def _leave_menu(self) -> None:
        if self._request.press_enter and self._starts.menu and process.now() - self._key_at >= _KEY_EVERY:
            self._key_at = process.now()
            self._power.press_enter()

    def _log_in(self, deadline: Limit, watch: Callable[[], None], through: bool) -> float:
        """Connect; returns when the banner came. Between banner and login a node may restart if `through`."""
        while True:
            count = self._starts.count
            with BannerProbe(self.ssh.port, self._console.log, self._mark) as probe:
                awaited(probe.poll, deadline, watch, self._console, f"the SSH banner of {self.name}")
            banner_at = process.now()
            try:
                with explained(self._console):
                    self._login.enter_context(ssh.session(self.ssh, deadline, watch))
            except ConnectionLostError:
                watch()
                if not through or self._starts.count == count:
                    raise
            else:
                return banner_at

    def _require_new_boot(self) -> None:
        before, self.boot_id = self.boot_id, self.run("cat /proc/sys/kernel/random/boot_id").stdout.strip()
        if not self.boot_id or self.boot_id == before:
            raise BootFailedError(
                f"{self.name} did not restart: it is still in boot {before}", hint=whole_log(self._console)
            )

    def _measured(self, banner_at: float) -> BootRecord:
        now = process.now()
        return BootRecord(
            boot_path=self._request.boot_path,
            accelerator=self._hardware.speed.accelerator,
            qemu_version=self._qemu_version,
            machine=MACHINE,
            cpu_model=self._hardware.speed.cpu_model,
            shape=self._request.shape,
            seconds_to_ssh=now - self._asked,
            seconds_to_banner=banner_at - self._asked,
            cpu_seconds=self._power.cpu_seconds() - self._cpu_before,
            speed=self._hardware.speed.speed,
            phases=self._phases(now),
        )

    def _phases(self, now: float) -> tuple[BootPhase, ...]:
        if self._request.direct is not None:
            return ()  # no firmware, no boot loader
        shown = self.run("systemctl show --property=UserspaceTimestampMonotonic --value").stdout
        return boot_phases(self._starts, asked=self._asked, login=now, userspace_usec=shown)
