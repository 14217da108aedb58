"""A node of the embedded image joins a real API server by its cloud-config, as a stand-in and with a real kubelet.

What an upgrade and a reset leave of it; and a pod that runs on it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.hosts import acceleration_at
from imagekit.app.interface import Subject
from imagekit.app.lifecycle import lifecycle_shape
from imagekit.app.needs import libvirt_uri
from imagekit.artifact.installed import installed_disk
from imagekit.base.process import ProgramMissingError
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.build.result import earlier_build
from imagekit.checks.joincause import Cause, cause_in
from imagekit.checks.outcome import Outcome
from imagekit.checks.request import Suites
from imagekit.checks.runner import run_suites
from imagekit.checks.selection import Selection
from imagekit.config.load import load_project
from imagekit.config.merge import merged_cloud_config
from imagekit.kube.client import Api, session
from imagekit.kube.local import Cluster, api_server, find_programs
from imagekit.machine.disks import DiskSource
from imagekit.machine.domain import Forward
from imagekit.machine.folder import machines_folder, owned_folder
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import fresh_keys, seed_disk
from imagekit.machine.libvirt.daemon import libvirt
from imagekit.machine.node import InstalledNode, node
from imagekit.plan.resolve import make_plan
from imagekit.scenarios import ask
from imagekit.scenarios.model import GrubEntry, Kind, Tally
from imagekit.scenarios.nodes import ScenarioNode
from imagekit.scenarios.supply import GUEST_ADDRESS, VariantSupply, supply
from tests.e2e.conftest import Clone
from tests.support.joining import approving, bind, create_token
from tests.support.jointokens import SECRET, join_token
from tests.support.localimages import PORT, LocalImage, ask_for_pods, pause_image, serving_image, true
from tests.support.nodeprograms import PODS, brought, programs_disk

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online]
IMAGE = "debian-node"
API_PORT = 6443
SERVER = f"https://{GUEST_ADDRESS}:{API_PORT}"
LABEL = "example.com/zone"
JOURNAL = "journalctl -b -u k0sworker -o cat --no-pager | tail -n 300"
UNIT = "/etc/systemd/system/k0sworker.service"
MEMORY_MIB = 2048  # kubelet, containerd and the cache of what they are read from
START = 900.0  # seconds; the kubelet alone is 70 MB of program, under emulation


@dataclass(frozen=True)
class Site:
    """The image, a cluster that its nodes may join, and images to upgrade to."""

    subject: Subject
    cluster: Cluster
    api: Api
    supply: VariantSupply
    way: Forward

    @property
    def forwards(self) -> tuple[Forward, ...]:
        """What the guest reaches."""
        port = int(self.cluster.access.server.rsplit(":", 1)[1])
        return (self.way, Forward(port=API_PORT, host_port=port, address=GUEST_ADDRESS))


@pytest.fixture(scope="module")
def site(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        programs = find_programs()
    except ProgramMissingError as error:
        pytest.fail(f"{error}: `bin/test nightly` builds them")
    assert clone.imagekit("build", IMAGE).returncode == 0
    project, scratch = load_project(clone.root), tmp_path_factory.mktemp("join")
    image = earlier_build(project.work, make_plan(project, IMAGE))
    assert image is not None
    subject = Subject(project=project, name=IMAGE, image=image, run_id="t-join", folder=scratch / "run")
    with ExitStack() as stack:
        cluster = stack.enter_context(api_server(scratch, programs, nodes=True, names=(GUEST_ADDRESS,)))
        api = stack.enter_context(session(cluster.access))
        bind(api)
        images, way = stack.enter_context(
            supply(layout=image.layout, image=image.digest, version=image.version, itself=False, scratch=scratch)
        )
        yield Site(subject, cluster, api, images, way)


def profile(
    site: Site, folder: Path, token: str, *steps: Mapping[str, object], args: Sequence[str] = ()
) -> tuple[Path, ...]:
    """The image's own cloud-config, the worker, and what a machine's own seed brings."""
    seed = folder / "seed.yaml"
    worker = {"enabled": True, "args": ["--token-file /etc/k0s/token", f"--labels={LABEL}=a", *args]}
    files = [{"path": "/etc/k0s/token", "permissions": 0o600, "content": token}]
    stages = {"initramfs": [{"name": "Join token", "files": files}, *steps]}
    seed.write_text(f"#cloud-config\n{json.dumps({'k0s-worker': worker, 'stages': stages})}\n")
    return (*(site.subject.project.root / path for path in site.subject.spec.cloud_config), seed)


@contextmanager
def started(
    site: Site, folder: Path, files: tuple[Path, ...], images: Mapping[str, LocalImage] | None = None
) -> Iterator[InstalledNode]:
    """An installed node with a profile, booted; with `images` it has these and a worker's programs on a disk."""
    subject, keys = site.subject, fresh_keys()
    image, uri = subject.image, libvirt_uri(subject.project)
    work = machines_folder(subject.project.work)
    work.mkdir(parents=True, exist_ok=True)
    shape = lifecycle_shape(subject.shape, acceleration_at(subject.project, uri).accelerator)
    disks = [DiskSource(backing=installed_disk(image.layout, image.digest, subject.project.work / "disks").path)]
    with libvirt(uri), owned_folder(subject.run_id) as scratch, owned_folder(subject.run_id, work) as large:
        seed = seed_disk(keys, subject.name, scratch, merged_cloud_config(files))
        if images is not None:
            shape = replace(shape, memory_mib=MEMORY_MIB)
            disks.append(DiskSource(serial="programs", backing=programs_disk(large / "programs", images)))
        request = NodeRequest(
            name=subject.name,
            run_id=subject.run_id,
            folder=folder / "machine",
            work=work,
            harness=subject.harness,
            disks=tuple(disks),
            media=(seed,),
            keys=keys,
            shape=shape,
            forwards=site.forwards,
            uri=uri,
        )
        with node(request) as machine:
            machine.start()
            machine.wait_boot()
            yield machine


