"""Manifests before a real kube-apiserver and etcd with the real CRDs."""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from imagekit.base.process import alive, run
from imagekit.base.waiting import Deadline, wait_until
from imagekit.cli import cli
from imagekit.kube.client import Api, ApiError, ApiUnreachableError, session
from imagekit.kube.local import Cluster, api_server
from imagekit.oci.reference import Digest
from imagekit.provision.check.check import check_tree
from imagekit.provision.check.fetch import fetch_from_cluster
from imagekit.provision.check.objects import Tree
from imagekit.provision.check.probes import least
from imagekit.provision.check.reading import read_text, read_tree
from imagekit.provision.check.server import check_live, check_with, make_crds
from imagekit.provision.check.store import Schemas
from imagekit.provision.render import render
from tests.support.fleets import inputs_of
from tests.support.manifests import GOOD, WRONG, Wrong, edited

pytestmark = pytest.mark.nightly(minutes=0.03)
OPTIONAL = "RemoteMachineTemplate"  # a kind whose CRD not every folder of schemas has
YANKED = "sha256:" + "e5" * 32


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """What imagekit renders of a fleet with a withdrawn digest."""
    folder = tmp_path_factory.mktemp("rendered")
    for path, data in render(replace(inputs_of(), yanked={Digest(YANKED): "Ada: broken sshd"})).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return read_tree([folder])


@pytest.fixture(scope="module")
def served(api: Api, rendered: Tree, schemas: Schemas) -> str:
    """The server after the check of what is rendered; CRDs, namespaces and policies are there then."""
    assert make_crds(api, list(schemas.crds)) == len(schemas.crds)
    findings, words = check_with(api, rendered, schemas)
    wrong = [each for each in findings if OPTIONAL not in each.message]
    assert wrong == []
    return words


def test_every_rendered_object_is_accepted_and_every_policy_denies(served: str, rendered: Tree) -> None:
    policies = list(rendered.of("ValidatingAdmissionPolicy"))
    assert len(policies) >= 3
    assert f"{len(policies)} policies seen to deny" in served


@pytest.mark.parametrize("wrong", [each for each in WRONG if each.cluster], ids=lambda each: each.id)
def test_a_wrong_manifest_is_refused_by_the_server_too(api: Api, served: str, wrong: Wrong) -> None:
    (one,), _ = read_text(json.dumps(edited(wrong)), "x.yaml")
    _namespace(api)
    findings, _ = check_live(api, Tree((one,)))
    assert [each.rule.seen for each in findings] == ["API server"], wrong


@pytest.mark.parametrize(
    "wrong", [each for each in WRONG if not each.cluster and not each.more], ids=lambda each: each.id
)
def test_what_the_table_says_a_server_takes_it_takes(api: Api, served: str, wrong: Wrong) -> None:
    """The last column of docs/provision-check.md is measured, in a namespace that no policy is about."""
    item = edited(wrong)
    if item["metadata"].get("namespace"):
        item["metadata"]["namespace"] = "unguarded"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "unguarded"}}, force=True)
    (one,), _ = read_text(json.dumps(item), "x.yaml")
    findings, _ = check_live(api, Tree((one,)))
    assert findings == (), wrong


def test_the_right_ones_of_every_kind_are_accepted(api: Api, served: str) -> None:
    tree = read_tree([GOOD])
    moved = [_moved(each.data) for each in tree.manifests if each.group != "kustomize.config.k8s.io"]
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "unguarded"}}, force=True)
    objects = [read_text(json.dumps(each), "x.yaml")[0][0] for each in moved]
    assert check_live(api, Tree(tuple(objects)))[0] == ()


def _moved(item: dict[str, Any]) -> dict[str, Any]:
    made = json.loads(json.dumps(item).replace('"namespace": "fleet"', '"namespace": "unguarded"'))
    return dict(made)


def _namespace(api: Api) -> None:
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "fleet"}}, force=True)


# ---- the policies, rule by rule ----


def image(rendered: Tree, provider: str) -> dict[str, Any]:
    found = next(each.data for each in rendered.of("VMImage") if provider in each.data["spec"]["source"])
    return copy.deepcopy(found)


def machine(rendered: Tree) -> dict[str, Any]:
    return copy.deepcopy(next(rendered.of("VirtualMachine")).data)


