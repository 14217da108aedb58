"""What k0s's control plane does for nodes that join: tokens, the rights to ask, approval, certificates.

The API server is a real one. In place of kube-controller-manager's controllers csrapproving and csrsigning stands
`approving`, which asks the server itself whether the requester may have a node's certificate, as csrapproving does, and
denies it when it is told to. The fixture `kubernetes` has the controllers themselves.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from imagekit.kube.client import Api, ApiError, session
from imagekit.kube.kubeconfig import Access
from imagekit.kube.local import Cluster
from imagekit.kube.pki import Authority
from tests.support.jointokens import kubeconfig, packed

REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SIGNER = "kubernetes.io/kube-apiserver-client-kubelet"
_RBAC = "rbac.authorization.k8s.io"
# The bindings of k0s's own stack "bootstraprbac" (pkg/component/controller/systemrbac.yaml): name, role, group.
_BINDINGS = (
    ("kubelet-bootstrap", "system:node-bootstrapper", "system:bootstrappers"),
    (
        "node-autoapprove-bootstrap",
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        "system:bootstrappers",
    ),
    (
        "node-autoapprove-certificate-rotation",
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        "system:nodes",
    ),
)


def bind(api: Api) -> None:
    """Let bootstrap tokens ask for a node's certificate, and have it."""
    for name, role, group in _BINDINGS:
        api.apply(
            {
                "apiVersion": f"{_RBAC}/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": name},
                "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": role},
                "subjects": [{"apiGroup": _RBAC, "kind": "Group", "name": group}],
            },
            force=True,
        )


def create_token(
    access: Access,
    api: Api,
    *,
    lasts: timedelta = timedelta(hours=1),
    role: str = "worker",
    server: str = "",
    authority: bytes = b"",
) -> str:
    """`k0s token create`: the Secret in the cluster, and the text for the node."""
    name, secret = secrets.token_hex(3), secrets.token_hex(8)
    until = datetime.now(UTC) + lasts
    usage = {"worker": "usage-bootstrap-authentication", "controller": "usage-bootstrap-controller-join"}[role]
    api.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"bootstrap-token-{name}", "namespace": "kube-system"},
            "type": "bootstrap.kubernetes.io/token",
            "stringData": {
                "token-id": name,
                "token-secret": secret,
                "expiration": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
                usage: "true",
            },
        }
    )
    user = {"worker": "kubelet-bootstrap", "controller": "controller-bootstrap"}[role]
    return packed(
        kubeconfig(
            server=server or access.server,
            user=user,
            token=f"{name}.{secret}",
            ca=authority or access.authority,
        )
    )


@contextmanager
def approving(cluster: Cluster, *, life: timedelta = timedelta(days=1), deny: bool = False) -> Iterator[None]:
    """Approve and sign the requests of nodes until the block ends; with `deny` deny them all."""
    ended = threading.Event()
    failures: list[Exception] = []

    def loop() -> None:
        with session(cluster.access) as api:
            while not ended.wait(0.1):
                try:
                    for each in api.get(REQUESTS)["items"]:
                        _decide(api, cluster.authority, each, life, deny=deny)
                except ApiError as error:
                    failures.append(error)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        assert failures == []


def _decide(api: Api, authority: Authority, item: dict[str, Any], life: timedelta, *, deny: bool) -> None:
    if item["spec"]["signerName"] != SIGNER or item["status"]:
        return
    path = f"{REQUESTS}/{item['metadata']['name']}"
    verdict = "Approved" if not deny and _is_node(item["spec"]) and _may(api, item["spec"]) else "Denied"
    condition = {"type": verdict, "status": "True", "reason": "Test", "message": f"{verdict} by the tests"}
    item["status"]["conditions"] = [condition]
    item = api.call("PUT", f"{path}/approval", body=item)
    if verdict == "Approved":
        request = base64.b64decode(item["spec"]["request"])
        item["status"]["certificate"] = base64.b64encode(authority.issue(request, life=life)).decode()
        api.call("PUT", f"{path}/status", body=item)


def _is_node(spec: dict[str, Any]) -> bool:
    """Whether the subject is a node's, and the usages those of a kubelet's client."""
    subject = x509.load_pem_x509_csr(base64.b64decode(spec["request"])).subject
    names = [str(each.value) for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    groups = [each.value for each in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    node = len(names) == 1 and names[0].startswith("system:node:")
    return node and groups == ["system:nodes"] and set(spec["usages"]) == {"digital signature", "client auth"}


def _may(api: Api, spec: dict[str, Any]) -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": spec["username"],
            "groups": spec["groups"],
            "resourceAttributes": {
                "group": "certificates.k8s.io",
                "resource": "certificatesigningrequests",
                "subresource": "nodeclient",
                "verb": "create",
            },
        },
    }
    answer = api.call("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", body=review)
    return bool(answer["status"].get("allowed"))
