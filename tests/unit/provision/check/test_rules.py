"""Rules without a row in the table of wrong manifests: warnings, kustomize, packed secrets, two of a kind."""

from __future__ import annotations

import base64
import copy
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from imagekit.provision.check.check import RULES, check_tree, lint_findings
from imagekit.provision.check.finding import Level
from imagekit.provision.check.objects import Tree
from imagekit.provision.check.reading import read_text, read_tree
from imagekit.provision.check.rules.flux import covers
from imagekit.provision.check.store import Schemas
from tests.support.manifests import EXTERNAL, GONE, GOOD, good_objects


def hits(objects: list[dict[str, Any]], external: frozenset[str] = EXTERNAL) -> set[str]:
    manifests = [read_text(json.dumps(each), str(GOOD / "all.yaml"))[0][0] for each in objects]
    return {each.rule.id for each in lint_findings(Tree(tuple(manifests), external=external))}


def changed(kind: str, path: str, value: Any) -> list[dict[str, Any]]:
    objects = good_objects()
    item: Any = next(each for each in objects if each["kind"] == kind)
    *parts, last = path.split(".")
    for part in parts:
        item = item.setdefault(part, {})
    if value is GONE:
        del item[last]
    else:
        item[last] = value
    return objects


@pytest.mark.parametrize(
    ("kind", "path", "value", "rule"),
    [
        ("DNSZone", "spec.clusterRef", GONE, "dns-cluster-reference"),
        ("DNSZone", "spec.recordsFrom", [{"selector": {}}], "dns-zone-selector"),
        ("VirtualMachine", "spec.networks", [{"name": "lan"}], "vm-network"),
        ("VirtualMachine", "spec.networks", GONE, "vm-network"),
        (
            "VirtualMachine",
            "spec.networks",
            [{"name": "lan", "networkRef": {"name": "lan"}, "macAddress": "52:54:00:00:00:01"}],
            "vm-mac",
        ),
        ("VirtualMachine", "spec.networks", [{"name": "lan", "networkRef": {"name": "other"}}], "reference-elsewhere"),
        ("VirtualMachine", "spec.classRef.name", "worker-m", "vmclass-secure-boot"),
        ("VMImage", "spec.source.libvirt.storagePool", GONE, "vmimage-shared"),
        ("VMImage", "spec.source", {"libvirt": {"path": "/var/lib/libvirt/images/n.qcow2"}}, "vmimage-shared"),
        ("Provider", "spec.runtime.service", GONE, "provider-tls"),
        ("Provider", "spec.runtime.service.tls.secretRef", GONE, "provider-tls"),
        ("GitRepository", "spec.verify", GONE, "flux-unverified-git"),
        ("NodeOpUpgrade", "spec.nodeSelector", GONE, "upgrade-everywhere"),
        ("K0sWorkerConfig", "spec.preInstalledK0s", False, "k0s-downloaded"),
        ("VirtualMachine", "spec.providerRef", {"name": "libvirt-1", "namespace": "other"}, "reference-namespace"),
        ("Credential", "spec.identityRef.name", "elsewhere", "reference-elsewhere"),
        ("VMClass", "spec.securityProfile.tpmVersion", "2.0", "vmclass-tpm-version"),
        ("VMImage", "spec.source", {"proxmox": {"templateName": "node"}}, "source-unverified"),
        ("Secret", "type", "kubernetes.io/ssh-auth", "secret-bootstrap"),
        ("ValidatingAdmissionPolicyBinding", "spec.paramRef.parameterNotFoundAction", "Allow", "policy-fails-open"),
        ("ValidatingAdmissionPolicyBinding", "spec.paramRef.name", "gone", "reference-missing"),
        ("Kustomization", "spec.dependsOn", [{"name": "gone"}], "reference-missing"),
        ("Secret", "data", {"k": base64.b64encode(b"password: hunter22").decode()}, "secret-password"),
        ("Secret", "stringData", {"password": "hunter22"}, "secret-password"),
        ("ConfigMap", "data.x", "aws_secret_access_key = abcdefgh", "secret-password"),
        ("TXTRecord", "spec.text", ["x" * 255 + "é"], "dns-text-length"),
        ("ARecord", "spec.ipv4Addresses", ["192.0.2.11", "192.0.2.11"], "address-twice"),
        ("ClusterDeployment", "spec.config", {"machines": [{"address": "a b"}]}, "machine-address"),
        ("ClusterDeployment", "spec.credential", "gone", "reference-missing"),
    ],
)
def test_one_edit(kind: str, path: str, value: Any, rule: str) -> None:
    assert rule in hits(changed(kind, path, value))


def test_the_right_ones_have_none() -> None:
    assert hits(good_objects()) == set()


def test_a_provider_of_flux_is_none_of_virtrigaud() -> None:
    other = {
        "apiVersion": "notification.toolkit.fluxcd.io/v1beta3",
        "kind": "Provider",
        "metadata": {"name": "the-channel-of-the-platform-team-in-london", "namespace": "fleet"},
        "spec": {"type": "generic", "address": "https://chat.bank.example/hook"},
    }
    assert hits([*good_objects(), other]) == set()


