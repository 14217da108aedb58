"""A node that lives by the contract, or breaks it in one named way; and the images and machines around it."""

from __future__ import annotations

import base64
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum

from imagekit.base.process import Completed
from imagekit.machine.errors import BootFailedError
from imagekit.machine.interface import Start
from imagekit.scenarios import ask
from imagekit.scenarios.model import GrubEntry, Kind, Mode, Target, World
from imagekit.scenarios.variants import HANG_SAYS

FIRST = "v1.0.0"
STAND_IN, REAL = "v0.1.0-standin", "v4.2.0"
STATE = "/etc/sssd"  # what a layer of the simulated image declares to last
_BROKEN = (Kind.PANIC, Kind.HANG, Kind.FAIL)
_MOST_BOOTS = 6


class Flaw(StrEnum):
    """One way to break the contract."""

    NO_FSYNC = "no fsync before rename"
    SENTINEL_MISSING = "sentinel missing"
    WRONG_STATE = "agent calls the boot by another name"
    NOT_PERSISTENT = "state not persistent"
    NOT_GROWN = "persistent partition does not grow"
    FILE_SYSTEM_NOT_GROWN = "file system does not grow with its partition"
    STATE_FORGOTTEN = "declared state not persistent"
    FALLBACK_DISABLED = "fallback disabled"
    PASSIVE_NOT_KEPT = "passive not kept"
    PASSIVE_LOST = "passive overwritten from passive"
    NOT_ONE_SHOT = "next_entry not one-shot"
    RESET_KEEPS = "reset keeps persistent"
    RESET_WIPES_OEM = "reset wipes OEM"
    UNCHECKED = "signature not checked"
    STALE = "assessment flag stale"
    RECOVERY_OLD = "recovery not upgraded"
    RECOVERY_BOTH = "recovery upgrade writes active too"
    TRANSITION_LEFT = "transition.img not removed"
    VERSION_OLD = "release file not renewed"
    CONFIG_STALE = "cloud-config of before"
    UNIT_FAILED = "failed unit after an upgrade"
    BLOB_UNCHECKED = "layers not hashed"
    NO_SPACE_UNSEEN = "no space not noticed"


@dataclass(slots=True)
class Image:
    """An .img file."""

    version: str
    kind: Kind | None = None
    whole: bool = True


@dataclass(slots=True)
class SimDisk:
    """What survives a power cut."""

    images: dict[str, Image] = field(
        default_factory=lambda: {"active.img": Image(FIRST), "passive.img": Image(FIRST), "recovery.img": Image(FIRST)}
    )
    files: dict[str, str] = field(default_factory=dict)
    next_entry: GrubEntry | None = None
    armed: bool = False
    tentative: bool = False
    full: bool = False
    changes: int = 0


class SimSupply:
    """Images by kind."""

    public_key = "-----BEGIN PUBLIC KEY-----\n"

    def __init__(self) -> None:
        self.dead = False

    def target(self, kind: Kind) -> Target:
        return Target(kind=kind, source=f"oci:10.0.2.100:5000/x@{kind}", version=f"{FIRST}+{kind}", size=100)

    def die_after(self, count: int) -> None:
        self.dead = True

    def revive(self) -> None:
        self.dead = False


