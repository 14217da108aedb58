"""Nodes for stories: forks of one installed disk, and machines that start from the medium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagekit.process import Completed
from imagekit.vm.disks import DiskSource
from imagekit.vm.domain import Forward
from imagekit.vm.hardware import NodeRequest
from imagekit.vm.identity import NodeKeys, agent_config
from imagekit.vm.interface import VmShape
from imagekit.vm.node import InstalledNode, node
from imagekit.waiting import Deadline, wait_until

_STARTS = 8  # of a node that has to find its way back by itself
_LOGIN = "login:"
_UNTIL_SECONDS = 240.0


class StoryNode:
    """An installed node as stories see it."""

    def __init__(self, machine: InstalledNode) -> None:
        self._machine = machine
        self._spent = 0.0

    @property
    def boots(self) -> int:
        """Starts so far."""
        return self._machine.boot_count

    @property
    def boot_seconds(self) -> float:
        """Wall seconds of all boots that ended in a login."""
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

    def reboot_until(self, words: str) -> bool:
        """Ask the node to reboot; whether the console says `words` before there is a login."""
        mark = self._machine.console_mark()
        self._machine.ask_restart()
        self._machine.wait_restart()
        return self._until(words, mark)

    def start_until(self, words: str) -> bool:
        """Cut the power and give it again; whether the console says `words` before there is a login."""
        self.cut_power()
        mark = self._machine.console_mark()
        self._machine.start()
        return self._until(words, mark)

    def cut_power(self) -> None:
        """Take the power away, now."""
        self._machine.cut_power()

    def start(self) -> None:
        """Give power again and wait for the login; the node may restart by itself on the way."""
        self._machine.start()
        self._spent += self._machine.wait_boot(boots=_STARTS, through_crashes=True).seconds_to_ssh

    def boot_from_disk(self) -> None:
        """Take the installation medium out, reboot, and wait for the login."""
        self._machine.shutdown()
        self._machine.start(media=())
        self._spent += self._machine.wait_boot().seconds_to_ssh

    def pause(self, seconds: float) -> None:
        """Let the node go on for so long."""
        end = Deadline.after(seconds)
        wait_until(lambda: end.passed, Deadline.after(seconds + 1), what="the moment of the power cut", every=0.02)

    def _until(self, words: str, mark: int) -> bool:
        pattern = f"{re.escape(words)}|{_LOGIN}"
        line = self._machine.wait_console(pattern, limit=_UNTIL_SECONDS, since=mark)
        if words in line:
            return True
        self._spent += self._machine.wait_boot(boots=_STARTS, through_crashes=True).seconds_to_ssh
        return False
