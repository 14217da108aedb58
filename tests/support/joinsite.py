"""A node of the embedded image beside a real cluster: booted with a profile, waited for, judged by its checks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.checks.joincause import Cause, cause_in
from imagekit.checks.outcome import Outcome
from imagekit.checks.request import Suites
from imagekit.checks.runner import run_suites
from imagekit.checks.selection import Selection
from imagekit.config.merge import merged_cloud_config
from imagekit.fixtures.network import FixtureNetwork
from imagekit.kube.client import Api
from imagekit.kube.kubeconfig import Access
from imagekit.machine.disks import DiskSource
from imagekit.machine.folder import machines_folder, owned_folder
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import fresh_keys, seed_disk
from imagekit.machine.libvirt.daemon import libvirt
from imagekit.machine.node import InstalledNode, node
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.transfer import push_image
from imagekit.scenarios import variants
from imagekit.scenarios.model import Kind, Target
from tests.support.localimages import LocalImage, true
from tests.support.nodeprograms import programs_disk

SERVER = "https://kubernetes.imagekit.test:6443"
REGISTRY = "registry.imagekit.test"
# Its ports: a certificate of the corporate CA, one of an authority that nobody knows, no TLS.
HOUSE, UNKNOWN, PLAIN = 443, 8443, 5000
LABEL = "example.com/zone"
JOURNAL = "journalctl -b -u k0sworker -o cat --no-pager | tail -n 300"
MEMORY_MIB = 2048  # kubelet, containerd and the cache of what they are read from
START = 900.0  # seconds; the kubelet alone is 70 MB of program, under emulation


@dataclass(frozen=True)
class Site:
    """The image, and the network of its nodes, in which a cluster and a registry are."""

    subject: Subject
    network: FixtureNetwork
    access: Access  # the cluster's administrator
    api: Api
    pulled: LocalImage  # what the registry has


def newer(site: Site, layout: Path) -> Target:
    """The image with one more layer, where its nodes take it from: the registry of the corporate CA."""
    image, repository, address = site.subject.image, "team/node", site.network.way_in("registry", PLAIN)
    files, version = variants.good(Kind.NEXT), f"{site.subject.image.version}+next.1"
    made = variants.append_layer(image.layout, image.digest, layout, files, name=Kind.NEXT, version=version)
    with Registry(address) as client:
        push_image(made.layout, made.digest, Reference(address, repository), client)
        size = sum(blob.size for blob in client.manifest(repository, made.digest).blobs)
    source = f"oci:{REGISTRY}/{repository}@{made.digest}"
    return Target(kind=Kind.NEXT, source=source, version=version, size=size)


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
            link=site.network.link,
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


def until_told(machine: InstalledNode, cause: Cause) -> None:
    """Wait until the newest telling line of the journal names a cause; before the network is up there are others."""
    found: list[Cause | None] = [None]

    def known() -> bool:
        seen = cause_in(machine.run(JOURNAL).stdout)
        found[:] = [seen.cause if seen is not None else None]
        return found == [cause]

    try:
        wait_until(known, Deadline.after(180), what=f"the cause {cause!s}", hint="")
    except DeadlineError as error:
        pytest.fail(f"{error}; the journal says {found[0]}:\n{machine.run(JOURNAL).stdout[-3000:]}")


def judge(site: Site, machine: InstalledNode, files: tuple[Path, ...], folder: Path) -> None:
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


def pod(site: Site, machine: InstalledNode, name: str, met: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """A pod, once it is as it is to be."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        seen = site.api.find("v1", "Pod", "default", name)
        found[:] = [seen] if seen is not None and seen["status"].get("containerStatuses") and met(seen) else []
        return bool(found)

    _awaited(there, machine, what=f"pod {name}", seconds=START)
    return found[0]
