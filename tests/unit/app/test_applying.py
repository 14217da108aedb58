"""Machines made of rendered objects: from signed digests and disks alone, once, and only ours are ever touched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from imagekit.app.applying import Applied, Asked, apply, objects_of, rendered_folder, store_of
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.machine.errors import HypervisorError
from imagekit.machine.persistent import ForeignMachineError, Found
from imagekit.oci.reference import Digest
from imagekit.provision.machines.kept import ApplyBusyError, KeptMachineError
from imagekit.provision.machines.plan import Action
from imagekit.registry.errors import DigestMismatchError, VerificationError
from imagekit.trust.gate.model import YankedError
from tests.support.fleetlab import Lab, open_lab
from tests.support.releasestates import ReleaseStates
from tests.support.simhypervisor import KilledError


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: ReleaseStates, port: int) -> Iterator[Lab]:
    with open_lab(tmp_path, monkeypatch, states, port) as made:
        yield made


def actions(done: Applied) -> list[tuple[str, Action]]:
    return [(each.name, each.action) for each in done.steps]


def test_machines_are_made_once_and_a_second_time_changes_nothing(lab: Lab) -> None:
    assert actions(lab.apply()) == [(name, Action.MAKE) for name in lab.names]
    assert lab.hypervisor.did == [f"{verb} {name}" for name in lab.names for verb in ("define", "start")]
    before = {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*")}
    lab.hypervisor.did.clear()
    done = lab.apply(prune=True)
    assert (actions(done), done.changes) == ([(name, Action.UNCHANGED) for name in lab.names], 0)
    assert lab.hypervisor.did == []
    assert {path: path.stat().st_mtime_ns for path in lab.folder.rglob("*")} == before


def test_a_machine_is_made_of_what_its_objects_say(lab: Lab) -> None:
    lab.apply()
    domain = lab.hypervisor.domains[lab.names[0]]
    kept = store_of(lab.fleet.project).machines()[lab.names[0]]
    assert (domain.shape.memory_mib, domain.shape.cpus, domain.profile.efi) == (2048, 2, True)
    assert domain.mark is not None
    assert domain.mark.image.endswith(f"/prod/node@{lab.digest}")
    assert f"hostfwd=tcp:127.0.0.1:{kept.port}-10.0.0.1:22" in domain.netdev
    assert "net=10.0.0.0/24" in domain.netdev
    assert "restrict=on" in domain.netdev
    assert kept.known_host.startswith(f"[127.0.0.1]:{kept.port} ssh-ed25519 ")
    assert kept.known_host in store_of(lab.fleet.project).known_hosts.read_text()
    assert not (lab.folder / lab.names[0] / "cidata").exists(), "the private host key is in the seed alone"
    assert (lab.folder / lab.names[0] / "machine.json").stat().st_mode & 0o777 == 0o600


def test_the_seed_has_the_cloud_config_and_a_host_key(lab: Lab) -> None:
    lab.apply()
    image = (lab.folder / lab.names[1] / "cidata.iso").read_bytes()
    assert b'hostname: "w-2"' in image
    assert b"oci-image" in image
    assert b"BEGIN OPENSSH PRIVATE KEY" in image


def test_what_nothing_asks_for_stays_until_it_is_pruned(lab: Lab) -> None:
    lab.apply()
    path = lab.fleet.root / "fleet" / "site.yaml"
    path.write_text(path.read_text().replace("w-[1-2]", "w-1"))
    lab.edit("10.0.0.[1-2]", "10.0.0.1")
    assert dict(actions(lab.apply()))[lab.names[1]] is Action.LEFT
    assert lab.names[1] in lab.hypervisor.machines
    assert actions(lab.apply(prune=True))[0] == (lab.names[1], Action.REMOVE)
    assert list(lab.hypervisor.machines) == [lab.names[0]]
    assert [path.name for path in lab.folder.iterdir()] == [lab.names[0]]


@pytest.mark.attack
def test_where_nothing_of_a_fleet_is_nothing_is_pruned(lab: Lab) -> None:
    lab.apply()
    for objects in ([], [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}]):
        with pytest.raises(ConfigError, match="would remove all machines"):
            apply(lab.fleet.project, objects, Asked(prune=True), connect=lab.hypervisor.opened)
    assert len(lab.hypervisor.machines) == 2


def test_between_two_machines_of_a_node_there_may_be_none(lab: Lab) -> None:
    lab.apply()
    objects = [each for each in objects_of([rendered_folder(lab.fleet.project)]) if each["kind"] != "VirtualMachine"]
    apply(lab.fleet.project, objects, Asked(prune=True), connect=lab.hypervisor.opened)
    assert lab.hypervisor.machines == {}


@pytest.mark.attack
@pytest.mark.parametrize("how", ["never ours", "other token", "other identity"])
def test_a_machine_that_is_not_proven_ours_is_left_alone(lab: Lab, how: str) -> None:
    name = lab.names[0]
    if how != "never ours":
        lab.apply()
    there = lab.hypervisor.machines.get(name) or Found(name=name, uuid="u", token="", running=True)
    foreign = {
        "never ours": there,
        "other token": replace(there, token="0" * 64),
        "other identity": replace(there, uuid="another"),
    }[how]
    lab.hypervisor.machines[name] = foreign
    lab.hypervisor.did.clear()
    with pytest.raises(ForeignMachineError, match="did not make"):
        lab.apply(prune=True, recreate=True)
    if how != "never ours":
        with pytest.raises(ForeignMachineError):
            lab.destroy()
    assert lab.hypervisor.did == []
    assert lab.hypervisor.machines[name] == foreign


def test_in_a_cluster_that_changes_an_incomplete_machine_waits(lab: Lab) -> None:
    lab.apply()
    objects = [each for each in objects_of([rendered_folder(lab.fleet.project)]) if each["kind"] != "VMImage"]
    done = apply(lab.fleet.project, objects, Asked(prune=True, settling=True), connect=lab.hypervisor.opened)
    assert actions(done) == [(name, Action.WAITING) for name in lab.names]
    assert all(each.running for each in lab.hypervisor.machines.values()), "its image went first; it is not asked to go"
    with pytest.raises(ConfigError, match="no VMImage"):
        apply(lab.fleet.project, objects, Asked(prune=True), connect=lab.hypervisor.opened)


def test_power_is_what_the_objects_say(lab: Lab) -> None:
    lab.apply()
    lab.edit('addresses: ["10.0.0.[1-2]"]', 'power: "Off", addresses: ["10.0.0.[1-2]"]')
    assert {action for _, action in actions(lab.apply())} == {Action.STOP}
    assert not any(each.running for each in lab.hypervisor.machines.values())
    lab.edit('power: "Off", ', "")
    assert {action for _, action in actions(lab.apply())} == {Action.START}


def test_another_class_reaches_no_machine_that_stands(lab: Lab) -> None:
    lab.apply()
    lab.edit("memory_mib: 2048", "memory_mib: 3072")
    lab.hypervisor.did.clear()
    done = lab.apply()
    assert done.differs
    assert lab.hypervisor.did == []
    lab.apply(recreate=True, nodes=frozenset({"w-1"}))
    assert lab.hypervisor.domains[lab.names[0]].shape.memory_mib == 3072
    assert lab.hypervisor.domains[lab.names[1]].shape.memory_mib == 2048


@pytest.mark.parametrize("verb", ["define", "start"])
def test_whoever_comes_after_a_kill_ends_it(lab: Lab, verb: str) -> None:
    lab.hypervisor.die_at = verb
    with pytest.raises(KilledError):
        lab.apply()
    lab.apply()
    assert sorted(lab.hypervisor.machines) == lab.names
    assert all(each.running for each in lab.hypervisor.machines.values())
    assert lab.apply().changes == 0


def test_a_machine_that_the_hypervisor_forgot_keeps_its_disk(lab: Lab) -> None:
    lab.apply()
    disk = lab.folder / lab.names[0] / "disk.qcow2"
    before = disk.stat().st_ino
    del lab.hypervisor.machines[lab.names[0]]
    assert dict(actions(lab.apply()))[lab.names[0]] is Action.DEFINE
    assert disk.stat().st_ino == before
    assert lab.hypervisor.machines[lab.names[0]].running


def test_a_start_that_fails_is_told_and_tried_again(lab: Lab) -> None:
    lab.hypervisor.refuses = "no memory"
    with pytest.raises(HypervisorError, match="no memory"):
        lab.apply()
    lab.hypervisor.refuses = ""
    lab.apply()
    assert all(each.running for each in lab.hypervisor.machines.values())


@pytest.mark.attack
def test_a_withdrawn_digest_makes_no_machine_and_ends_none(lab: Lab) -> None:
    lab.apply(nodes=frozenset({"w-1"}))
    lab.fleet.yank(lab.digest)
    with pytest.raises(YankedError, match="loses disks"):
        lab.apply()
    assert list(lab.hypervisor.machines) == [lab.names[0]], "who runs it is for an audit to tell, and a roll to change"


@pytest.mark.attack
def test_an_unsigned_digest_makes_no_machine(lab: Lab) -> None:
    unsigned = lab.fleet.publish("v9")
    text = f"/node@{lab.digest}"
    objects = [
        yaml.safe_load(yaml.safe_dump(each).replace(text, f"/node@{unsigned}").replace("/prod/node@", "/node@"))
        for each in objects_of([rendered_folder(lab.fleet.project)])
    ]
    with pytest.raises(VerificationError, match="does not verify"):
        apply(lab.fleet.project, objects, Asked(), connect=lab.hypervisor.opened)
    assert lab.hypervisor.did == []
    assert not lab.folder.exists()


@pytest.mark.attack
def test_a_disk_of_another_checksum_makes_no_machine(lab: Lab) -> None:
    tree = next((lab.fleet.root / "provision" / "images").glob("node-*.yaml"))
    checksum = store_checksum(tree)
    tree.write_text(tree.read_text().replace(checksum, "f" * 64))
    with pytest.raises(DigestMismatchError, match="is to have the disk"):
        lab.apply()
    assert lab.hypervisor.did == []
    assert list(store_of(lab.fleet.project).disks.glob("*.qcow2")) == []


def store_checksum(path: Path) -> str:
    return next(line.split(":")[1].strip() for line in path.read_text().splitlines() if "checksum:" in line)


@pytest.mark.attack
def test_a_kept_disk_that_was_altered_is_fetched_again(lab: Lab) -> None:
    lab.apply(nodes=frozenset({"w-1"}))
    [disk] = store_of(lab.fleet.project).disks.glob("*.qcow2")
    disk.chmod(0o644)
    disk.write_bytes(b"evil")
    lab.apply()
    assert Digest.of_file(disk).hex == disk.stem


def test_a_dry_run_and_the_words_that_do_not_fit(lab: Lab) -> None:
    assert lab.apply(dry_run=True).changes == 2
    assert lab.hypervisor.did == []
    with pytest.raises(ConfigError, match="no machine of node nobody"):
        lab.apply(nodes=frozenset({"nobody"}))
    lab.apply()
    assert lab.destroy(dry_run=True).changes == 2
    assert len(lab.hypervisor.machines) == 2
    with pytest.raises(ConfigError, match="no machine of node nobody"):
        lab.destroy(nodes=frozenset({"nobody"}))
    assert lab.destroy(nodes=frozenset({"w-2"})).changes == 1
    assert lab.destroy().changes == 1
    assert lab.hypervisor.machines == {}
    assert list(lab.folder.iterdir()) == []
    assert list(store_of(lab.fleet.project).disks.glob("*.qcow2")) == []


def test_two_at_once(lab: Lab) -> None:
    with store_of(lab.fleet.project).held(), pytest.raises(ApplyBusyError):
        lab.apply()


@pytest.mark.attack
@pytest.mark.parametrize("text", ["", "{", '{"version": 1}', "null"])
def test_a_record_that_cannot_be_read_stops_everything(lab: Lab, text: str) -> None:
    lab.apply()
    (lab.folder / lab.names[0] / "machine.json").write_text(text)
    lab.hypervisor.did.clear()
    for act in (lab.apply, lab.destroy):
        with pytest.raises(KeptMachineError):
            act()
    assert lab.hypervisor.did == []


def test_a_kill_before_the_record_is_mended_too(lab: Lab) -> None:
    folder = lab.folder / lab.names[0]
    folder.mkdir(parents=True)
    (folder / ".machine.json.77.part").write_text('{"ver')
    assert lab.apply().changes == 2
    assert lab.apply().changes == 0


@pytest.mark.attack
def test_a_record_under_another_name_is_nobodys(lab: Lab) -> None:
    lab.apply()
    shutil.copytree(lab.folder / lab.names[0], lab.folder / "other")
    with pytest.raises(ImagekitError, match="is about"):
        lab.destroy()


def test_machines_on_a_network_of_libvirt_s(lab: Lab) -> None:
    lab.apply(network="lan")
    domain = lab.hypervisor.domains[lab.names[0]]
    assert (domain.network, domain.netdev) == ("lan", "")
    assert store_of(lab.fleet.project).machines()[lab.names[0]].place == ("10.0.0.1", 22)
