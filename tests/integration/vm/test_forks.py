"""A machine is saved through libvirt and continued, more than once at a time; what cannot be continued is an error."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from imagekit.base.errors import ImagekitError
from imagekit.machine.disks import DiskSource
from imagekit.machine.domain import Forward, KernelStart
from imagekit.machine.errors import HypervisorError
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import keep_keys
from imagekit.machine.interface import VmShape
from imagekit.machine.node import InstalledNode, node
from imagekit.machine.saved import KEYS, STATE, Budget, SavedNodes
from tests.support.images import BOOT
from tests.support.tinykernel import artifacts

HARNESS = Path(__file__).parents[3] / "vm-harness"

pytestmark = pytest.mark.vm


def request(folder: Path, name: str = "parent") -> NodeRequest:
    """A machine with a disk whose kernel says that it is up, and then a dot now and then."""
    made = artifacts(folder, "I am up\n", tick=True)
    return NodeRequest(
        name="tiny",
        run_id="t-fork",
        folder=folder / name,
        work=folder / "machines",
        harness=HARNESS,
        disks=(DiskSource(size_mib=1),),
        forwards=(Forward(port=443, host_port=9),),  # as the TLS servers of checks
        direct=KernelStart(kernel=made.kernel, initrd=made.initrd, cmdline=""),
        shape=VmShape(memory_mib=64, cpus=1),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("forks")


@pytest.fixture(scope="module")
def parent(folder: Path) -> Iterator[InstalledNode]:
    """A machine that runs."""
    with node(request(folder)) as machine:
        machine.start()
        machine.wait_console("I am up", limit=60)
        yield machine


def save(machine: InstalledNode, into: Path) -> None:
    """As `InstalledNode.save`, without the login that this machine does not have."""
    keep_keys(machine._request.keys, into / KEYS)
    machine._power.save(into / STATE, standing=lambda: machine._disks.copy_to(into))


@pytest.fixture(scope="module")
def store(parent: InstalledNode, folder: Path) -> SavedNodes:
    """With that machine saved."""
    made = SavedNodes(folder / "saved", Budget(size=1 << 30, age=timedelta(days=1)))
    with made.saving("a", {}, BOOT) as into:
        save(parent, into)
    return made


def goes_on(machine: InstalledNode) -> str:
    """What it says when it was given some time."""
    machine.wait_console(r"\.\.", limit=60, since=machine.console_mark())
    return machine.console_since(0)


def test_the_parent_goes_on(parent: InstalledNode, store: SavedNodes) -> None:
    assert store.has("a")
    assert goes_on(parent).startswith("I am up")


def test_two_forks_continue_and_do_not_boot(folder: Path, store: SavedNodes, parent: InstalledNode) -> None:
    with store.held("a") as saved, ExitStack() as stack:
        forks = [stack.enter_context(node(replace(request(folder, f"fork{n}"), saved=saved))) for n in range(2)]
        for fork in forks:
            fork.start()
        for fork in forks:
            said = goes_on(fork)
            assert "I am up" not in said
            assert set(said) == {"."}
        assert len({fork.name for fork in forks} | {parent.name}) == 3
        assert len({fork._disks.path("system") for fork in forks}) == 2
        assert parent.running


def test_a_fork_that_is_switched_off_and_on_boots(folder: Path, store: SavedNodes) -> None:
    with store.held("a") as saved, node(replace(request(folder, "again"), saved=saved)) as fork:
        fork.start()
        goes_on(fork)
        fork.cut_power()
        fork.start()
        assert "I am up" in fork.wait_console("I am up", limit=60)


def cut(state: Path) -> None:
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])


def scrambled(state: Path) -> None:
    data = state.read_bytes()
    state.write_bytes(data[:64] + bytes(255 - byte for byte in data[64:4096]) + data[4096:])


@pytest.mark.parametrize("harm", [cut, scrambled])
def test_qemu_itself_refuses_a_state_that_is_none(
    folder: Path, store: SavedNodes, tmp_path: Path, harm: object
) -> None:
    """Behind our own proof, which is left out here."""
    with store.held("a") as saved:
        copy = Path(shutil.copytree(saved.folder, tmp_path / "copy"))
        assert callable(harm)
        harm(copy / STATE)
        bad = replace(saved, folder=copy, files={}, disks={"system": copy / "system.qcow2"})
        with node(replace(request(folder, "bad"), saved=bad)) as fork, pytest.raises(ImagekitError):
            fork.start()
        assert not fork.running


def test_a_state_of_another_machine_is_refused(folder: Path, store: SavedNodes) -> None:
    """Twice the memory; QEMU says so, and the machine is gone."""
    with store.held("a") as saved:
        other = replace(request(folder, "other"), saved=saved, shape=VmShape(memory_mib=128, cpus=1))
        with node(other) as fork, pytest.raises(HypervisorError):
            fork.start()
        assert not fork.running


def test_a_template_that_knows_no_forks_boots_nobody_by_mistake(
    folder: Path, store: SavedNodes, tmp_path: Path
) -> None:
    own = tmp_path / "vm-harness"
    shutil.copytree(HARNESS, own, ignore=shutil.ignore_patterns("checks"))
    template = own / "domains/machine.xml.j2"
    text = template.read_text()
    template.write_text(text.replace("<qemu:arg value='-incoming'/>", "").replace("<qemu:arg value='defer'/>", ""))
    assert template.read_text() != text
    with store.held("a") as saved:
        wanted = replace(request(folder, "old"), saved=saved, harness=own)
        with node(wanted) as fork, pytest.raises(HypervisorError, match="waits for no state"):
            fork.start()


def test_a_full_disk_is_said_and_the_machine_goes_on(parent: InstalledNode, tmp_path: Path) -> None:
    (tmp_path / STATE).symlink_to("/dev/full")
    with pytest.raises(HypervisorError, match=r"No space left|failed"):
        parent._power.save(tmp_path / STATE, standing=lambda: pytest.fail("it was not written"))
    goes_on(parent)
