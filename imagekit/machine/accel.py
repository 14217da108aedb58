"""Which accelerator works here, and how fast this machine is: both found by running a boot sector.

/dev/kvm can open and the guest still hang, or crawl: a nested KVM was seen to end an empty boot sector in 2 s, and not
to finish in 10 s the counting loop that emulation does in 2 s. So KVM must finish the loop too.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.machine.errors import HypervisorError
from imagekit.machine.folder import runtime_base
from imagekit.machine.interface import Accelerator

_LIMIT = 3.0
ANSWER = b"K"
_ANSWER = 33  # isa-debug-exit ends QEMU with twice the written value plus one
_WRITTEN = 16
_ROUNDS = 1 << 28
# Seconds of processor time for the calibrating loop under emulation where the limits in this project were set.
_REFERENCE = 0.95
_SLOWEST, _FASTEST = 0.1, 4.0


@dataclass(frozen=True, slots=True)
class Acceleration:
    """The accelerator that answered, and the speed of emulation (2.0: twice the machine of reference)."""

    accelerator: Accelerator
    speed: float

    @property
    def cpu_model(self) -> str:
        """The processor that the domain template gives a guest."""
        return "host-passthrough" if self.accelerator is Accelerator.KVM else "maximum"

    def scaled(self, seconds: float) -> float:
        """A time limit that was set on the machine of reference, for this one; never shortened."""
        return seconds / min(1.0, self.speed)


class Probe(Protocol):
    """A way to run a boot sector."""

    @property
    def name(self) -> str:
        """What the answers hold for: another name, another answer."""

    @property
    def has_kvm(self) -> bool:
        """Whether it is worth asking for KVM."""

    def seconds(self, accelerator: Accelerator, sector: bytes, *, limit: float) -> float | None:
        """Processor seconds until the sector's answer; None for a hang, and for any other end under KVM.

        Raises `HypervisorError` when it does not run under emulation for a reason that can be named.
        """


def acceleration(emulator: Path, *, probe: Probe | None = None, cache: Path | None = None) -> Acceleration:
    """Find accelerator and speed, or take both from this boot's cache; finding costs a second, a KVM that hangs 3 more.

    `probe` is how machines will be started (`imagekit.machine.libvirt.probe`), by default QEMU itself. Raises
    `HypervisorError` when the probe does not even run under emulation.
    """
    how = probe or _Direct(emulator)
    key = _key(emulator, how.name)
    mark = hashlib.sha256(key.encode()).hexdigest()[:8]
    store = cache or runtime_base() / f"imagekit-accel-{os.geteuid()}-{mark}.json"
    if (known := _remembered(store, key)) is not None:
        return known
    found = _probe(emulator, how)
    _remember(store, key, found)
    return found


def boot_sector(rounds: int = 0) -> bytes:
    """512 bytes that count down from `rounds`, say `ANSWER` on the serial port, and end QEMU with status 33.

    Without the device that does that, it stands still without using the processor.
    """
    loop = b"\x66\xb9" + struct.pack("<I", rounds) + b"\x66\x49\x75\xfc" if rounds else b""
    code = loop + b"\xba\xf8\x03\xb0" + ANSWER + b"\xee"  # mov dx, 0x3f8; mov al, answer; out dx, al
    code += b"\xba\xf4\x00\xb0" + bytes([_WRITTEN]) + b"\xee\xfa\xf4\xeb\xfd"  # out to 0xf4; cli; hlt; jmp back
    return code.ljust(510, b"\0") + b"\x55\xaa"


def _probe(emulator: Path, how: Probe) -> Acceleration:
    works = how.has_kvm and how.seconds(Accelerator.KVM, boot_sector(_ROUNDS), limit=_LIMIT) is not None
    seconds = how.seconds(Accelerator.TCG, boot_sector(_ROUNDS), limit=60.0)
    if seconds is None:
        raise HypervisorError(
            f"{emulator} could not run a boot sector under emulation",
            hint="Check that the package qemu-system-x86 is whole.",
        )
    speed = min(_FASTEST, max(_SLOWEST, _REFERENCE / max(seconds, 0.01)))
    return Acceleration(Accelerator.KVM if works else Accelerator.TCG, round(speed, 2))


@dataclass(frozen=True, slots=True)
class _Direct:
    """QEMU started by ourselves: it says what this host can, not what libvirt's user may."""

    emulator: Path
    name: str = "direct"

    @property
    def has_kvm(self) -> bool:
        """Whether this host shows it."""
        return Path("/dev/kvm").exists()

    def seconds(self, accelerator: Accelerator, sector: bytes, *, limit: float) -> float | None:
        """As the protocol says; QEMU's own exit status is the answer."""
        with _sector_file(sector) as disk:
            argv = [
                *(self.emulator, "-accel", accelerator.value, "-machine", "pc", "-m", "16", "-nodefaults"),
                *("-display", "none", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-no-reboot"),
                *("-drive", f"file={disk},format=raw,if=ide,readonly=off,snapshot=on"),
            ]
            before = _children_seconds()
            try:
                process.run(argv, timeout=limit, ok=(_ANSWER,))
            except ToolError:
                return None
            return _children_seconds() - before


@contextmanager
def _sector_file(sector: bytes) -> Iterator[Path]:
    with tempfile.NamedTemporaryFile(prefix="imagekit-probe-") as file:
        file.write(sector)
        file.flush()
        yield Path(file.name)


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _key(emulator: Path, how: str) -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    state = emulator.stat() if emulator.exists() else None  # another host's
    file = f"{state.st_size} {state.st_mtime_ns}" if state else ""
    return f"{boot} {emulator} {file} {_ROUNDS} {_REFERENCE} {how}"


def _remembered(store: Path, key: str) -> Acceleration | None:
    try:
        if store.is_symlink() or store.stat().st_uid != os.geteuid():
            return None
        record = json.loads(store.read_text())
        if record["key"] != key:
            return None
        return Acceleration(Accelerator(record["accelerator"]), float(record["speed"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(store: Path, key: str, found: Acceleration) -> None:
    """Keep an answer; where that cannot be (somebody else's file in a folder of all, a full disk) it is found again."""
    record = {"key": key, "accelerator": found.accelerator.value, "speed": found.speed}
    with suppress(OSError):
        with tempfile.NamedTemporaryFile("w", dir=store.parent, prefix=store.name, delete=False) as file:
            json.dump(record, file)
        try:
            Path(file.name).replace(store)
        finally:
            Path(file.name).unlink(missing_ok=True)