class SimNode:
    """One node; `flaw` is how it breaks the contract, `framework` what its release file calls its kairos-init."""

    def __init__(
        self, supply: SimSupply, flaw: Flaw | None = None, *, seed: int = 1, framework: str = STAND_IN
    ) -> None:
        self._framework = framework
        self.disk, self.boots, self.boot_seconds, self.pace = SimDisk(), 0, 0.0, 1.0
        self.began = Start.COLD
        self._supply, self._flaw, self._dice = supply, flaw, random.Random(seed)
        self._mode, self._image = Mode.ACTIVE, Image(FIRST)
        self._unsynced: list[Image] = []
        self._begun: Target | None = None
        self._applied = ""
        self._earlier = ""
        self._why = "no"
        self._upgraded = False

    # what the harness does

    def reboot(self) -> None:
        self._settle()
        self._boot(most=1)

    def reboot_through(self) -> None:
        self._settle()
        self._boot(most=_MOST_BOOTS)

    def reboot_twice(self) -> None:
        self._settle()
        self._boot(most=1)

    def reboot_until(self, words: str) -> bool:
        self._settle()
        return self._hangs()

    def start_until(self, words: str) -> bool:
        self.cut_power()
        return self._hangs()

    def cut_power(self) -> None:
        if self._begun is not None:
            self._half_done(self._begun, self._dice.random())
            self._begun = None
        for image in self._unsynced:
            image.whole = False

    def start(self) -> None:
        self._boot(most=_MOST_BOOTS)

    def boot_from_disk(self) -> None:
        self._boot(most=1)

    def pause(self, seconds: float) -> None:
        assert seconds >= 0

    def run(self, command: str, *, timeout: float = 60.0) -> Completed:
        for pattern, answer in self._answers:
            if found := re.fullmatch(pattern, command, flags=re.DOTALL):
                code, text = answer(self, found)
                return Completed(("ssh", command), code, text, "" if code == 0 else f"refused: {self._why}\n")
        raise AssertionError(f"the simulated node knows no such command: {command}")

    # the boot

    def _hangs(self) -> bool:
        image = self._choose()
        if image.kind is Kind.HANG:
            return True
        self._came_up(image)
        return False

    def _boot(self, most: int) -> None:
        for _ in range(most):
            image = self._choose()
            if image.kind not in _BROKEN and image.whole:
                self._came_up(image)
                return
        raise BootFailedError("no login")

    def _choose(self) -> Image:
        """What GRUB does: a chosen entry once, else the assessment."""
        self.boots += 1
        disk, entry = self.disk, GrubEntry.ACTIVE
        if disk.next_entry is not None:
            entry = disk.next_entry
            disk.next_entry = entry if self._flaw is Flaw.NOT_ONE_SHOT and entry is GrubEntry.PASSIVE else None
        elif disk.armed and self._flaw is not Flaw.FALLBACK_DISABLED:
            if disk.tentative:
                entry = GrubEntry.PASSIVE
            disk.tentative = True
        if entry is GrubEntry.RESET:
            self._reset()
            return self._choose()
        self._mode = {GrubEntry.ACTIVE: Mode.ACTIVE, GrubEntry.PASSIVE: Mode.PASSIVE}.get(entry, Mode.RECOVERY)
        return disk.images[f"{self._mode}.img"]

    def _came_up(self, image: Image) -> None:
        self._image, self._unsynced = image, []
        if self._mode is Mode.ACTIVE and self._flaw is not Flaw.STALE:
            self.disk.armed = self.disk.tentative = False
        if self._flaw is Flaw.STATE_FORGOTTEN:
            self.disk.files = {path: text for path, text in self.disk.files.items() if not path.startswith(STATE)}
        if self._flaw is Flaw.NOT_PERSISTENT:
            self.disk.files = {path: text for path, text in self.disk.files.items() if path.startswith("/oem")}
        configs = [text for path, text in self.disk.files.items() if path.endswith("lifecycle.yaml")]
        said = re.search(r"echo (\w+)", configs[0] if configs else "")
        if said:
            self._applied = f"{self._earlier if self._flaw is Flaw.CONFIG_STALE else said.group(1)}\n"

    def _settle(self) -> None:
        """What an orderly shutdown writes."""
        self._unsynced = []

    def _reset(self) -> None:
        disk = self.disk
        if self._flaw is not Flaw.RESET_KEEPS:
            disk.files = {path: text for path, text in disk.files.items() if path.startswith("/oem")}
        if self._flaw is Flaw.RESET_WIPES_OEM:
            disk.files = {path: text for path, text in disk.files.items() if not path.startswith("/oem")}
        for name in ("active.img", "passive.img"):
            disk.images[name] = replace(disk.images["recovery.img"])

    # the agent

    def _upgrade(self, found: re.Match[str]) -> tuple[int, str]:
        target, recovery = self._supply.target(Kind(found["kind"])), bool(found["recovery"])
        disk = self.disk
        self._why = "signature, digest, no space left on device, connection reset"
        # As real Kairos: told to check, it takes nothing, for it has no cosign to check with.
        checked = any(path.endswith("trust.yaml") for path in disk.files) and self._flaw is not Flaw.UNCHECKED
        damaged = target.kind is Kind.DAMAGED and self._flaw is not Flaw.BLOB_UNCHECKED
        full = disk.full and self._flaw is not Flaw.NO_SPACE_UNSEEN
        if checked or damaged or full or self._supply.dead:
            if self._flaw is Flaw.TRANSITION_LEFT:
                disk.images["transition.img"] = Image(target.version, whole=False)
            return 1, ""
        self._done(target, recovery)
        return 0, "Upgrade completed"

    def _done(self, target: Target, recovery: bool) -> None:
        disk, flaw = self.disk, self._flaw
        disk.changes += 1
        made = Image(FIRST if flaw is Flaw.VERSION_OLD else target.version, target.kind)
        if recovery:
            if flaw is not Flaw.RECOVERY_OLD:
                disk.images["recovery.img"] = made
            if flaw is not Flaw.RECOVERY_BOTH:
                disk.changes -= 1
            return
        keep = self._mode is not Mode.PASSIVE or flaw is Flaw.PASSIVE_LOST
        if keep:
            kept = disk.images["passive.img"] if flaw is Flaw.PASSIVE_NOT_KEPT else disk.images["active.img"]
            disk.images["passive.img"] = kept
        disk.images["active.img"] = made
        self._unsynced = [made] if flaw is Flaw.NO_FSYNC else []
        if flaw is Flaw.TRANSITION_LEFT:
            disk.images["transition.img"] = replace(made)
        disk.armed, disk.tentative = True, flaw is Flaw.STALE and disk.tentative
        disk.next_entry = None if flaw is Flaw.STALE else GrubEntry.ACTIVE
        self._upgraded = True
        self._earlier = "before"

    def _half_done(self, target: Target, share: float) -> None:
        """Where a power cut leaves an upgrade: all but the end of it is the transition image."""
        if share > 0.9:
            self._done(target, recovery=False)

    def _begin(self, found: re.Match[str]) -> tuple[int, str]:
        self._begun = self._supply.target(Kind(found["kind"]))
        return 0, ""

    def _select(self, found: re.Match[str]) -> tuple[int, str]:
        self.disk.next_entry = GrubEntry(found["entry"])
        return 0, ""

    # files

    def _release(self, _: re.Match[str]) -> tuple[int, str]:
        return 0, f'KAIROS_INIT_VERSION="{self._framework}"\nKAIROS_VERSION="{self._image.version}"\n'

    def _write(self, found: re.Match[str]) -> tuple[int, str]:
        self.disk.files[found["path"]] = base64.b64decode(found["data"]).decode()
        return 0, ""

    def _cat(self, found: re.Match[str]) -> tuple[int, str]:
        path = found["path"]
        if path.startswith("/run/"):
            return (0, self._applied) if self._applied else (1, "")
        there = path in self.disk.files and (self._mode is not Mode.RECOVERY or path.startswith("/oem"))
        return (0, self.disk.files[path]) if there else (1, "")

    def _listing(self, found: re.Match[str]) -> tuple[int, str]:
        names = sorted(name for name in self.disk.images if name != "recovery.img")
        return 0, "\n".join(f"./{name} 100 {self.disk.changes}" for name in names)

    def _peek(self, found: re.Match[str]) -> tuple[int, str]:
        return 0, f'KAIROS_VERSION="{self.disk.images[found["name"]].version}"\n'

    def _run_cos(self, found: re.Match[str]) -> tuple[int, str]:
        return 0, "" if self._flaw is Flaw.SENTINEL_MISSING else f"cos-layout.env {self._mode.sentinel}"

    def _state(self, found: re.Match[str]) -> tuple[int, str]:
        return 0, "unknown" if self._flaw is Flaw.WRONG_STATE else f"{self._mode}_boot"

    def _disk_space(self, _: re.Match[str]) -> tuple[int, str]:
        """Sectors behind the last partition, in it, and in its file system."""
        if self._flaw is Flaw.NOT_GROWN:
            return 0, "2099200 2097152 2015232"
        return 0, f"2048 4194304 {2015232 if self._flaw is Flaw.FILE_SYSTEM_NOT_GROWN else 4030464}"

    def _failed(self, found: re.Match[str]) -> tuple[int, str]:
        return 0, "ssh.service" if self._flaw is Flaw.UNIT_FAILED and self._upgraded else ""

    def _fill(self, found: re.Match[str]) -> tuple[int, str]:
        self.disk.full = "fallocate" in found[0]
        return 0, ""

    _answers: tuple[tuple[str, Callable[[SimNode, re.Match[str]], tuple[int, str]]], ...] = ()


