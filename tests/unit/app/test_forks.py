"""Where a session gets its machine, on a simulated hypervisor: forks, and the reason for each cold boot."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagekit.app import forks
from imagekit.app.forks import clean_forks, saved_nodes, session_machine, state_inputs
from imagekit.app.interface import Subject
from imagekit.base.process import Completed, ProcessTimeoutError
from imagekit.config.load import load_project
from imagekit.config.model import Firmware
from imagekit.config.settings import ForkSettings
from imagekit.machine.accel import Acceleration
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.domain import USER
from imagekit.machine.errors import BootFailedError, EmulatorLostError
from imagekit.machine.interface import Accelerator, BootPath, BootRecord, Start, VmShape
from imagekit.machine.node import InstalledNode
from imagekit.machine.provider import Provider
from imagekit.machine.saved import STATE, SavedNode
from imagekit.machine.started import StartedNode
from imagekit.oci.reference import Digest
from tests.support.images import a_build
from tests.support.project import make_project
from tests.support.simprovider import Saves, SimProvider, logged_in
from tests.support.tinykernel import artifacts

pytestmark = pytest.mark.usefixtures("logged_in")

__all__ = ["logged_in"]


@dataclass(frozen=True, slots=True)
class Machines:
    """Direct boots of a tiny kernel on a simulated hypervisor."""

    subject: Subject
    world: SimProvider
    boot_path: BootPath = BootPath.DIRECT
    network: str = USER

    def provider(self) -> AbstractContextManager[Provider]:
        return self.world.connect()

    @contextmanager
    def machine(self, saved: SavedNode | None = None) -> Iterator[InstalledNode]:
        request = BootRequest(
            name=self.subject.name,
            run_id="t",
            artifacts=artifacts(self.subject.folder, "x"),
            folder=self.subject.folder / "run",
            harness=self.subject.harness,
            saved=saved,
        )
        with boot(request, connect=self.world.connect) as machine:
            yield machine


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """A built image."""
    project = load_project(make_project(tmp_path / "project"))
    (tmp_path / "left").mkdir()
    return Subject(project=project, name="small-node", image=a_build(tmp_path), run_id="t", folder=tmp_path / "left")


@pytest.fixture
def machines(subject: Subject) -> Machines:
    return Machines(subject, SimProvider())


def session(machines: Machines, *, cold: str = "") -> BootRecord:
    """What a session's machine says of its start."""
    with session_machine(machines, cold=cold) as machine:
        assert machine.running
        return machine.boot


def states(machines: Machines) -> list[Path]:
    """The saved states, whole or not."""
    folder = machines.subject.project.work / "forks"
    return sorted(folder.iterdir()) if folder.exists() else []


def test_the_first_session_boots_and_those_after_it_fork(machines: Machines, logged_in: list[str]) -> None:
    first, second, third = (session(machines) for _ in range(3))
    assert [each.start for each in (first, second, third)] == [Start.COLD, Start.FORK, Start.FORK]
    assert first.reason == "no state of such a node is saved yet"
    assert second.reason.startswith("saved 20")
    assert second.cold_seconds == first.seconds_to_ssh
    assert len(states(machines)) == 1
    forked = machines.world.guests[1].domain
    assert forked.incoming is not None
    assert forked.genid != machines.world.guests[0].domain.genid
    assert forked.uuid != machines.world.guests[0].domain.uuid
    assert any(command.startswith("date -u -s @") and "/dev/urandom" in command for command in logged_in)


def test_a_fork_is_given_the_time_and_the_randomness_of_now(machines: Machines, logged_in: list[str]) -> None:
    session(machines)
    before = datetime.now(UTC).timestamp()
    for _ in range(2):
        session(machines)
    given = [command.split() for command in logged_in if command.startswith("date -u -s @")]
    assert len(given) == 2
    assert all(float(words[3].lstrip("@")) >= before - 0.001 for words in given)
    assert len({command for command in logged_in if "/dev/urandom" in command}) == 2


def test_a_fork_shows_the_keys_of_its_node(machines: Machines) -> None:
    with session_machine(machines) as machine:
        pin = machine.ssh.known_hosts.read_text()
    with session_machine(machines) as machine:
        assert machine.ssh.known_hosts.read_text() == pin


def test_cold_is_cold_and_says_why(machines: Machines) -> None:
    session(machines)
    found = session(machines, cold="asked for with --cold")
    assert (found.start, found.reason) == (Start.COLD, "asked for with --cold")
    assert len(states(machines)) == 1


