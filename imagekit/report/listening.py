"""What listens on a node, asked with one command."""

from __future__ import annotations

from imagekit.inventory.live import Listening, parse_listening
from imagekit.machine.interface import Machine

_COMMAND = "ss -Hlntup; echo end"
_MOST = 2000  # sockets; a node that says more is not believed


def collect_listening(machine: Machine, *, timeout: float = 60.0) -> tuple[Listening, ...] | None:
    """Ask a running node what listens; None where it does not answer whole, so that nothing is claimed."""
    lines = machine.run(_COMMAND, timeout=timeout).stdout.splitlines()
    if lines[-1:] != ["end"] or len(lines) > _MOST:
        return None
    return parse_listening(lines[:-1])
