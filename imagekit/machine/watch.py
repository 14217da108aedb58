"""Waiting with an eye on the console: every failed wait shows where the machine stood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from imagekit.base.waiting import DeadlineError, Limit, wait_until
from imagekit.machine.console import Console, ConsoleMatch, Severity
from imagekit.machine.errors import BootFailedError, EmulatorLostError


def empty_log(folder: Path) -> Path:
    """A fresh console.log in a folder that keeps it."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "console.log"
    log.unlink(missing_ok=True)
    log.touch(mode=0o644)
    return log.resolve()


def whole_log(console: Console) -> str:
    """Where to read more, as a hint."""
    return f"The whole console is in {console.log}."


def require_no_fatal_line(name: str, fresh: list[ConsoleMatch], console: Console) -> None:
    """Raise `BootFailedError` for the first line that a boot does not survive."""
    fatal = [match for match in fresh if match.pattern.severity is Severity.FATAL]
    if fatal:
        known = fatal[0]
        raise BootFailedError(
            f"{name}: {known.pattern.meaning} (console line {known.line}: {known.text[:200]})\n{console.tail()}",
            hint=f"{known.pattern.hint} {whole_log(console)}",
        )


def require_no_flood(name: str, console: Console) -> None:
    """Raise `BootFailedError` when the console grows without end."""
    if console.flooded:
        raise BootFailedError(f"{name} floods its console", hint=whole_log(console))


def ended(name: str, console: Console, *, crashed: bool = False) -> BootFailedError | EmulatorLostError:
    """The error for a machine that is gone and should not be; the host's when what ran it was killed or broke down.

    A guest whose kernel panics is ended by libvirt as a crash too: what its console says of itself goes before.
    """
    own = any(match.pattern.severity is Severity.FATAL for match in console.matches)
    if crashed and not own:
        return EmulatorLostError(
            f"QEMU, which ran {name}, was killed or broke down; the console's last lines:\n{console.tail()}",
            hint="That is this host's doing, not the image's. Was memory short? `dmesg | grep -i 'out of memory'`; "
            f"libvirt's own log is {name}.log in /var/log/libvirt/qemu, of a user's libvirt in "
            f"~/.cache/libvirt/qemu/log. Then run it again. {whole_log(console)}",
        )
    return BootFailedError(
        f"{name} ended by itself; the console's last lines:\n{console.tail()}", hint=whole_log(console)
    )


def awaited(probe: Callable[[], bool], deadline: Limit, watch: Callable[[], None], console: Console, what: str) -> None:
    """Wait until `probe` says yes, watching; raises `BootFailedError` with the console's end at the deadline."""

    def seen() -> bool:
        watch()
        return probe()

    with explained(console):
        wait_until(seen, deadline, what=what)


@contextmanager
def explained(console: Console) -> Iterator[None]:
    """Turn a passed deadline into a failed boot that shows the end of the console."""
    try:
        yield
    except DeadlineError as error:
        console.poll()
        raise BootFailedError(
            f"{error}; the console's last lines:\n{console.tail()}", hint=whole_log(console)
        ) from None
