"""A booted node as the rest of imagekit sees it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imagekit.base.process import Completed
from imagekit.base.reason import summary
from imagekit.base.waiting import Deadline
from imagekit.machine import ssh
from imagekit.machine.console import Console
from imagekit.machine.errors import BootFailedError, ConnectionLostError
from imagekit.machine.interface import BootRecord, SshTarget
from imagekit.machine.watch import awaited

_JOURNAL_LIMIT = 32 << 20
_UNMEASURED = 10.0  # times as long, as long as nobody knows what this machine's boot takes


class NodeMachine:
    """A running machine behind `imagekit.machine.interface.Machine`; lives as long as the block that made it."""

    def __init__(
        self,
        *,
        name: str,
        target: SshTarget,
        record: BootRecord | None,
        console: Console,
        watch: Callable[[], None],
        runs: Callable[[], bool],
    ) -> None:
        self.name = name
        self.ssh = target
        self.console = console.log
        self._record = record
        self._console = console
        self._watch = watch
        self._runs = runs

    @property
    def running(self) -> bool:
        """Whether the machine is on."""
        return self._runs()

    @property
    def boot(self) -> BootRecord:
        """What the latest boot was and cost; raises `BootFailedError` before the first one."""
        if self._record is None:
            raise BootFailedError(f"{self.name} has not been booted yet")
        return self._record

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        """Run a shell command on the node as root and return what it wrote, whatever its status.

        `timeout` in seconds with the node and the machine of reference; the pace of the latest boot makes it longer.
        Raises `BootFailedError` when the machine died, `ConnectionLostError` when only the connection broke.
        """
        try:
            return ssh.run_as_root(self.ssh, command, timeout=self._patient(timeout))
        except ConnectionLostError:
            self._watch()
            raise

    def _patient(self, seconds: float) -> float:
        return self._record.scaled(seconds) if self._record is not None else seconds * _UNMEASURED

    def copy_from(self, remote: str, local: Path, *, limit: int = 64 << 20) -> None:
        """Fetch one file, of at most `limit` bytes; links are not followed on this side."""
        ssh.copy_file(self.ssh, remote, local, limit=limit)

    def wait_off(self, *, limit: float) -> None:
        """Wait until the guest has switched the machine off; raises `BootFailedError` at the deadline."""
        deadline = Deadline.after(self.boot.scaled(limit))
        awaited(lambda: not self.running, deadline, lambda: None, self._console, f"{self.name} to go off")

    def order(self, verb: str) -> None:
        """Tell systemd to ``reboot`` or ``poweroff``, whatever inhibits it; returns when the order is taken.

        Raises `BootFailedError` with systemd's answer when it is not. Kairos's stage reconcile inhibits a shutdown five
        minutes after boot and then every hour. systemd 257 heeds that for root too, even with --check-inhibitors=no
        (https://github.com/systemd/systemd/issues/36786), since logind asks polkit. So logind is not asked: this is
        what ``systemctl reboot`` does without it (systemctl(1)), and as orderly.
        """
        command = f"systemctl start --no-block --job-mode=replace-irreversibly {verb}.target"
        try:
            done = ssh.run_as_root(self.ssh, command, timeout=self._patient(60.0))
        except ConnectionLostError:
            return  # the node was quicker than its answer; what it does is seen on the console
        if done.returncode != 0:
            raise BootFailedError(f"{self.name} did not take the order: {command}", hint=summary(done.stderr))

    def save_journal(self, local: Path) -> None:
        """Keep the journal of this boot as text, at most 32 MiB."""
        ssh.copy_output(
            self.ssh, "journalctl -b --no-pager -o short-monotonic", "the journal", local, limit=_JOURNAL_LIMIT
        )