def test_who_runs_all_checks_forks_a_node_whose_boot_was_judged(machines: Machines) -> None:
    session(machines)  # as `imagekit shell` does, which judges nothing
    with session_machine(machines, judged=True) as machine:
        assert (machine.boot.start, machine.boot.reason) == (
            Start.COLD,
            "no check has judged the boot of the saved node",
        )
        assert machine.judged is not None
        machine.judged.write_text("{}")  # as its checks do
    with session_machine(machines, judged=True) as machine:
        assert machine.boot.start is Start.FORK
    with session_machine(machines, judged=True, cold="asked for with --cold") as machine:
        assert machine.boot.reason == "asked for with --cold"
    assert len(states(machines)) == 1


def test_where_nothing_is_saved_that_is_the_reason(machines: Machines) -> None:
    with session_machine(machines, judged=True) as machine:
        assert machine.boot.reason == "no state of such a node is saved yet"


def test_a_cold_boot_that_was_asked_for_is_saved_too(machines: Machines) -> None:
    session(machines, cold="asked for with --cold")
    assert session(machines).start is Start.FORK


def breaking(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """QEMU breaks down under the next machines, so many times."""
    left, real = [None] * times, Machines.machine

    def machine(self: Machines, saved: SavedNode | None = None) -> AbstractContextManager[InstalledNode]:
        if left:
            left.pop()
            raise EmulatorLostError("QEMU, which ran x, was killed or broke down; the console's last lines:\n")
        return real(self, saved)

    monkeypatch.setattr(Machines, "machine", machine)


def test_where_qemu_breaks_down_the_node_boots_once_more(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its emulator is the host's; what the image is worth, a machine has not told yet."""
    breaking(monkeypatch, 1)
    found = session(machines)
    assert found.start is Start.COLD
    assert found.reason == "no state of such a node is saved yet; QEMU broke down under the one before"
    assert session(machines).start is Start.FORK


def test_where_it_breaks_down_again_that_is_the_error(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, 2)
    with pytest.raises(EmulatorLostError, match="broke down"):
        session(machines)
    assert states(machines) == []


def test_a_tpm_is_not_forked(machines: Machines) -> None:
    project = machines.subject.project.with_machine("small-node", Firmware.BIOS, tpm=True)
    with_tpm = replace(machines, subject=replace(machines.subject, project=project))
    for _ in range(2):
        found = session(with_tpm)
        assert (found.start, found.reason) == (Start.COLD, "it has a TPM, whose state is not saved")
    assert states(machines) == []


def test_a_project_may_want_no_forks(machines: Machines) -> None:
    settings = machines.subject.project.settings.model_copy(update={"forks": ForkSettings(gib=0)})
    project = replace(machines.subject.project, settings=settings)
    without = replace(machines, subject=replace(machines.subject, project=project))
    assert [session(without).reason for _ in range(2)] == ["imagekit.yaml wants no forks (forks: {gib: 0})"] * 2
    assert saved_nodes(project) is None


def harmed(machines: Machines, how: str) -> None:
    folder = states(machines)[0]
    state = folder / STATE
    match how:
        case "half written":
            state.write_bytes(state.read_bytes()[:100])
        case "corrupted":
            state.write_bytes(state.read_bytes()[:-1] + b"\0")
        case "of zeros":
            state.write_bytes(bytes(state.stat().st_size))
        case "without its record":
            (folder / "saved.json").unlink()
        case "without its keys":
            (folder / "keys.json").unlink()
        case "gone":
            shutil.rmtree(folder)


HARMS = {
    "half written": "the saved state is damaged: state has 100 bytes",
    "corrupted": "the saved state is damaged: state is not what was saved",
    "of zeros": "the saved state is damaged: it does not begin as QEMU's do",
    "without its record": "the saved state was not written to its end",
    "without its keys": "the saved state was not written to its end",
    "gone": "no state of such a node is saved yet",
}


@pytest.mark.parametrize("how", HARMS)
def test_a_state_that_is_harmed_is_a_cold_boot_that_says_so_and_saves_anew(machines: Machines, how: str) -> None:
    session(machines)
    harmed(machines, how)
    found = session(machines)
    assert found.start is Start.COLD
    assert HARMS[how] in found.reason
    assert session(machines).start is Start.FORK
    assert [guest.running for guest in machines.world.guests] == [False] * len(machines.world.guests)


def test_a_state_that_this_qemu_rejects_is_a_cold_boot_that_says_so(machines: Machines) -> None:
    session(machines)
    machines.world.rejects = "Unknown savevm section or instance 'x' 0\nmore"
    found = session(machines)
    assert found.start is Start.COLD
    assert found.reason == "the saved node did not go on: Unknown savevm section or instance 'x' 0"
    machines.world.rejects = ""
    assert session(machines).start is Start.FORK


def test_a_state_of_one_network_is_none_of_another(machines: Machines) -> None:
    """QEMU ends where the state has its user network and the machine has not: "Unknown savevm section 'slirp'"."""
    session(machines)
    beside_servers = replace(machines, network="stream")
    found = session(beside_servers)
    assert (found.start, found.reason) == (Start.COLD, "no state of such a node is saved yet")
    assert session(beside_servers).start is Start.FORK
    assert session(machines).start is Start.FORK


@pytest.mark.parametrize("change", ["qemu", "digest", "firmware", "memory", "boot path", "cloud-config", "name"])
def test_whatever_decides_a_state_decides_its_name(machines: Machines, change: str) -> None:
    subject, world = machines.subject, machines.world
    inputs = state_inputs(subject, BootPath.DIRECT, world)
    match change:
        case "qemu":
            other = state_inputs(subject, BootPath.DIRECT, replace(world, qemu_version="10.0.3"))
        case "digest":
            image = replace(subject.image, digest=Digest.of(b"another"))
            other = state_inputs(replace(subject, image=image), BootPath.DIRECT, world)
        case "boot path":
            other = state_inputs(subject, BootPath.LIVE, world)
        case "cloud-config":
            (subject.project.root / "cloud-config/node.yaml").write_text("#cloud-config\nhostname: other\n")
            other = state_inputs(subject, BootPath.DIRECT, world)
        case "name":
            images = {**subject.project.images, "other": subject.spec}
            renamed = replace(subject, name="other", project=replace(subject.project, images=images))
            other = state_inputs(renamed, BootPath.DIRECT, world)
        case "firmware":
            project = subject.project.with_machine("small-node", Firmware.UEFI, tpm=False)
            other = state_inputs(replace(subject, project=project), BootPath.DIRECT, world)
        case _:
            vm = subject.spec.vm.model_copy(update={"memory_mib": 2048})
            images = {"small-node": subject.spec.model_copy(update={"vm": vm})}
            project = replace(subject.project, images=images)
            other = state_inputs(replace(subject, project=project), BootPath.DIRECT, world)
    assert other != inputs


def test_a_processor_that_a_guest_sees_is_that_of_its_host(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state of one host's processor does not go on at another's; what is emulated is the same everywhere."""
    other = replace(machines.subject, uri="qemu+ssh://lab.example/system")
    emulated = state_inputs(machines.subject, BootPath.DIRECT, machines.world)
    assert state_inputs(other, BootPath.DIRECT, machines.world) == emulated
    monkeypatch.setattr(SimProvider, "acceleration", lambda *_: Acceleration(Accelerator.KVM, 1.0))
    here = state_inputs(machines.subject, BootPath.DIRECT, machines.world)
    assert state_inputs(other, BootPath.DIRECT, machines.world) != here


@pytest.mark.parametrize("folder", ["domains", "profiles", "fast-init", "checks"])
def test_the_harness_is_part_of_the_name_and_its_checks_are_not(machines: Machines, folder: str) -> None:
    subject = machines.subject
    own = subject.project.root / "vm-harness"
    shutil.copytree(subject.harness, own, dirs_exist_ok=True, ignore=shutil.ignore_patterns("data"))
    project = load_project(subject.project.root)
    mine = replace(subject, project=project)
    before = state_inputs(mine, BootPath.DIRECT, machines.world)
    (own / folder).mkdir(exist_ok=True)
    (own / folder / "more").write_text("x")
    changed = state_inputs(mine, BootPath.DIRECT, machines.world) != before
    assert changed is (folder != "checks")


def test_imagekits_own_code_is_part_of_the_name(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state_inputs(machines.subject, BootPath.DIRECT, machines.world)
    monkeypatch.setattr(forks, "_OWN", ("machine",))
    assert state_inputs(machines.subject, BootPath.DIRECT, machines.world) != before


def test_a_full_disk_costs_the_state_and_not_the_session(machines: Machines) -> None:
    machines.world.saves = Saves.NO_ROOM
    assert [session(machines).start for _ in range(2)] == [Start.COLD, Start.COLD]
    assert states(machines) == []


def test_too_little_space_is_seen_before_anything_is_written(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagekit.base.space.free_at", lambda _: 1000)
    assert session(machines).start is Start.COLD
    assert states(machines) == []


def test_a_run_that_is_killed_while_saving_leaves_nothing_to_use(machines: Machines) -> None:
    machines.world.saves = Saves.KILLED
    with pytest.raises(KeyboardInterrupt):
        session(machines)
    assert states(machines) == []
    machines.world.saves = Saves.WHOLE
    assert session(machines).start is Start.COLD


def test_two_forks_at_once_have_all_of_their_own(machines: Machines) -> None:
    session(machines)
    with session_machine(machines) as one, session_machine(machines) as two:
        first, second = (guest.domain for guest in machines.world.guests[1:3])
        for name in ("name", "uuid", "genid", "netdev"):
            assert getattr(first, name) != getattr(second, name)
        assert first.owner.folder != second.owner.folder
        assert one.ssh.port != two.ssh.port


def test_a_fork_outlives_its_parent_and_its_state(machines: Machines) -> None:
    with session_machine(machines) as parent, session_machine(machines) as fork:
        parent.cut_power()
        assert not parent.running
        assert fork.running
        assert saved_nodes(machines.subject.project) is not None
        assert states(machines)[0].exists()
        store = saved_nodes(machines.subject.project)
        assert store is not None
        assert store.forget(states(machines)[0].name) is False  # in use


def test_an_old_state_is_a_cold_boot(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    session(machines)
    folder = states(machines)[0]
    record = folder / "saved.json"
    then = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    text = record.read_text()
    at = text.index('"saved": "') + len('"saved": "')
    record.write_text(text[:at] + then + text[text.index('"', at) :])
    found = session(machines)
    assert (found.start, found.reason) == (Start.COLD, "the saved state is 8 days old, 7 are allowed")


def test_the_pace_of_a_fork_is_that_of_its_boot(machines: Machines) -> None:
    slow = BootRecord(
        boot_path=BootPath.LIVE,
        accelerator=machines.world.acceleration(()).accelerator,
        qemu_version="10.0.2",
        machine="q35",
        cpu_model="maximum",
        shape=VmShape(),
        seconds_to_ssh=90.0,
        cpu_seconds=100.0,
        speed=1.0,
    )
    assert replace(slow, start=Start.FORK, seconds_to_ssh=2.0, cold_seconds=90.0).pace == slow.pace == 3.0


def test_cleaning_keeps_what_is_good_and_removes_all_when_asked(machines: Machines) -> None:
    session(machines)
    project = machines.subject.project
    assert clean_forks(project, everything=False) == []
    with session_machine(machines):
        assert clean_forks(project, everything=True) == []  # in use
    (removed,) = clean_forks(project, everything=True)
    assert removed.startswith(f"saved node {project.work}")
    assert states(machines) == []


def test_cleaning_removes_what_is_damaged_and_what_a_project_does_not_want_any_more(machines: Machines) -> None:
    project = machines.subject.project
    session(machines)
    harmed(machines, "half written")
    assert len(clean_forks(project, everything=False)) == 1
    session(machines)
    settings = project.settings.model_copy(update={"forks": ForkSettings(gib=0)})
    assert len(clean_forks(replace(project, settings=settings), everything=False)) == 1
    assert states(machines) == []


def test_a_node_that_its_saving_cost_is_booted_anew_and_not_saved(
    machines: Machines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A machine that stood still after it was saved made the checks fail that followed."""
    caplog.set_level("INFO", logger="imagekit")
    connect, lost = StartedNode._connect, [True]

    def connected(node: StartedNode, limit: float) -> None:
        if lost:
            lost.pop()
            raise BootFailedError("waited 162 s for SSH login as imagekit-test, in vain")
        connect(node, limit)

    monkeypatch.setattr(StartedNode, "_connect", connected)
    with session_machine(machines) as machine:
        assert machine.running
        assert [guest.running for guest in machines.world.guests] == [False, True]
        assert machine.boot.reason.endswith("yet; the node before did not go on after it was saved")
    store = saved_nodes(machines.subject.project)
    assert store is not None
    assert "did not go on when it had been saved: waited 162 s for SSH login" in caplog.text
    assert session(machines).start is Start.COLD  # no state is left of the node that was lost


def test_a_boot_that_does_not_come_to_its_end_is_not_saved(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """A unit that hangs costs the state and not the session: its checks say what is wrong."""
    run = InstalledNode.run

    def hangs(self: InstalledNode, command: str, *, timeout: float = 60.0) -> Completed:
        if "is-system-running" in command:
            raise ProcessTimeoutError("ssh did not end")
        return run(self, command, timeout=timeout)

    monkeypatch.setattr(InstalledNode, "run", hangs)
    assert [session(machines).start for _ in range(2)] == [Start.COLD, Start.COLD]
    assert states(machines) == []


def test_a_state_that_may_not_be_read_is_a_cold_boot(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    session(machines)

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("imagekit.machine.saved.fcntl.flock", denied)
    found = session(machines)
    assert found.start is Start.COLD
    assert "Permission denied" in found.reason
