"""testinfra's own modules over the facts of one batch, so that `host.service(...)` costs no round trip of its own.

A module of testinfra puts each of its questions as a command: `host.file("/etc/shadow").mode` is ``stat -Lc %a ...``.
`imagekit.checks.answers` knows what the facts answer to such a command; any other one is run on the node, as ever.
Facts are of one moment. So only the first time that a check puts a question it is answered out of them, which makes
a loop that waits for something ask the node; and not at all once the check has run a command of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from imagekit.checks.answers import answer

if TYPE_CHECKING:
    from testinfra.backend.base import CommandResult
    from testinfra.host import Host

    from imagekit.checks.facts import Facts

MODULES = frozenset({"file", "group", "mount_point", "package", "service", "sysctl", "system_info", "user"})
_COMMANDS = frozenset({"check_output", "run", "run_expect", "run_test"})


class Batch:
    """What may still be answered out of the facts in the check that runs now."""

    def __init__(self, facts: Callable[[], Facts]) -> None:
        self._collect = facts
        self._asked: set[tuple[str, ...]] = set()
        self._live = False

    def ask_now(self) -> None:
        """Ask for the facts in a thread, so that they are there, or nearly, when the first check wants them."""
        pool = ThreadPoolExecutor(1)
        self._collect = pool.submit(self._collect).result
        pool.shutdown(wait=False)

    @cached_property
    def facts(self) -> Facts:
        """The facts, asked for once."""
        return self._collect()

    def begin(self) -> None:
        """Another check begins."""
        self._asked.clear()
        self._live = False

    def ran_command(self) -> None:
        """The check runs a command of its own, which may change what the facts say."""
        self._live = True

    def answer(self, command: str, args: tuple[str, ...]) -> tuple[int, str] | None:
        """Exit status and output of a command of testinfra's modules; None: the node has to be asked."""
        if self._live or (command, *args) in self._asked:
            return None
        self._asked.add((command, *args))
        return answer(command, args, self.facts)


class BatchedHost:
    """testinfra's `Host`: its modules ask the batch first, everything else goes to the node."""

    def __init__(self, host: Host, batch: Batch) -> None:
        from testinfra.host import Host as TestinfraHost

        self._host, self._batch = host, batch
        self._modules: Host = TestinfraHost(_Backend(host, batch))

    def __getattr__(self, name: str) -> Any:
        if name in _COMMANDS:
            self._batch.ran_command()
        return getattr(self._modules if name in MODULES else self._host, name)


class _Backend:
    """The node's backend, with the batch before it."""

    def __init__(self, host: Host, batch: Batch) -> None:
        self._backend, self._batch = host.backend, batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def run(self, command: str, *args: str, **more: Any) -> CommandResult:
        """What the facts answer, else what the node does."""
        known = self._batch.answer(command, args)
        if known is None:
            return self._backend.run(command, *args, **more)
        return self._backend.result(known[0], self._backend.encode(command), known[1], "")