ANNOTATION = "imagekit.dev/oci-image"
HEX = "ab" * 32
DENIED: list[tuple[str, str, str, Any, str]] = [
    ("libvirt", "tag", f"metadata.annotations.{ANNOTATION}", "registry.bank.example/kairos/node:1", "by digest"),
    ("libvirt", "short digest", f"metadata.annotations.{ANNOTATION}", "registry.bank.example/n@sha256:ab", "by digest"),
    ("libvirt", "other registry", f"metadata.annotations.{ANNOTATION}", f"evil.example/n@sha256:{HEX}", "registry"),
    ("libvirt", "look-alike", f"metadata.annotations.{ANNOTATION}", "LOOKALIKE", "registry"),
    ("libvirt", "withdrawn", f"metadata.annotations.{ANNOTATION}", "YANKED", "withdrawn"),
    ("libvirt", "no checksum", "spec.source.libvirt.checksum", None, "SHA-256"),
    ("libvirt", "prefixed checksum", "spec.source.libvirt.checksum", f"sha256:{HEX}", "SHA-256"),
    ("libvirt", "plain http", "spec.source.libvirt.url", "http://a.example/x.qcow2", "https"),
    ("libvirt", "registry source", "spec.source.registry", {"image": "a.example/n:1"}, "no provider"),
    ("vsphere", "ova without checksum", "spec.source.vsphere.checksum", None, "SHA-256"),
]


@pytest.mark.parametrize(("provider", "name", "path", "value", "word"), DENIED, ids=lambda each: str(each)[:20])
def test_the_image_policy_denies(
    api: Api, served: str, rendered: Tree, provider: str, name: str, path: str, value: Any, word: str
) -> None:
    item = image(rendered, provider)
    said = item["metadata"]["annotations"][ANNOTATION]
    if value == "LOOKALIKE":
        value = said.replace("/", ".evil.example/", 1)
    if value == "YANKED":
        value = re.sub("sha256:[0-9a-f]{64}", YANKED, said)
    _put(item, path, value)
    assert word in denied(api, item), name


def test_the_image_policy_allows_and_freezes(api: Api, served: str, rendered: Tree) -> None:
    item = image(rendered, "libvirt")
    api.apply(item, force=True)
    try:
        assert api.apply({**item, "metadata": {**item["metadata"], "labels": {"note": "x"}}}, force=True, dry_run=True)
        item["spec"]["source"]["libvirt"]["checksum"] = HEX
        assert "never edited" in denied(api, item)
    finally:
        _delete(api, item)


def test_the_machine_policy_allows_and_denies(api: Api, served: str, rendered: Tree) -> None:
    item = machine(rendered)
    assert api.apply(item, dry_run=True, force=True)
    other = copy.deepcopy(item)
    other["spec"]["imageRef"]["name"] = "node-1-4-2-ffffffffffff"
    assert "another digest" in denied(api, other)
    api.apply(item, force=True)
    try:
        assert "make a new VirtualMachine" in denied(api, other)
        item["spec"]["powerState"] = "Off"
        assert api.apply(item, dry_run=True, force=True)
    finally:
        _delete(api, item)


def test_the_upgrade_policy_allows_and_denies(api: Api, served: str, rendered: Tree, schemas: Schemas) -> None:
    policy = next(each for each in rendered.of("ValidatingAdmissionPolicyBinding") if "nodeop" in each.short)
    kind = schemas.kinds[("operator.kairos.io/v1alpha1", "NodeOpUpgrade")]
    item = least(kind, policy.data["spec"]["paramRef"]["namespace"])
    good = machine(rendered)["metadata"]["annotations"][ANNOTATION]
    item["spec"] |= {"image": good, "concurrency": 1, "stopOnFailure": True}
    assert api.apply(item, dry_run=True, force=True)
    for change, word in (
        ({"image": good.partition("@")[0] + ":latest"}, "by digest"),
        ({"image": re.sub("sha256:[0-9a-f]{64}", YANKED, good)}, "withdrawn"),
        ({"concurrency": 0}, "one node at a time"),
        ({"stopOnFailure": False}, "one node at a time"),
    ):
        assert word in denied(api, {**item, "spec": {**item["spec"], **change}})


def denied(api: Api, item: dict[str, Any]) -> str:
    """What the server says against an object."""
    with pytest.raises(ApiError) as caught:
        api.apply(item, dry_run=True, force=True)
    return str(caught.value)


def _put(item: dict[str, Any], path: str, value: Any) -> None:
    parts = [ANNOTATION] if path.endswith(ANNOTATION) else path.split(".")[-1:]
    for part in path.removesuffix(f".{ANNOTATION}").split(".")[: None if path.endswith(ANNOTATION) else -1]:
        item = item[part]
    if value is None:
        del item[parts[0]]
    else:
        item[parts[0]] = value


def _delete(api: Api, item: dict[str, Any]) -> None:
    api.delete(item["apiVersion"], item["kind"], item["metadata"]["namespace"], item["metadata"]["name"])


# ---- a live cluster ----


def test_the_schemas_of_a_live_cluster_check_the_kinds_of_kubernetes_too(
    api: Api, served: str, rendered: Tree, tmp_path: Path
) -> None:
    live = fetch_from_cluster(api, tmp_path / "schemas")
    assert {("v1", "Secret"), ("rbac.authorization.k8s.io/v1", "Role")} <= set(live.kinds)
    report = check_tree(rendered, live)
    wrong = [each for each in report.findings if each.rule.level == "error" and OPTIONAL not in each.message]
    assert wrong == []
    assert report.unchecked == {}
    (secret,), _ = read_text('{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "dta": {}}', "x.yaml")
    assert "schema-unknown-field" in {each.rule.id for each in check_tree(Tree((secret,)), live).findings}


