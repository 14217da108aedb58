"""The system libvirt: used where it answers, started (and stopped again) where no service manager would do it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.process import run
from imagekit.machine.errors import HypervisorError
from imagekit.machine.libvirt.busy import URI
from imagekit.machine.sshhost import require_ssh
from imagekit.services.lease import leased, running
from imagekit.services.model import Daemon, ServiceError

QEMU_CONF = Path("/etc/libvirt/qemu.conf")
_STATE = Path("/run/imagekit-libvirt")
# swtpm_setup(8) looks here for its configuration first, and so for what signs the certificates of TPMs.
_TPM = _STATE / "swtpm"
_SYSTEMD = Path("/run/systemd/system")
_BEGIN = "# imagekit begin: settings for a machine without a service manager, see CONTRIBUTING.md"
_END = "# imagekit end"
# Without systemd there are no machine slices, no virtlogd socket and mostly no security module (libvirt 9 and 11).
_SETTINGS = {
    "user": '"root"',
    "group": '"root"',
    "security_driver": '"none"',
    "namespaces": "[]",
    "remember_owner": "0",
    "stdio_handler": '"file"',
    "cgroup_controllers": "[]",
    # QEMU's user network starts a relay for each connection of the guest to a server of the harness, which is what lets
    # the guest reach that server and nothing else of the host; libvirt's sandbox forbids QEMU to start programs.
    "seccomp_sandbox": "0",
    # The TPM's emulator keeps its state in the private folder of its machine.
    "swtpm_user": '"root"',
    "swtpm_group": '"root"',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Libvirt:
    """A libvirt that answers, and whether imagekit started it."""

    uri: str
    ours: bool


def default_uri() -> str:
    """The system's daemon for root, the user's own otherwise; LIBVIRT_DEFAULT_URI wins as everywhere in libvirt."""
    return os.environ.get("LIBVIRT_DEFAULT_URI") or (URI if os.geteuid() == 0 else "qemu:///session")


@contextmanager
def libvirt(uri: str | None = None) -> Iterator[Libvirt]:
    """A libvirt connection address that answers, for the time of the block; by default `default_uri`.

    Raises `ServiceError` when it does not answer and cannot be started here (another host, a service manager, no root).
    """
    uri, private = uri or default_uri(), daemon()
    if uri != URI or (not running(private) and answers(uri)):
        if not answers(uri):
            raise ServiceError(f"no libvirt answers at {uri}", hint="`virsh -c URI version` says why.")
        yield Libvirt(uri=uri, ours=False)
        return
    prepare(private)
    with leased(private, answers):
        yield Libvirt(uri=uri, ours=True)


def daemon() -> Daemon:
    """libvirtd of the host; one for all work folders, so its locks lie under /run."""
    program = "libvirtd" if shutil.which("libvirtd") else "virtqemud"
    return Daemon(
        name="libvirtd",
        argv=(program, "--pid-file", str(_STATE / "libvirtd.pid")),
        state=_STATE,
        log=_STATE / "libvirtd.log",
        leftovers=(_STATE / "libvirtd.pid",),
        busy="imagekit.machine.libvirt.busy:busy",
        environment={"XDG_CONFIG_HOME": str(_TPM)},
    )


def answers(uri: str = URI) -> bool:
    """Whether a libvirt takes connections at `uri`."""
    import libvirt as library

    library.registerErrorHandler(lambda _context, _error: None, None)
    try:
        require_ssh(uri)
        library.open(uri).close()
    except (library.libvirtError, HypervisorError):
        return False
    return True


def prepare(private: Daemon) -> None:
    """Make ready to start libvirtd. Raises `ServiceError` where that is a service manager's or root's business."""
    if _SYSTEMD.is_dir():
        raise ServiceError(
            f"no libvirt answers at {URI}", hint="Start it: sudo systemctl start libvirtd (or virtqemud)."
        )
    if os.geteuid() != 0:
        raise ServiceError(f"no libvirt answers at {URI}, and starting it needs root", hint="Run this with sudo.")
    private.state.mkdir(mode=0o755, exist_ok=True)
    own_authority(_TPM)
    if QEMU_CONF.parent.is_dir():
        configure(QEMU_CONF)


def own_authority(folder: Path) -> None:
    """Make an authority for TPMs of machines that this daemon starts, which run as root.

    That of the host is for its user tss, who could use it no more after root had: a libvirt with the distribution's
    defaults would start no machine with a TPM. A swtpm_setup that makes no configuration (before 0.7) uses the host's.
    """
    program = shutil.which("swtpm_setup")
    if program is None or (folder / "swtpm_setup.conf").exists():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(ToolError):
        run([program, "--create-config-files", "overwrite,root"], timeout=30, env={"XDG_CONFIG_HOME": str(folder)})


def configure(path: Path) -> None:
    """Put our settings into a marked block of qemu.conf; what the owner of the machine set already stays as it is."""
    before = path.read_text() if path.exists() else ""
    lines, inside = [], False
    for line in before.splitlines():
        inside = inside or line == _BEGIN
        if not inside:
            lines.append(line)
        inside = inside and line != _END
    taken = {line.partition("=")[0].strip() for line in lines if "=" in line}
    ours = [f"{key} = {value}" for key, value in _SETTINGS.items() if key not in taken]
    after = "\n".join([*lines, _BEGIN, *ours, _END]) + "\n"
    if after != before:
        fresh = path.with_name(path.name + ".imagekit")
        fresh.write_text(after)
        fresh.chmod(0o600)
        fresh.replace(path)
