"""A worker that its cloud-config lets join a cluster: joined, under its name, with what was declared.

Asked of nodes with `k0s-worker: {enabled: true}`, of the stand-in and of k0s alike; of the cluster the node itself is
asked, with the credentials that it got by joining.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts
from imagekit.checks.joincause import cause_in
from imagekit.config.jointoken import Role
from imagekit.config.tokenlint import arguments, token_file

pytestmark = [pytest.mark.runbook("k0s-join"), pytest.mark.boot_path("installed"), pytest.mark.role("worker")]
CONFIG = "/var/lib/k0s/kubelet.conf"
CERTIFICATE = "/var/lib/k0s/kubelet/pki/kubelet-client-current.pem"
_WAIT = 40  # seconds; the provider starts k0s when the node answers already
_ASK = "printf %s {authority} | base64 -d | curl -sS -m 20 --cacert /dev/stdin --cert {cert} {server}{path}"


@pytest.fixture(scope="session")
def section() -> Any:
    """What the cloud-config says of the worker."""
    return declared.k0s_section(Role.WORKER)


@pytest.fixture(scope="session")
def joined(root: Host) -> dict[str, Any]:
    """The kubelet's kubeconfig; where there is none, the cause out of the journal."""
    root.run(f"for _ in $(seq {_WAIT}); do test -s {CONFIG} && break; sleep 1; done")
    text = root.run(f"cat {CONFIG}").stdout
    if not text:
        journal = root.run("journalctl -b -u k0sworker -o cat --no-pager | tail -n 400").stdout
        reported = cause_in(journal)
        pytest.fail(
            reported.text if reported else f"the node has not joined, and k0s says: {journal[-600:] or 'nothing'}"
        )
    return dict(yaml.safe_load(text))


@pytest.fixture(scope="session")
def node(root: Host, joined: dict[str, Any], facts: Facts) -> dict[str, Any]:
    """The node's own object in the cluster, read with its own credentials."""
    cluster = joined["clusters"][0]["cluster"]
    ask = _ASK.format(
        authority=cluster["certificate-authority-data"],
        cert=CERTIFICATE,
        server=cluster["server"],
        path=f"/api/v1/nodes/{_host_name(root)}",
    )
    done = root.run(f'for _ in 1 2 3 4 5 6 7 8; do {ask} | grep -q \'"kind": *"Node"\' && break; sleep 2; done; {ask}')
    found = dict(json.loads(done.stdout or "{}"))
    assert found.get("kind") == "Node", found.get("message") or done.stderr
    return found


def test_the_token_is_roots_alone(root: Host, section: Any) -> None:
    """The token file, where it is still there, belongs to root, and nobody else reads it."""
    path = token_file(section)
    assert path, "k0s-worker has no --token-file"
    if root.run("test -e %s", path).rc == 0:
        assert root.run("stat -c '%%U %%a' %s", path).stdout.strip() == "root 600"


def test_the_drop_in_is_kairos_own(root: Host, section: Any) -> None:
    """Kairos's provider wrote the drop-in: the unit runs k0s with the declared arguments, and root alone reads it."""
    path = "/etc/systemd/system/k0sworker.service.d/override.conf"
    assert root.run("stat -c '%%U %%a' %s", path).stdout.strip() == "root 600"
    shown = root.run("systemctl show -p ExecStart k0sworker.service").stdout
    line = shown.partition("argv[]=")[2].partition(" ;")[0]
    assert line.split() == ["/usr/bin/k0s", "worker", *arguments(section)]


def test_the_worker_has_joined(root: Host, joined: dict[str, Any]) -> None:
    """The node has credentials of its cluster, and root alone reads them."""
    assert joined["kind"] == "Config"
    modes = root.run(f"stat -L -c '%U %a' {CONFIG} {CERTIFICATE}").stdout.split("\n")[:2]
    assert modes == ["root 600", "root 600"]


def test_the_certificate_is_this_nodes(root: Host, joined: dict[str, Any]) -> None:
    """The certificate is of group system:nodes, and for this host's name."""
    # The file holds the key, too, which stays where it is.
    shown = root.run(f"sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' {CERTIFICATE}").stdout
    found = x509.load_pem_x509_certificate(shown.encode())
    names = {
        oid: found.subject.get_attributes_for_oid(oid)[0].value
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    }
    assert names == {NameOID.COMMON_NAME: f"system:node:{_host_name(root)}", NameOID.ORGANIZATION_NAME: "system:nodes"}


def test_the_node_is_ready(node: dict[str, Any]) -> None:
    """The cluster sees the node as Ready."""
    ready = {each["type"]: each["status"] for each in node["status"]["conditions"]}
    assert ready.get("Ready") == "True", node["status"]["conditions"]


def test_the_kubelet_is_the_declared_one(node: dict[str, Any]) -> None:
    """The kubelet is that of the declared k0s."""
    version = declared.layer("k0s").args["K0S_VERSION"]
    assert node["status"]["nodeInfo"]["kubeletVersion"] == version.rpartition(".")[0]


def test_the_cluster_sees_this_system(node: dict[str, Any], root: Host) -> None:
    """The system that the cluster sees is the one that this image names."""
    named = root.run('. /etc/os-release && printf %s "$PRETTY_NAME"').stdout
    assert node["status"]["nodeInfo"]["osImage"] == named
    assert node["status"]["nodeInfo"]["kernelVersion"] == root.run("uname -r").stdout.strip()


def test_the_labels_are_the_declared_ones(node: dict[str, Any], section: Any) -> None:
    """Every label of `--labels` is on the node; labels are given once, at its first registration."""
    wanted = _labels(arguments(section))
    there = node["metadata"]["labels"]
    assert {name: there.get(name) for name in wanted} == wanted


def _labels(words: list[str]) -> dict[str, str]:
    values = [word.partition("=")[2] for word in words if word.startswith("--labels=")]
    values += [words[at + 1] for at, word in enumerate(words[:-1]) if word == "--labels"]
    pairs = [pair.partition("=") for value in values for pair in value.split(",")]
    return {name: value for name, _, value in pairs}


def _host_name(root: Host) -> str:
    return str(root.run("hostname").stdout).strip().lower()