_SOURCE = r"kairos-agent upgrade --source oci:\S+@(?P<kind>\w+) --allow-insecure-registries(?P<recovery> --recovery)?"
SimNode._answers = (
    (r"cat /etc/kairos-release", SimNode._release),
    (r"ls /run/cos", SimNode._run_cos),
    (r"kairos-agent state get boot", SimNode._state),
    (_SOURCE, SimNode._upgrade),
    (rf"systemd-run --quiet --collect -- sh -c '{_SOURCE}'", SimNode._begin),
    (r"kairos-agent bootentry --select (?P<entry>\w+)", SimNode._select),
    (r"kairos-agent manual-install .*", lambda node, _: (0, "Running after-install hook")),
    (r"mkdir -p .* && echo (?P<data>\S+) \| base64 -d > (?P<path>\S+) && sync \S+", SimNode._write),
    (r"cat /etc/machine-id|cat /etc/ssh/ssh_host_\*\.pub", lambda node, _: (0, "one")),
    (r"cat (?P<path>\S+)", SimNode._cat),
    (r"test -e (?P<path>\S+)", lambda node, found: (node._cat(found)[0], "")),
    (re.escape(f"cd {ask.IMAGES} && find") + ".*", SimNode._listing),
    (r"systemctl is-system-running --wait", lambda node, _: (0, "running")),
    (r"systemctl list-units --failed.*", SimNode._failed),
    (r"debugfs -R '.*' \S*/(?P<name>\w+\.img)", SimNode._peek),
    (r"grep -aE .* /run/initramfs/cos-state/boot_assessment", lambda node, _: (0 if node.disk.armed else 1, "")),
    (r"cd / && md5sum .*", lambda node, _: (0 if node._image.whole else 1, "")),
    (re.escape(ask.DISK_SPACE), SimNode._disk_space),
    (r"mount -o remount,rw .*", SimNode._fill),
)


