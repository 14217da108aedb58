"""What the cluster says of the node that joined it, to its administrator; what the node may do there, and what not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from testinfra.host import Host

from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.checks.joincause import cause_in
from imagekit.fixtures.network import FixtureNetwork
from imagekit.kube.client import Api, session
from imagekit.kube.kubeconfig import read_kubeconfig

pytestmark = pytest.mark.runbook("k0s-join")
PEM = "/var/lib/k0s/kubelet/pki/kubelet-client-current.pem"
_JOIN, _RENEWED = 45.0, 40.0  # seconds; a lease is renewed every ten


@pytest.fixture(scope="session")
def api(network: FixtureNetwork) -> Iterator[Api]:
    """The API server, as its administrator."""
    with session(read_kubeconfig(network.handed_file("kubernetes", "admin.conf"))) as found:
        yield found


@pytest.fixture(scope="session")
def name(api: Api, root: Host) -> str:
    """The node's name in the cluster, once it is there; where it does not come, the cause out of its journal."""
    found = str(root.run("hostname").stdout).strip().lower()
    try:
        wait_until(lambda: api.find("v1", "Node", "", found) is not None, Deadline.after(_JOIN), what=f"node {found}")
    except DeadlineError:
        journal = root.run("journalctl -b -u k0sworker -o cat --no-pager | tail -n 400").stdout
        reported = cause_in(journal)
        pytest.fail(reported.text if reported else f"the cluster has no node {found}, and k0s says: {journal[-600:]}")
    return found


def test_its_certificate_is_of_the_clusters_authority(root: Host, network: FixtureNetwork, name: str) -> None:
    """The cluster approved the node's request and signed it: its certificate is of the cluster's authority."""
    # The file holds the key, too, which stays where it is.
    shown = root.run(f"sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' {PEM}").stdout
    found = x509.load_pem_x509_certificate(shown.encode())
    issuer = x509.load_pem_x509_certificate(network.handed_file("kubernetes", "ca.pem").read_bytes())
    assert found.subject.rfc4514_string() == f"CN=system:node:{name},O=system:nodes"
    try:
        found.verify_directly_issued_by(issuer)
    except (ValueError, InvalidSignature):
        pytest.fail(f"it is of {found.issuer.rfc4514_string()}, and the cluster's authority did not sign it")


def test_it_alone_is_in_the_cluster(api: Api, name: str) -> None:
    """The cluster has this node, and no other."""
    assert [each["metadata"]["name"] for each in api.get("/api/v1/nodes")["items"]] == [name]


def test_it_keeps_its_lease(api: Api, name: str) -> None:
    """The node renews its lease, by which the cluster knows that it lives."""

    def renewed() -> str:
        lease = api.find("coordination.k8s.io/v1", "Lease", "kube-node-lease", name) or {"spec": {}}
        return str(lease["spec"].get("renewTime", ""))

    before = renewed()
    try:
        wait_until(lambda: renewed() > before, Deadline.after(_RENEWED), what="a lease")
    except DeadlineError:
        pytest.fail(f"{name} renewed its lease last at {before or 'no time'}, and in {_RENEWED:.0f} s not again")


def test_it_may_not_touch_what_is_not_its_own(root: Host, name: str) -> None:
    """With its certificate the node reads and changes itself, and reads neither another node nor secrets."""
    cluster = yaml.safe_load(root.run("cat /var/lib/k0s/kubelet.conf").stdout)["clusters"][0]["cluster"]
    ask = (
        f"echo {cluster['certificate-authority-data']} | base64 -d | curl -s -o /dev/null -w '%{{http_code}}' -m 20 "
        f"--cacert /dev/stdin --cert {PEM} -H 'Content-Type: application/merge-patch+json' {cluster['server']}/api/v1"
    )
    asked = {
        "itself": f"{ask}/nodes/{name}",
        "itself, changed": f"{ask}/nodes/{name} -X PATCH -d '{{}}'",
        "another node": f"{ask}/nodes/another",
        "secrets": f"{ask}/namespaces/kube-system/secrets",
    }
    said = {what: root.run(command).stdout for what, command in asked.items()}
    assert said == {"itself": "200", "itself, changed": "200", "another node": "403", "secrets": "403"}