def name_of(machine: InstalledNode) -> str:
    return machine.run("hostname").stdout.strip().lower()


def registered(site: Site, machine: InstalledNode, *, renewed_after: str = "", seconds: float = 180) -> dict[str, Any]:
    """The node's object, once it is there and Ready, and its lease was renewed after a time."""
    name, found = name_of(machine), list[dict[str, Any]]()

    def there() -> bool:
        lease = site.api.find("coordination.k8s.io/v1", "Lease", "kube-node-lease", name)
        seen = site.api.find("v1", "Node", "", name)
        if seen is None or lease is None or lease["spec"]["renewTime"] <= renewed_after or not true(seen, "Ready"):
            return False
        found[:] = [{**seen, "renewed": lease["spec"]["renewTime"]}]
        return True

    _awaited(there, machine, what=f"node {name}", seconds=seconds)
    return found[0]


def _awaited(met: Callable[[], bool], machine: InstalledNode, *, what: str, seconds: float) -> None:
    """Wait for something of the cluster; where it does not come, k0s's journal is in the message."""
    try:
        wait_until(met, Deadline.after(seconds), what=what, hint="")
    except DeadlineError as error:
        pytest.fail(f"{error}; the end of the journal:\n{machine.run(JOURNAL).stdout[-3000:]}")


def told(machine: InstalledNode) -> Cause:
    """The cause in the node's journal, once there is one."""
    found: list[Cause] = []

    def known() -> bool:
        seen = cause_in(machine.run(JOURNAL).stdout)
        found[:] = [seen.cause] if seen is not None and seen.cause is not Cause.WAITING else []
        return bool(found)

    wait_until(known, Deadline.after(180), what="a cause", hint="")
    return found[0]


@pytest.mark.nightly(minutes=10)
def test_a_node_joins_and_an_upgrade_keeps_it_and_a_reset_does_not(site: Site, tmp_path: Path) -> None:
    files = profile(site, tmp_path, create_token(site.cluster, site.api, server=SERVER))
    with approving(site.cluster), started(site, tmp_path, files) as machine:
        before = registered(site, machine)
        _judge(site, machine, files, tmp_path)
        certificate = machine.run("sha256sum /var/lib/k0s/kubelet/pki/kubelet-client-current.pem").stdout
        taken = machine.run("k0s install worker --token-file /etc/k0s.token")
        assert taken.returncode == 1
        assert cause_in(taken.stderr) is not None, "the collision with k0smotron's `k0s install worker`"
        assert f"Init already exists: {UNIT}" in taken.stderr

        target = site.supply.target(Kind.NEXT)
        shell = ScenarioNode(machine)
        ask.upgrade(shell, target, Tally())
        machine.run("rm /etc/k0s/token")
        shell.reboot()
        assert ask.version(shell) == target.version
        after = registered(site, machine, renewed_after=before["renewed"])
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert machine.run("sha256sum /var/lib/k0s/kubelet/pki/kubelet-client-current.pem").stdout == certificate

        ask.select(shell, GrubEntry.RESET)
        old = name_of(machine)
        shell.reboot_twice()
        assert site.api.find("v1", "Node", "", old) is not None, "it stays until an administrator removes it"
        site.api.delete("v1", "Node", "", old)
        again = registered(site, machine)
        assert again["metadata"]["uid"] != before["metadata"]["uid"], (
            "with a token that is still good it joins as a new one"
        )


