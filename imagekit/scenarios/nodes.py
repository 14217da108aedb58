"""Nodes as scenarios see them: installed ones, and machines that start from the medium."""

from __future__ import annotations

import re
from collections.abc import Callable

from imagekit.base.process import Completed, now
from imagekit.base.waiting import Deadline, wait_until
from imagekit.machine.interface import Start
from imagekit.machine.machine import NodeMachine
from imagekit.machine.node import InstalledNode
from imagekit.machine.saved import SavedNode

_STARTS = 8  # of a node that has to find its way back by itself
_LOGIN = "login:"
_UNTIL_SECONDS = 240.0


class ScenarioNode:
    """An installed node as scripts see it."""

    def __init__(self, machine: InstalledNode) -> None:
        self.pace = 1.0
        self._machine = machine
        self._spent = 0.0
        self._start_kind = Start.COLD

    @property
    def began(self) -> Start:
        """Whether its life here began with a boot, or as a fork of a node that had booted."""
        return self._start_kind

    @property
    def boots(self) -> int:
        """Starts so far; to continue a saved node is none."""
        return self._machine.boot_count

    @property
    def boot_seconds(self) -> float:
        """Wall seconds of all boots, to the login or to where they hang."""
        return self._spent

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        """Run a shell command as root."""
        return self._machine.run(command, timeout=timeout)

    def reboot(self) -> None:
        """Ask the node to reboot and wait for the next login; one start is allowed."""
        self._spent += self._machine.reboot().seconds_to_ssh

    def reboot_through(self) -> None:
        """Ask the node to reboot and wait for the next login, however often it crashes and starts again."""
        record = self._machine.reboot(boots=_STARTS, through_crashes=True)
        self._spent += record.seconds_to_ssh

    def reboot_twice(self) -> None:
        """Ask the node to reboot, let it do its work and restart by itself, and wait for the login after that."""
        begun = now()
        self._machine.ask_restart()
        self._machine.wait_restart()
        self._machine.expect_restart()
        self._machine.wait_restart(limit=_UNTIL_SECONDS * self.pace)
        self._machine.wait_boot()
        self._spent += now() - begun

    def reboot_until(self, words: str) -> bool:
        """Ask the node to reboot; whether the console says `words` before there is a login."""
        mark, begun = self._machine.console_mark(), now()
        self._machine.ask_restart()
        self._machine.wait_restart()
        return self._until(words, mark, begun)

    def start_until(self, words: str) -> bool:
        """Cut the power and give it again; whether the console says `words` before there is a login."""
        self.cut_power()
        mark, begun = self._machine.console_mark(), now()
        self._machine.start()
        return self._until(words, mark, begun)

    def cut_power(self) -> None:
        """Take the power away, now."""
        self._machine.cut_power()

    def start(self) -> None:
        """Give power again and wait for the login; the node may restart by itself on the way."""
        self._machine.start()
        self._spent += self._machine.wait_boot(boots=_STARTS, through_crashes=True).seconds_to_ssh

    def begin(self, saved: SavedNode | None) -> None:
        """Boot for the first time, one start is allowed; or continue the saved node. Then one can log in."""
        self._machine.start()
        first = self._machine.wait_boot() if saved is None else self._machine.wait_fork()
        self.pace, self._spent, self._start_kind = first.pace, self._spent + first.seconds_to_ssh, first.start

    def pause(self, seconds: float) -> None:
        """Let the node go on for so long."""
        end = Deadline.after(seconds)
        wait_until(lambda: end.passed, Deadline.after(seconds + 1), what="the moment of the power cut", every=0.02)

    def _until(self, words: str, mark: int, begun: float) -> bool:
        pattern = f"{re.escape(words)}|{_LOGIN}"
        line = self._machine.wait_console(pattern, limit=_UNTIL_SECONDS * self.pace, since=mark)
        if words in line:
            self._spent += now() - begun
            return True
        self._spent += self._machine.wait_boot(boots=_STARTS, through_crashes=True).seconds_to_ssh
        return False


class MediumNode:
    """A machine that runs from the medium until `boot_from_disk`; from then on the installed one."""

    def __init__(self, live: NodeMachine, leave: Callable[[], ScenarioNode]) -> None:
        self._live: NodeMachine | None = live
        self.pace = live.boot.pace
        self._live_seconds = live.boot.seconds_to_ssh
        self._leave = leave
        self._installed: ScenarioNode | None = None

    @property
    def began(self) -> Start:
        """A medium is always booted."""
        return Start.COLD

    @property
    def boots(self) -> int:
        """Starts so far, that of the medium included."""
        return 1 + (self._installed.boots if self._installed else 0)

    @property
    def boot_seconds(self) -> float:
        """Wall seconds of all boots, to the login or to where they hang."""
        return self._live_seconds + (self._installed.boot_seconds if self._installed else 0.0)

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        """Run a shell command as root."""
        if self._installed is not None:
            return self._installed.run(command, timeout=timeout)
        return self._medium.run(command, timeout=timeout)

    def boot_from_disk(self) -> None:
        """Cut the power, take the medium out, start, and wait for the login."""
        self._installed, self._live = self._leave(), None

    def reboot(self) -> None:
        """Ask the installed node to reboot and wait for the next login."""
        self._disk.reboot()

    @property
    def _medium(self) -> NodeMachine:
        assert self._live is not None
        return self._live

    @property
    def _disk(self) -> ScenarioNode:
        assert self._installed is not None
        return self._installed
