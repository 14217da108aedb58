"""The GitOps loop with Flux's real controllers: a commit on a Git server becomes objects of a real API server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagekit.app.applying import objects_in
from imagekit.base.waiting import Deadline, wait_until
from imagekit.bench.fluxlab import SPACE, GitRepo, flux, flux_objects, git_server
from imagekit.kube.client import Api
from imagekit.kube.local import Cluster
from imagekit.provision.check.server import make_crds
from imagekit.provision.check.store import Schemas
from imagekit.provision.machines.wanted import wanted_machines
from imagekit.provision.render import Tree, render
from imagekit.registry.client import Registry
from imagekit.trust.sign.keys import PASSWORD_VARIABLE, KeyStore
from tests.integration.conftest import PASSWORD
from tests.support.dockerregistry import DockerRegistry
from tests.support.fleets import NEW, OLD, inputs_of
from tests.support.gitops import artifact, flux_crds, require_controllers, signed

pytestmark = pytest.mark.nightly(minutes=1)
_KUSTOMIZATION = "kustomize.toolkit.fluxcd.io/v1"
_SOURCE = "source.toolkit.fluxcd.io/v1"


@pytest.fixture(scope="module")
def loop(
    cluster: Cluster, api: Api, schemas: Schemas, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[GitRepo, str]]:
    """Flux at work on the API server; a Git repository with the fleet of before, and its address."""
    require_controllers()
    folder = tmp_path_factory.mktemp("flux")
    make_crds(api, [*schemas.crds, *flux_crds()])
    for name in (SPACE, "fleet"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, force=True)
    repo = GitRepo(folder)
    repo.commit(render(inputs_of(prod=OLD)), "the fleet")
    with ExitStack() as stack:
        address = stack.enter_context(git_server(repo.bare))
        stack.enter_context(flux(cluster, folder))
        yield repo, address


def test_a_commit_arrives_a_roll_and_its_rollback_too(
    loop: tuple[GitRepo, str], api: Api, cluster: Cluster, tmp_path: Path
) -> None:
    repo, address = loop
    before, after = render(inputs_of(prod=OLD)), render(inputs_of(prod=NEW))
    for each in flux_objects(before["flux/flux.yaml"], address):
        api.apply(each, force=True)
    _arrived(api, before, None, 120)
    texts = [data for path, data in before.items() if path.startswith(("images/", "machines/"))]
    rendered = [each for text in texts for each in yaml.safe_load_all(text)]
    applied = objects_in(cluster.kubeconfig(tmp_path / "kubeconfig"), namespace="fleet")
    assert wanted_machines(applied) == wanted_machines(rendered), "`provision apply` makes of both the same machines"
    began = time.monotonic()
    repo.commit(after, "roll prod")
    _arrived(api, after, before, 60)
    rolled = time.monotonic() - began
    began = time.monotonic()
    repo.revert()
    _arrived(api, before, after, 60)
    print(f"a commit is applied after {rolled:.1f} s, its reversal after {time.monotonic() - began:.1f} s")  # noqa: T201


def _objects(tree: Tree) -> set[tuple[str, str, str, str]]:
    texts = [
        data
        for path, data in tree.items()
        if path.startswith(("images/", "machines/", "dns/", "platform/")) and not path.endswith("kustomization.yaml")
    ]
    found = [each for text in texts for each in yaml.safe_load_all(text)]
    return {
        (one["apiVersion"], one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in found
    }


def _arrived(api: Api, tree: Tree, gone: Tree | None, seconds: float) -> None:
    """Wait until every object of a tree is there, and what only the other one has is not."""
    wanted = _objects(tree)
    unwanted = (_objects(gone) if gone else set()) - wanted

    def done() -> bool:
        return all(_there(api, *each) for each in wanted) and not any(_there(api, *each) for each in unwanted)

    try:
        wait_until(done, Deadline.after(seconds), what=f"{len(wanted)} objects there, {len(unwanted)} gone", every=0.3)
    except Exception as error:
        missing = [each for each in wanted if not _there(api, *each)]
        raise AssertionError(f"{error}\nmissing {missing[:5]}\n{_conditions(api)}") from error


def _there(api: Api, api_version: str, kind: str, namespace: str, name: str) -> bool:
    found = api.find(api_version, kind, namespace, name)
    return found is not None and "deletionTimestamp" not in found["metadata"]


def _conditions(api: Api) -> str:
    lines = []
    for api_version, kind in (
        (_SOURCE, "GitRepository"),
        (_SOURCE, "OCIRepository"),
        (_KUSTOMIZATION, "Kustomization"),
    ):
        for each in api.get(api.path_of(api_version, kind, SPACE))["items"]:
            told = [one["message"] for one in each.get("status", {}).get("conditions") or ()]
            lines.append(f"{kind} {each['metadata']['name']}: {' | '.join(told)}"[:400])
    return "\n".join(lines)


# ---- a signed artifact instead of Git ----


def test_only_a_signed_artifact_is_taken(loop: tuple[GitRepo, str], api: Api, tmp_path: Path) -> None:
    own, foreign = (KeyStore(tmp_path / name, environ={PASSWORD_VARIABLE: PASSWORD}) for name in ("own", "foreign"))
    own.signer()
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cosign-keys", "namespace": SPACE}}
    api.apply({**secret, "stringData": {"imagekit.pub": own.public_path.read_text()}}, force=True)
    with DockerRegistry(tmp_path / "registry") as server, Registry(server.address) as client:
        tree = {f"a{number}.yaml": b"kind: x\n" for number in range(3)}
        signed(client, artifact(client, tree, "good"), own)
        artifact(client, {**tree, "unsigned.yaml": b"kind: x\n"}, "unsigned")
        signed(client, artifact(client, {**tree, "foreign.yaml": b"kind: x\n"}, "foreign"), foreign)
        for tag in ("good", "unsigned", "foreign"):
            api.apply(_oci(server.address, tag), force=True)
        assert _verdict(api, "good") == ("True", "Succeeded")
        for tag in ("unsigned", "foreign"):
            status, reason = _verdict(api, tag)
            assert (status, reason) == ("False", "VerificationError"), tag
            assert "artifact" not in (api.find(_SOURCE, "OCIRepository", SPACE, tag) or {})["status"]


def _oci(address: str, tag: str) -> dict[str, Any]:
    return {
        "apiVersion": _SOURCE,
        "kind": "OCIRepository",
        "metadata": {"name": tag, "namespace": SPACE},
        "spec": {
            "url": f"oci://{address}/kairos/fleet",
            "insecure": True,
            "interval": "1h",
            "ref": {"tag": tag},
            "verify": {"provider": "cosign", "secretRef": {"name": "cosign-keys"}},
        },
    }


def _verdict(api: Api, name: str) -> tuple[str, str]:
    """What source-controller says of an artifact's signature: status and reason of its condition SourceVerified."""

    def said() -> tuple[str, str] | None:
        found = api.find(_SOURCE, "OCIRepository", SPACE, name) or {}
        conditions = found.get("status", {}).get("conditions") or ()
        return next(((one["status"], one["reason"]) for one in conditions if one["type"] == "SourceVerified"), None)

    return wait_until(said, Deadline.after(60), what=f"the verdict about {name}", hint=json.dumps(_conditions(api)))