class SimInstaller(SimNode):
    """A node that runs from the medium until it boots from its disk."""

    def __init__(self, supply: SimSupply, flaw: Flaw | None) -> None:
        super().__init__(supply, flaw)
        self._mode = Mode.LIVE


class SimMachines:
    """Fresh simulated nodes, all with the same flaw."""

    install_config = "#cloud-config\n"

    def __init__(self, supply: SimSupply, flaw: Flaw | None = None, framework: str = STAND_IN) -> None:
        self._supply, self._flaw, self._framework = supply, flaw, framework
        self.names: list[str] = []

    aborted = False

    def abort(self) -> None:
        self.aborted = True

    @contextmanager
    def installed(self, name: str, *, more_mib: int = 0) -> Iterator[SimNode]:
        self.names.append(name)
        node = SimNode(self._supply, self._flaw, framework=self._framework)
        node.start()
        yield node

    @contextmanager
    def medium(self, name: str) -> Iterator[SimInstaller]:
        self.names.append(name)
        yield SimInstaller(self._supply, self._flaw)


def sim_world(flaw: Flaw | None = None, *, seed: int = 7, cuts: int = 10, framework: str = STAND_IN) -> World:
    """A world of simulated nodes."""
    supply = SimSupply()
    return World(
        machines=SimMachines(supply, flaw, framework),
        supply=supply,
        installed_version=FIRST,
        seed=seed,
        cuts=cuts,
        state=(STATE,),
    )


assert HANG_SAYS  # the words by which `reboot_until` is told that a hang is meant
