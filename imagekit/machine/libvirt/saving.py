"""Memory and devices of a domain to a file, and a new domain that goes on from there.

QEMU's own migration to a file, by libvirt's passthrough to the monitor: libvirt saves and snapshots no domain that dies
with its starter (autodestroy), restores none under another UUID, and so none twice; see docs/adr/0016-forks.md. The
commands are those of https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#migration.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from imagekit.base.waiting import Deadline, wait_until
from imagekit.machine.domain import Incoming
from imagekit.machine.errors import HypervisorError
from imagekit.machine.libvirt.reach import admit_state

_SECONDS = 120.0  # a state of a gigabyte on a slow disk
_EVERY = 0.02
_NO_LIMIT = 1 << 40  # bytes a second; QEMU's default would hold a file to 128 MiB a second
_FINISHING = "finish-migrate"
_ENDED = ("completed", "failed", "cancelled")


def save(domain: Any, state: Path, standing: Callable[[], None]) -> None:
    """Write the state; the domain stands still meanwhile, and goes on whatever came of it."""
    state.touch(mode=0o600)
    admit_state(domain.connect(), state)
    _suspended(domain, True)
    try:
        _ask(domain, "migrate-set-parameters", {"max-bandwidth": _NO_LIMIT})
        _ask(domain, "migrate", {"uri": f"file:{state}"})
        _migrated(domain, f"the state of {domain.name()} to be written to {state}")
        _finalized(domain)
        standing()
    finally:
        _suspended(domain, False)


def load(domain: Any, incoming: Incoming) -> None:
    """Let a paused domain that was started with ``-incoming defer`` take a state, and go on when that is proven."""
    status = _ask(domain, "query-status", {}).get("status")
    if status != "inmigrate":
        raise HypervisorError(
            f"QEMU waits for no state, it is {status}",
            hint="The project's own vm-harness/domains/machine.xml.j2 lacks `-incoming`; see imagekit's.",
        )
    try:
        _ask(domain, "migrate-incoming", {"uri": f"file:{incoming.state}"})
        incoming.proven()
        _migrated(domain, f"{domain.name()} to take its saved state")
        _suspended(domain, False)
    except HypervisorError as error:
        if _runs(domain):
            raise
        raise HypervisorError(
            f"QEMU ended while {domain.name()} took its saved state",
            hint=f"What it said: libvirt's log of that machine, qemu/{domain.name()}.log. {error}",
        ) from None


def _migrated(domain: Any, what: str) -> None:
    """Wait for the end of a migration to or from a file; raises `HypervisorError` when it is not a good one."""
    seen: dict[str, Any] = {}

    def ended() -> bool:
        seen.update(_ask(domain, "query-migrate", {}))
        return seen.get("status") in _ENDED

    wait_until(ended, Deadline.after(_SECONDS), what=what, every=_EVERY)
    if seen["status"] != "completed":
        raise HypervisorError(f"waiting for {what}: {seen['status']}: {seen.get('error-desc', 'QEMU says no reason')}")


def _finalized(domain: Any) -> None:
    """Wait until a machine that was written can go on.

    QEMU calls the migration completed a moment before it takes the machine out of ``finish-migrate``, in another
    thread, and lets no machine go on until then ("Migration is not finalized yet", qmp_cont of QEMU 10.0).
    """
    wait_until(
        lambda: _ask(domain, "query-status", {}).get("status") != _FINISHING,
        Deadline.after(_SECONDS),
        what=f"{domain.name()} to be able to go on",
        every=_EVERY,
    )


def _runs(domain: Any) -> bool:
    import libvirt

    try:
        return bool(domain.isActive())
    except libvirt.libvirtError:
        return False


def _suspended(domain: Any, stop: bool) -> None:
    import libvirt

    try:
        domain.suspend() if stop else domain.resume()
    except libvirt.libvirtError as error:
        word = "stop" if stop else "continue"
        raise HypervisorError(f"libvirt did not {word} the machine {domain.name()}: {error}") from None


def _ask(domain: Any, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """One command of QEMU's monitor; raises `HypervisorError` with QEMU's words."""
    import libvirt
    import libvirt_qemu

    text = json.dumps({"execute": command, "arguments": dict(arguments)})
    try:
        answer = json.loads(libvirt_qemu.qemuMonitorCommand(domain, text, 0))
    except libvirt.libvirtError as error:
        raise HypervisorError(f"QEMU did not answer {command}: {error}") from None
    if "error" in answer:
        raise HypervisorError(f"QEMU refused {command}: {answer['error'].get('desc', answer['error'])}")
    found: dict[str, Any] = answer.get("return") or {}
    return found