def _judge(site: Site, machine: InstalledNode, files: tuple[Path, ...], folder: Path) -> None:
    """The checks of layer k0s, as a run asks them."""
    subject = site.subject
    suites = Suites(
        checks_root=subject.project.root / "vm-harness/checks",
        images_root=subject.project.root / "images",
        out=folder / "out",
        profile=files,
        selection=Selection(suites=("k0s",)),
    )
    result = run_suites(machine, ["k0s"], suites, today=date.today())
    failed = {each.id: each.message for each in result.checks if each.outcome is not Outcome.PASSED}
    assert failed == {}
    assert sum("test_join.py" in each.id for each in result.checks) == 8


@pytest.mark.nightly(minutes=2)
@pytest.mark.parametrize("fault", ["expired", "clock"])
def test_a_node_that_cannot_join_says_why(site: Site, tmp_path: Path, fault: str) -> None:
    token = create_token(site.cluster, site.api, server=SERVER)
    if fault == "expired":
        token = join_token(server=SERVER, ca=site.cluster.access.authority)
    with started(site, tmp_path, profile(site, tmp_path, token)) as machine:
        if fault == "clock":
            machine.run("systemctl stop k0sworker systemd-timesyncd; date -s 2020-01-01; systemctl start k0sworker")
        assert told(machine) is {"expired": Cause.REFUSED, "clock": Cause.CLOCK}[fault]
        assert SECRET not in machine.run(JOURNAL).stdout
        assert machine.run("test -e /var/lib/k0s/kubelet.conf").returncode == 1


@pytest.mark.nightly(minutes=8)
def test_a_node_with_a_real_kubelet_runs_a_pod_of_a_local_image(site: Site, tmp_path: Path) -> None:
    """kubelet, containerd, runc and plugins of a network beside the stand-in's k0s; no registry is there."""
    marker = f"marker-{secrets.token_hex(8)}"
    image = serving_image("images.imagekit.test/marker", marker)
    files = profile(
        *(site, tmp_path, create_token(site.cluster, site.api, server=SERVER), brought()),
        args=["--kubelet-extra-args=--protect-kernel-defaults=true"],
    )
    with approving(site.cluster), started(site, tmp_path, files, {"pause": pause_image(), "marker": image}) as machine:
        before = registered(site, machine, seconds=START)
        assert before["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://1.")
        _judge(site, machine, files, tmp_path)

        ask_for_pods(site.api, image, name_of(machine))
        ended = pod(site, machine, "ends", lambda seen: seen["status"]["phase"] == "Succeeded")
        (container,) = ended["status"]["containerStatuses"]
        assert container["state"]["terminated"]["message"].strip() == marker
        assert container["imageID"].endswith(image.digest)
        log = machine.run("cat /var/log/pods/default_ends_*/main/0.log").stdout
        assert f"stdout F {marker}" in log

        serves = pod(site, machine, "serves", lambda seen: true(seen, "Ready"))
        address = serves["status"]["podIP"]
        assert address.startswith(f"{PODS}.")
        assert machine.run(f"curl -sS -m 20 http://{address}:{PORT}/").stdout.strip() == marker

        ScenarioNode(machine).reboot()
        after = registered(site, machine, renewed_after=before["renewed"], seconds=START)
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        again = pod(site, machine, "serves", lambda seen: seen["status"]["containerStatuses"][0]["restartCount"] > 0)
        address = again["status"]["podIP"]
        assert machine.run(f"curl -sS -m 20 --retry 5 http://{address}:{PORT}/").stdout.strip() == marker


def pod(site: Site, machine: InstalledNode, name: str, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """A pod, once it is as it is to be."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        seen = site.api.find("v1", "Pod", "default", name)
        found[:] = [seen] if seen is not None and seen["status"].get("containerStatuses") and met(seen) else []
        return bool(found)

    _awaited(there, machine, what=f"pod {name}", seconds=START)
    return found[0]