def copied(kind: str, name: str, **spec: Any) -> list[dict[str, Any]]:
    objects = good_objects()
    other = copy.deepcopy(next(each for each in objects if each["kind"] == kind))
    other["metadata"]["name"] = name
    other["spec"] |= spec
    return [*objects, other]


def with_class(**spec: Any) -> list[dict[str, Any]]:
    """The VirtualMachine's own class with other fields."""
    objects = good_objects()
    next(each for each in objects if each["metadata"].get("name") == "worker-s")["spec"] |= spec
    return objects


def in_another_namespace() -> list[dict[str, Any]]:
    """The same VirtualMachine in two namespaces, at one provider and of one image."""
    objects = copied("VirtualMachine", "second")
    first = next(each for each in objects if each["kind"] == "VirtualMachine")
    for each in (first, objects[-1]):
        for field in ("providerRef", "imageRef"):
            each["spec"][field]["namespace"] = "fleet"
    objects[-1]["metadata"] |= {"name": first["metadata"]["name"], "namespace": "other"}
    return objects


@pytest.mark.parametrize(
    ("objects", "rule"),
    [
        (copied("DNSZone", "second"), "dns-zone-twice"),
        (copied("DNSZone", "all", zoneName="rdc.bank.example", recordsFrom=[{"selector": {}}]), "dns-two-zones"),
        (copied("DNSZone", "second", zoneName="rdc.bank.example"), "dns-two-zones"),
        (copied("ARecord", "second"), "dns-record-twice"),
        (copied("RemoteMachine", "second"), "address-twice"),
        (in_another_namespace(), "vm-name-shared"),
        (with_class(firmware="UEFI"), "vmclass-not-uefi"),
    ],
)
def test_two_of_a_kind(objects: list[dict[str, Any]], rule: str) -> None:
    assert rule in hits(objects)


def test_a_join_token_packed_as_k0s_packs_it() -> None:
    config = json.dumps(
        {"clusters": [{"name": "k0s"}], "users": [{"user": {"token": "x" * 200}}], "pad": str(range(999))}
    )
    token = base64.b64encode(gzip.compress(config.encode() + bytes(range(256)) * 4)).decode()
    assert token.startswith("H4sI")
    assert "secret-join-token" in hits(changed("Secret", "stringData.userdata", f"content: {token}\n"))
    harmless = base64.b64encode(gzip.compress(bytes(range(256)) * 4)).decode()
    assert "secret-join-token" not in hits(changed("Secret", "stringData.userdata", f"content: {harmless}\n"))


@pytest.mark.parametrize(
    "text",
    [
        "passwd: $6$rounds=4096$salt$hash",
        "passwd: '!'",
        "lock_passwd: true",
        "token: ${TOKEN}",
        "password: ENC[AES256_GCM,data:xyz]",
        "args: [--token-file /etc/k0s/token]",
        "version: 1.2.3",
    ],
)
def test_what_is_no_secret(text: str) -> None:
    assert not {each for each in hits(changed("Secret", "stringData.userdata", text)) if each.startswith("secret")}


def test_an_encrypted_secret_is_none() -> None:
    objects = changed("Secret", "stringData.userdata", "password: hunter22")
    next(each for each in objects if each["kind"] == "Secret")["sops"] = {"mac": "x"}
    assert "secret-password" not in hits(objects)


def test_substitution_that_is_off_may_come_later() -> None:
    objects = changed("Secret", "metadata.annotations", GONE)
    flux = next(each for each in objects if each["kind"] == "Kustomization")
    assert "flux-substitution" in hits(objects)
    del flux["spec"]["postBuild"]
    assert hits(objects) == {"flux-substitution-later"}


@pytest.mark.parametrize(
    ("path", "file", "found"),
    [
        ("./provision/machines", "/a/provision/machines/tdc/x.yaml", True),
        ("./provision/machines", "/a/provision/dns/x.yaml", False),
        ("", "/a/x.yaml", True),
        ("./", "/a/x.yaml", True),
    ],
)
def test_which_files_a_kustomization_covers(path: str, file: str, found: bool) -> None:
    assert covers(path, file) is found


def test_files_that_nothing_lists(tmp_path: Path) -> None:
    for path in GOOD.glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "extra.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: fleet}\n")
    (tmp_path / "dns.yaml").unlink()
    found = [(each.rule.id, each.line, each.message) for each in lint_findings(read_tree([tmp_path]))]
    assert ("kustomize-missing", 5, "dns.yaml is not there") in found
    assert ("kustomize-unlisted", 3, "extra.yaml is in no list of resources") in found


def test_a_deprecated_version_is_a_warning(schemas: Schemas) -> None:
    objects = changed("JoinTokenRequest", "apiVersion", "k0smotron.io/v1beta1")
    manifests = tuple(read_text(json.dumps(each), "x.yaml")[0][0] for each in objects)
    report = check_tree(Tree(manifests, external=EXTERNAL), schemas)
    assert "version-deprecated" in {each.rule.id for each in report.findings}
    assert RULES["version-deprecated"].level is Level.WARNING


def test_nothing_read_is_not_good(schemas: Schemas) -> None:
    assert not check_tree(Tree(()), schemas).good
