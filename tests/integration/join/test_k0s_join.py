"""`k0s worker` of the stand-in before a real kube-apiserver and etcd: the whole bootstrap, and each way to fail."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from imagekit.base.waiting import Deadline, wait_until
from imagekit.checks.joincause import Cause
from imagekit.config.jointoken import Fault, read_join_token
from imagekit.kube.client import Api, ApiError, session
from imagekit.kube.join import asked, registered
from imagekit.kube.kubeconfig import read_kubeconfig
from imagekit.kube.local import Cluster
from imagekit.kube.pki import Authority
from tests.support.joining import REQUESTS, approving, create_token
from tests.support.joinserver import served
from tests.support.jointokens import join_token
from tests.support.worker import worker

pytestmark = pytest.mark.nightly(minutes=0.03)


def node(api: Api, name: str) -> dict[str, Any]:
    found = api.find("v1", "Node", "", name)
    assert found is not None
    return found


@pytest.fixture
def token(cluster: Cluster, api: Api) -> str:
    return create_token(cluster.access, api)


def test_a_worker_joins(cluster: Cluster, api: Api, standin: Path, tmp_path: Path, token: str) -> None:
    with (
        approving(cluster),
        worker(standin, tmp_path, "Joins.example.com", token, "--labels=example.com/zone=a") as run,
    ):
        run.until("Successfully registered node")
        wait_until(lambda: _lease(api, "joins.example.com") is not None, Deadline.after(20), what="lease", hint="")
        seen = node(api, "joins.example.com")
    info, labels = seen["status"]["nodeInfo"], seen["metadata"]["labels"]
    assert info["kubeletVersion"] == "v1.34.2+k0s"
    assert info["osImage"] in Path("/etc/os-release").read_text()
    assert (labels["example.com/zone"], labels["kubernetes.io/hostname"]) == ("a", "joins.example.com")
    assert [(each["type"], each["status"]) for each in seen["status"]["conditions"]] == [("Ready", "True")]
    assert seen["status"]["allocatable"]["pods"] == "0", "a stand-in runs no pods, and offers no room for them"


def test_the_secrets_are_roots_alone_and_the_log_has_none(
    cluster: Cluster, standin: Path, tmp_path: Path, token: str
) -> None:
    with approving(cluster), worker(standin, tmp_path, "secrets", token) as run:
        run.until("Successfully registered node")
        journal, current = run.journal, run.data / "kubelet/pki/kubelet-client-current.pem"
        config = run.data / "kubelet.conf"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (current, config)} == {0o600}
    assert not (run.data / "kubelet/pki/kubelet-client.key.tmp").exists()
    assert read_join_token(token).secret not in journal + config.read_text()
    certificate = x509.load_pem_x509_certificate(current.read_bytes())
    assert _subject(certificate) == ("system:node:secrets", "system:nodes")


def test_a_restart_needs_no_token_and_keeps_node_and_certificate(
    cluster: Cluster, api: Api, standin: Path, tmp_path: Path, token: str
) -> None:
    """What an upgrade of the operating system is for k0s: the process anew, with /var/lib/k0s as it was."""
    with approving(cluster), worker(standin, tmp_path, "restarts", token) as run:
        run.until("Successfully registered node")
    before, certificate = node(api, "restarts"), _current(run.data)
    api.delete("v1", "Secret", "kube-system", f"bootstrap-token-{read_join_token(token).id}")
    run.log.unlink()
    with worker(standin, tmp_path, "restarts", None, "--labels=example.com/new=label") as again:
        again.until("Successfully registered node")
        assert "Bootstrapping" not in again.journal
    after = node(api, "restarts")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert _current(run.data) == certificate
    assert "example.com/new" not in after["metadata"]["labels"], "labels are given at the first registration only"


def test_a_node_that_lost_its_state_joins_anew_under_its_old_object(
    cluster: Cluster, api: Api, standin: Path, tmp_path: Path, token: str
) -> None:
    """A reset formats COS_PERSISTENT: the object stays until somebody removes it, and a new token is needed."""
    with approving(cluster), worker(standin, tmp_path / _made(tmp_path, "a"), "reset", token) as run:
        run.until("Successfully registered node")
    uid = node(api, "reset")["metadata"]["uid"]
    second = tmp_path / _made(tmp_path, "b")
    with approving(cluster), worker(standin, second, "reset", create_token(cluster.access, api)) as run:
        run.until("Successfully registered node")
    assert node(api, "reset")["metadata"]["uid"] == uid


def test_a_node_cannot_remove_itself_an_administrator_can(
    cluster: Cluster, api: Api, standin: Path, tmp_path: Path, token: str
) -> None:
    with approving(cluster), worker(standin, tmp_path, "leaves", token) as run:
        run.until("Successfully registered node")
        with (
            session(read_kubeconfig(run.data / "kubelet.conf")) as mine,
            pytest.raises(ApiError, match="cannot delete resource"),
        ):
            mine.delete("v1", "Node", "", "leaves")
        api.delete("v1", "Node", "", "leaves")
        run.until("Error updating node status")
        assert api.find("v1", "Node", "", "leaves") is None, "a kubelet that runs registers no second time"
    run.log.unlink()
    with worker(standin, tmp_path, "leaves", None) as again:
        again.until("Successfully registered node")


def test_a_node_may_not_take_anothers_name(
    cluster: Cluster, api: Api, standin: Path, tmp_path: Path, token: str
) -> None:
    with approving(cluster), worker(standin, tmp_path, "honest", token) as run:
        run.until("Successfully registered node")
    body = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "victim"}}
    with session(read_kubeconfig(run.data / "kubelet.conf")) as mine, pytest.raises(ApiError) as caught:
        mine.call("POST", "/api/v1/nodes", body=body)
    assert caught.value.status == 403


# ---- ways to fail: the stand-in's journal names the cause, and so does the token itself where it can ----


def failing(standin: Path, folder: Path, token: str | None, *args: str) -> Cause:
    with worker(standin, folder, "fails", token, *args) as run:
        told = run.told()
        assert not (run.data / "kubelet.conf").exists(), "a node that is not in has no credentials"
    if token is not None and len(token) > 200:
        assert token[:40] not in run.journal + told.text
    return told.cause


def test_an_expired_token(cluster: Cluster, api: Api, standin: Path, tmp_path: Path) -> None:
    expired = create_token(cluster.access, api, lasts=timedelta(seconds=-5))
    assert failing(standin, tmp_path, expired) is Cause.REFUSED
    known = read_join_token(expired)
    assert [each.fault for each in asked(known, now=datetime.now(UTC))] == [Fault.NOT_ADMITTED]
    assert [each.fault for each in registered(known, api, now=datetime.now(UTC))] == [Fault.EXPIRED]


def test_a_token_that_was_removed(cluster: Cluster, api: Api, standin: Path, tmp_path: Path, token: str) -> None:
    known = read_join_token(token)
    assert registered(known, api, now=datetime.now(UTC)) == ()
    assert asked(known, now=datetime.now(UTC)) == ()
    api.delete("v1", "Secret", "kube-system", f"bootstrap-token-{known.id}")
    assert failing(standin, tmp_path, token) is Cause.REFUSED
    assert [each.fault for each in registered(known, api, now=datetime.now(UTC))] == [Fault.EXPIRED]


def test_an_authority_of_another_cluster(cluster: Cluster, api: Api, standin: Path, tmp_path: Path) -> None:
    other = create_token(cluster.access, api, authority=Authority().pem)
    assert failing(standin, tmp_path, other) is Cause.WRONG_AUTHORITY
    assert [each.fault for each in asked(read_join_token(other), now=datetime.now(UTC))] == [Fault.WRONG_AUTHORITY]


def test_a_controllers_token(cluster: Cluster, api: Api, standin: Path, tmp_path: Path) -> None:
    theirs = create_token(cluster.access, api, role="controller")
    assert failing(standin, tmp_path, theirs) is Cause.WRONG_ROLE
    known = read_join_token(theirs)
    assert [each.fault for each in asked(known, now=datetime.now(UTC))] == [Fault.NOT_ADMITTED]


def test_an_api_server_that_is_not_there(cluster: Cluster, api: Api, standin: Path, tmp_path: Path) -> None:
    away = create_token(cluster.access, api, server="https://127.0.0.1:9")
    assert failing(standin, tmp_path, away) is Cause.UNREACHABLE


def test_a_name_that_is_not_there(cluster: Cluster, api: Api, standin: Path, tmp_path: Path) -> None:
    away = create_token(cluster.access, api, server="https://k0s.invalid:6443")
    assert failing(standin, tmp_path, away) is Cause.UNREACHABLE


def test_an_address_that_the_certificate_has_not(cluster: Cluster, api: Api, standin: Path, tmp_path: Path) -> None:
    with served(cluster.authority, address="127.0.0.2") as server:
        assert failing(standin, tmp_path, create_token(cluster.access, api, server=server)) is Cause.NAME


@pytest.mark.parametrize("days", [-30, 30], ids=["clock ahead", "clock behind"])
def test_clock_skew(standin: Path, tmp_path: Path, days: int) -> None:
    """A clock that is off sees certificates that are not valid: seen here by the days of the certificate."""
    authority = Authority(datetime.now(UTC) + timedelta(days=days))
    with served(authority) as server:
        assert failing(standin, tmp_path, join_token(server=server, ca=authority.pem)) is Cause.CLOCK


def test_a_request_that_is_denied(cluster: Cluster, standin: Path, tmp_path: Path, token: str) -> None:
    with approving(cluster, deny=True), worker(standin, tmp_path, "denied", token) as run:
        wait_until(lambda: _denied(cluster), Deadline.after(20), what="a denial", hint="")
    assert "kubelet.conf" not in {path.name for path in run.data.iterdir()}


@pytest.mark.parametrize(
    ("content", "cause"),
    [("", Cause.TOKEN_FILE), (None, Cause.TOKEN_FILE), ("hello", Cause.UNREADABLE), ("aGVsbG8=", Cause.UNREADABLE)],
)
def test_a_file_that_is_no_token(standin: Path, tmp_path: Path, content: str | None, cause: Cause) -> None:
    assert failing(standin, tmp_path, content) is cause


def test_two_tokens(standin: Path, tmp_path: Path, token: str) -> None:
    assert failing(standin, tmp_path, token, token) is Cause.TWO_SOURCES


def _made(folder: Path, name: str) -> str:
    (folder / name).mkdir()
    return name


def _lease(api: Api, name: str) -> dict[str, Any] | None:
    return api.find("coordination.k8s.io/v1", "Lease", "kube-node-lease", name)


def _current(data: Path) -> bytes:
    return (data / "kubelet/pki/kubelet-client-current.pem").read_bytes()


def _subject(certificate: x509.Certificate) -> tuple[str, str]:
    names = [
        certificate.subject.get_attributes_for_oid(each)[0] for each in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    ]
    return str(names[0].value), str(names[1].value)


def _denied(cluster: Cluster) -> bool:
    with session(cluster.access) as api:
        conditions = [each for item in api.get(REQUESTS)["items"] for each in item["status"].get("conditions", ())]
    return any(each["type"] == "Denied" for each in conditions)
