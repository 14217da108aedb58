"""The connection to libvirt: opened, checked, and domains that die with whoever started them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from imagekit.machine.errors import HypervisorError
from imagekit.machine.libvirt.daemon import default_uri
from imagekit.machine.sshhost import require_ssh

OLDEST_QEMU = 10_000_000  # 7.2 under emulation killed six of eight guests with kernel 6.12
_NO_DOMAIN = 42  # VIR_ERR_NO_DOMAIN


@contextmanager
def connection(uri: str | None = None) -> Iterator[Any]:
    """An open connection to a hypervisor with QEMU 10 or newer; raises `HypervisorError` otherwise."""
    import libvirt

    libvirt.registerErrorHandler(lambda *_: None, None)  # errors come as exceptions; the library would print them too
    name = uri or default_uri()
    require_ssh(name)
    try:
        opened = libvirt.open(name)
    except libvirt.libvirtError as error:
        raise HypervisorError(
            f"libvirt does not answer at {name}: {error}",
            hint="Start the service libvirtd (or virtqemud), or see `imagekit doctor`.",
        ) from None
    try:
        check_version(opened.getVersion())
        yield opened
    finally:
        opened.close()


def check_version(version: int) -> None:
    """Refuse a QEMU older than 10; libvirt's number is major times a million, minor times a thousand, micro."""
    if version < OLDEST_QEMU:
        raise HypervisorError(
            f"QEMU {version_text(version)} is too old: version 10 or newer is needed",
            hint="On Debian 12 the backports suite has it; older ones break kernel 6.12 under emulation.",
        )


def version_text(version: int) -> str:
    """libvirt's number as people write it."""
    return f"{version // 1_000_000}.{version // 1000 % 1000}.{version % 1000}"


@contextmanager
def started(opened: Any, xml: str, *, paused: bool = False) -> Iterator[Any]:
    """A transient domain, destroyed at the end, and by libvirt itself when this process dies."""
    import libvirt

    flags = libvirt.VIR_DOMAIN_START_AUTODESTROY | (libvirt.VIR_DOMAIN_START_PAUSED if paused else 0)
    try:
        domain = opened.createXML(xml, flags)
    except libvirt.libvirtError as error:
        raise HypervisorError(f"libvirt did not start the machine: {error}") from None
    try:
        yield domain
    finally:
        destroy(domain)


def check_may_relay(name: str) -> None:
    """Refuse a QEMU that libvirt forbids to start programs: it could not connect a guest to the harness's servers."""
    for folder in (Path("/run/libvirt/qemu"), Path(os.environ.get("XDG_RUNTIME_DIR", "/run")) / "libvirt/qemu/run"):
        try:
            pid = (folder / f"{name}.pid").read_text().strip()
            line = Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            continue
        if "spawn=deny" in line:
            raise HypervisorError(
                "libvirt starts QEMU in a sandbox that forbids the connection from the guest to servers of the test",
                hint="Set `seccomp_sandbox = 0` in libvirt's qemu.conf and restart libvirtd (or virtqemud).",
            )


def destroy(domain: Any) -> None:
    """End a domain at once; one that is gone already is fine."""
    import libvirt

    try:
        domain.destroy()
    except libvirt.libvirtError as error:
        if error.get_error_code() not in (_NO_DOMAIN, libvirt.VIR_ERR_OPERATION_INVALID):
            raise HypervisorError(f"libvirt did not end the machine {domain.name()}: {error}") from None


def runs(domain: Any) -> bool:
    """Whether QEMU still runs."""
    import libvirt

    try:
        return bool(domain.isActive())
    except libvirt.libvirtError:
        return False


def send_keys(domain: Any, codes: Sequence[int], *, held_ms: int) -> None:
    """Press keys, by Linux's key codes, all at once; a machine that just ended takes none."""
    import libvirt

    try:
        domain.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, held_ms, list(codes), len(codes), 0)
    except libvirt.libvirtError as error:
        if runs(domain):
            raise HypervisorError(f"libvirt did not press a key on {domain.name()}: {error}") from None


def crashed(name: str, folders: Sequence[Path] | None = None) -> bool:
    """Whether libvirt's log of a domain ends with QEMU's crash, which a kill is too; False where it cannot be read.

    A transient domain is forgotten with its end, and its reason (`virDomainShutoffReason`) stands there alone.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    for folder in folders or (Path("/var/log/libvirt/qemu"), cache / "libvirt/qemu/log"):
        try:
            lines = (folder / f"{name}.log").read_text(errors="replace").rstrip().splitlines()
        except OSError:
            continue
        return bool(lines) and lines[-1].endswith("shutting down, reason=crashed")
    return False


def cpu_seconds(domain: Any) -> float:
    """Processor seconds that QEMU has used; 0.0 when it is gone."""
    import libvirt

    try:
        return float(domain.info()[4]) / 1e9
    except libvirt.libvirtError:
        return 0.0