def test_a_live_cluster_is_asked_by_its_kubeconfig(
    cluster: Cluster, served: str, rendered: Tree, schemas: Schemas, tmp_path: Path
) -> None:
    folder = Path(rendered.files[0]).parents[1]
    options = ["--kubeconfig", str(cluster.kubeconfig(tmp_path / "config")), "--schemas", str(schemas.folder)]
    done = CliRunner().invoke(cli, ["provision", "check", str(folder), "--without-ledger", "--json", *options])
    told = json.loads(done.stdout)
    assert "dry run of" in told["server"]
    assert {each["rule"] for each in told["findings"] if each["level"] == "error"} <= {"schema-missing", "server-kind"}


# ---- the server's owner ----

CHILD = """
import sys, time
from pathlib import Path
from imagekit.kube.local import api_server
with api_server(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_the_server_ends_with_its_owner(cluster: Cluster, tmp_path: Path, number: signal.Signals) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    pid = os.spawnve(os.P_NOWAIT, sys.executable, [sys.executable, str(script), str(tmp_path)], dict(os.environ))
    home = tmp_path / "apiserver"
    wait_until(lambda: _up(home), Deadline.after(90), what="the child's server")
    children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert len(children) == 2
    os.kill(pid, number)
    os.waitpid(pid, 0)
    wait_until(lambda: not any(alive(each) for each in children), Deadline.after(30), what="both programs to end")
    with api_server(tmp_path):
        assert len(list(home.iterdir())) == 1  # what the killed one left is gone


def _up(home: Path) -> bool:
    logs = list(home.glob("*/kube-apiserver.log"))
    return bool(logs) and "Serving securely" in logs[0].read_text()


@pytest.mark.attack
def test_a_server_that_dies_half_way_gives_no_verdict(
    cluster: Cluster, rendered: Tree, schemas: Schemas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed within the dry run, when half of the objects were taken: what was not asked is not right."""
    asked: list[str] = []
    with api_server(tmp_path) as doomed, session(doomed.access) as api:
        apply = Api.apply

        def dying(self: Api, item: dict[str, Any], **how: Any) -> Any:
            if how.get("dry_run"):
                asked.append(item["kind"])
                if len(asked) == len(rendered.manifests) // 2:
                    os.kill(_serving(doomed), signal.SIGKILL)
            return apply(self, item, **how)

        monkeypatch.setattr(Api, "apply", dying)
        with pytest.raises(ApiUnreachableError, match="does not answer"):
            check_with(api, rendered, schemas)
        options: list[str | Path] = ["--kubeconfig", doomed.kubeconfig(tmp_path / "config"), "--without-ledger"]
        own: list[str | Path] = [sys.executable, "-c", "from imagekit.cli import main; main()", "provision", "check"]
        words = [*own, Path(rendered.files[0]).parents[1], *options, "--schemas", schemas.folder]
        done = run(words, timeout=120, cwd=tmp_path, ok=range(256), env=dict(os.environ))
        assert (done.returncode, "does not answer" in done.stderr) == (3, True), done.stderr
    assert len(asked) > 10


def _serving(cluster: Cluster) -> int:
    """The process of a cluster's API server."""
    port = cluster.access.server.rpartition(":")[2].encode()
    commands = ((path.parent.name, path.read_bytes()) for path in Path("/proc").glob("[0-9]*/cmdline"))
    return next(int(pid) for pid, words in commands if b"--secure-port=" + port in words.split(b"\0"))


def test_from_start_to_verdict(cluster: Cluster, rendered: Tree, schemas: Schemas, tmp_path: Path) -> None:
    """15 s on two idle cores; the processor's time is what a busy machine does not change."""
    folder = Path(rendered.files[0]).parents[1]
    began, before = time.monotonic(), os.times()
    options: list[str | Path] = ["--apiserver", "--without-ledger", "--schemas", schemas.folder, "--json"]
    argv: list[str | Path] = [
        sys.executable,
        "-c",
        "from imagekit.cli import main; main()",
        "provision",
        "check",
        folder,
        *options,
    ]
    done = run(argv, timeout=120, cwd=tmp_path, ok=(0, 1), env=dict(os.environ))
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    told = json.loads(done.stdout)
    number = int(re.findall(r"(\d+) CRDs", told["server"])[0])
    assert 10 < number < len(schemas.crds), "those that are needed"
    wrong = [each for each in told["findings"] if each["level"] == "error" and OPTIONAL not in each["message"]]
    assert wrong == []
    assert spent < 30, f"{spent:.1f} s of processor, {time.monotonic() - began:.1f} s in all"
