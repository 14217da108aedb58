"""A node of the embedded image joins a real cluster by its cloud-config, as a stand-in and with a real kubelet.

What an upgrade and a reset leave of it; and pods that run on it, of its own images and of a registry's.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.interface import Subject
from imagekit.base.process import ProgramMissingError
from imagekit.build.result import earlier_build
from imagekit.checks.joincause import Cause, cause_in
from imagekit.config.load import load_project
from imagekit.fixtures.session import fixture_network
from imagekit.kube.client import session
from imagekit.kube.kubeconfig import read_kubeconfig
from imagekit.machine.node import InstalledNode
from imagekit.plan.resolve import make_plan
from imagekit.scenarios import ask
from imagekit.scenarios.model import GrubEntry, Tally
from imagekit.scenarios.nodes import ScenarioNode
from tests.e2e.conftest import IMAGE, Clone
from tests.support.joining import create_token
from tests.support.joinsite import (
    HOUSE,
    JOURNAL,
    PLAIN,
    REGISTRY,
    SERVER,
    START,
    UNKNOWN,
    Site,
    judge,
    name_of,
    newer,
    pod,
    profile,
    registered,
    started,
    until_told,
)
from tests.support.jointokens import SECRET, join_token
from tests.support.localimages import PORT, ask_for_a_pod, ask_for_pods, pause_image, push, serving_image, true
from tests.support.nodeprograms import PODS, brought

pytestmark = [
    pytest.mark.vm,
    pytest.mark.online,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]
UNIT = "/etc/systemd/system/k0sworker.service"
REPOSITORY = "team/served"


@pytest.fixture(scope="module")
def site(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    assert clone.imagekit("build", IMAGE).returncode == 0
    project, scratch = load_project(clone.root), tmp_path_factory.mktemp("join")
    image = earlier_build(project.work, make_plan(project, IMAGE))
    assert image is not None
    subject = Subject(project=project, name=IMAGE, image=image, run_id="t-join", folder=scratch / "run")
    with ExitStack() as stack:
        try:
            network = stack.enter_context(fixture_network(project.harness, ["kubernetes", "registry"], subject.run_id))
        except ProgramMissingError as error:
            pytest.fail(f"{error}: `bin/test nightly` builds them")
        access = read_kubeconfig(network.handed_file("kubernetes", "admin.conf"))
        api = stack.enter_context(session(access))
        pulled = serving_image(f"{REGISTRY}:{HOUSE}/{REPOSITORY}", "pulled from a registry")
        push(pulled, network.way_in("registry", PLAIN), REPOSITORY, scratch / "pulled")
        yield Site(subject, network, access, api, pulled)


@pytest.mark.nightly(minutes=10)
def test_a_node_joins_and_an_upgrade_keeps_it_and_a_reset_does_not(site: Site, tmp_path: Path) -> None:
    files = profile(site, tmp_path, create_token(site.access, site.api, server=SERVER))
    with started(site, tmp_path, files) as machine:
        before = registered(site, machine)
        judge(site, machine, files, tmp_path)
        certificate = machine.run("sha256sum /var/lib/k0s/kubelet/pki/kubelet-client-current.pem").stdout
        taken = machine.run("k0s install worker --token-file /etc/k0s.token")
        assert taken.returncode == 1
        assert cause_in(taken.stderr) is not None, "the collision with k0smotron's `k0s install worker`"
        assert f"Init already exists: {UNIT}" in taken.stderr

        target = newer(site, tmp_path / "newer")
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


@pytest.mark.nightly(minutes=2)
@pytest.mark.parametrize("fault", [Cause.REFUSED, Cause.CLOCK], ids=["expired", "clock"])
def test_a_node_that_cannot_join_says_why(site: Site, tmp_path: Path, fault: Cause) -> None:
    token = join_token(server=SERVER, ca=site.access.authority)
    with started(site, tmp_path, profile(site, tmp_path, token)) as machine:
        until_told(machine, Cause.REFUSED)
        if fault is Cause.CLOCK:
            machine.run("systemctl stop k0sworker systemd-timesyncd; date -s 2020-01-01; systemctl start k0sworker")
            until_told(machine, fault)
        assert SECRET not in machine.run(JOURNAL).stdout
        assert machine.run("test -e /var/lib/k0s/kubelet.conf").returncode == 1


@pytest.mark.nightly(minutes=8)
def test_a_node_with_a_real_kubelet_runs_a_pod_of_a_local_image(site: Site, tmp_path: Path) -> None:
    """kubelet, containerd, runc and plugins of a network beside the stand-in's k0s; no registry is there."""
    marker = f"marker-{secrets.token_hex(8)}"
    image = serving_image("images.imagekit.test/marker", marker)
    files = profile(
        *(site, tmp_path, create_token(site.access, site.api, server=SERVER), brought()),
        args=["--kubelet-extra-args=--protect-kernel-defaults=true"],
    )
    with started(site, tmp_path, files, {"pause": pause_image(), "marker": image}) as machine:
        before = registered(site, machine, seconds=START)
        assert before["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://1.")
        judge(site, machine, files, tmp_path)

        ask_for_pods(site.api, image, name_of(machine))
        ended = pod(site, machine, "ends", lambda seen: seen["status"]["phase"] == "Succeeded")
        (container,) = ended["status"]["containerStatuses"]
        assert container["state"]["terminated"]["message"].strip() == marker
        assert container["imageID"].endswith(image.digest)
        log = machine.run("cat /var/log/pods/default_ends_*/main/0.log").stdout
        assert f"stdout F {marker}" in log

        _pulls_by_the_nodes_own_trust(site, machine)

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


def _pulls_by_the_nodes_own_trust(site: Site, machine: InstalledNode) -> None:
    """containerd takes an image from a registry of the corporate CA, and from none that the node does not trust."""
    for name, port in (("house", HOUSE), ("unknown", UNKNOWN)):
        image = f"{REGISTRY}:{port}/{REPOSITORY}@{site.pulled.digest}"
        ask_for_a_pod(site.api, name, image, name_of(machine), pull="Always")
    taken = pod(site, machine, "house", lambda seen: true(seen, "Ready"))
    assert taken["status"]["containerStatuses"][0]["imageID"].endswith(site.pulled.digest)
    refused = pod(site, machine, "unknown", lambda seen: "x509" in _waits_for(seen))
    assert "certificate signed by unknown authority" in _waits_for(refused)


def _waits_for(seen: dict[str, Any]) -> str:
    """Why the container of a pod is not there."""
    return str(seen["status"]["containerStatuses"][0]["state"].get("waiting", {}).get("message", ""))
