"""Right manifests of every kind, and wrong ones: each one edit away, with the rule that must see it."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagekit.provision.check.check import RULES

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "tests" / "data" / "provision" / "good"
EXTERNAL = frozenset(
    ("ClusterTemplate/remote-cluster-1-0-38", "Secret/fleet-ssh", "Secret/committers", "Secret/cosign-keys")
) | {"Secret/libvirt-1-credentials", "Secret/libvirt-1-tls", "VMNetworkAttachment/lan"}
HEX = "9b74c9897bac770ffc029102a200c5de6f9f3fd2d3f17ab4c1d2e3f405162738"
KEY = "-----BEGIN EC PRIVATE KEY-----\nMHc=\n-----END EC PRIVATE KEY-----\n"  # no key: the form alone
GONE = object()
Object = dict[str, Any]


@dataclass(frozen=True)
class Wrong:
    """One wrong manifest: the object of `kind` (and `name`), what is written at `path`, the rule that refuses it.

    `seen` is the cheapest check that can see it; `cluster` says that a server refuses it too.
    """

    id: str
    kind: str
    path: str
    value: Any
    rule: str
    name: str = ""
    cluster: bool = False
    more: Sequence[Object] = ()


def _two(kind: str, called: str, **spec: Any) -> Object:
    return {
        "apiVersion": "bindy.firestoned.io/v1beta1",
        "kind": kind,
        "metadata": {"name": called, "namespace": "fleet", "labels": {"imagekit.dev/zone": "tdc"}},
        "spec": spec,
    }


_URL = f"https://artifacts.bank.example/{HEX}"
_VMSET: Object = {
    "apiVersion": "infra.virtrigaud.io/v1beta1",
    "kind": "VMSet",
    "metadata": {"name": "workers", "namespace": "fleet"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"set": "workers"}},
        "template": {
            "metadata": {"labels": {"set": "workers"}},
            "spec": {"providerRef": {"name": "libvirt-1"}, "classRef": {"name": "worker-m"}},
        },
    },
}
WRONG = (
    # what a schema sees, and a server too
    Wrong("power-state-as-boolean", "VirtualMachine", "spec.powerState", True, "schema-type", cluster=True),
    Wrong("power-state-unknown", "VirtualMachine", "spec.powerState", "Suspended", "schema-value", cluster=True),
    Wrong("misspelt-field", "VirtualMachine", "spec.imageReff", {"name": "x"}, "schema-unknown-field", cluster=True),
    Wrong("no-class", "VirtualMachine", "spec.classRef", GONE, "schema-required", cluster=True),
    Wrong("reference-with-dot", "VirtualMachine", "spec.imageRef.name", "node-1.4.2", "schema-value", cluster=True),
    Wrong("class-without-cpu", "VMClass", "spec.cpu", GONE, "schema-required", cluster=True),
    Wrong("tpm-version", "VMClass", "spec.securityProfile.tpmVersion", "2.0", "schema-value", cluster=True),
    Wrong("checksum-type", "VMImage", "spec.source.libvirt.checksumType", "sha-256", "schema-value", cluster=True),
    Wrong("bindy-readme-address", "ARecord", "spec", {"name": "w", "ipv4Address": "192.0.2.1"}, "schema-unknown-field",
          cluster=True),
    Wrong("record-without-address", "ARecord", "spec.ipv4Addresses", [], "schema-value", cluster=True),
    Wrong("soa-without-serial", "DNSZone", "spec.soaRecord.serial", GONE, "schema-required", cluster=True),
    Wrong("ttl-negative", "ARecord", "spec.ttl", -1, "schema-value", cluster=True),
    Wrong("replicas-as-text", "K0smotronControlPlane", "spec.replicas", "3", "schema-type", cluster=True),
    Wrong("token-of-v1beta1", "JoinTokenRequest", "spec", {"clusterRef": {"name": "tdc", "namespace": "fleet"},
          "expiry": "1h"}, "schema-unknown-field", cluster=True),
    Wrong("kustomization-without-interval", "Kustomization", "spec.interval", GONE, "schema-required", cluster=True),
    Wrong("verify-by-nobody-known", "OCIRepository", "spec.verify.provider", "gpg", "schema-value", cluster=True),
    Wrong("version-not-served", "DNSZone", "apiVersion", "bindy.firestoned.io/v1alpha1", "version-not-served",
          cluster=True),
    Wrong("label-too-long", "ARecord", "metadata.labels.note", "x" * 64, "schema-value", cluster=True),
    Wrong("annotation-as-number", "ARecord", "metadata.annotations", {"port": 22}, "schema-type", cluster=True),
    Wrong("chart-value-unknown", "ClusterDeployment", "spec.config.machines", "two", "chart-values"),
    Wrong("no-namespace", "ARecord", "metadata.namespace", GONE, "scope"),
    Wrong("kind-without-schema", "VMClass", "kind", "VMKlass", "schema-missing", cluster=True),
    # what only the lint sees
    Wrong("name-64", "ARecord", "metadata.name", "n" * 64, "name-length"),
    Wrong("name-upper-case", "ARecord", "metadata.name", "Worker", "name-invalid", cluster=True),
    Wrong("image-name-with-dots", "VMImage", "metadata.name", "node-1.4.2-3f9c1a2b7d10", "name-dots"),
    Wrong("two-of-one-name", "ARecord", "spec.ttl", 60, "duplicate-object", more=(_two("ARecord", "tdc-worker-01",
          name="tdc-worker-01", ipv4Addresses=["192.0.2.11"]),)),
    Wrong("tag-only", "VMImage", "metadata.annotations", {"imagekit.dev/oci-image": "r.example/n:1.4.2"},
          "image-tag-only"),
    Wrong("short-digest", "NodeOpUpgrade", "spec.image", "r.example/n@sha256:3f9c1a2b7d10", "image-tag-only"),
    Wrong("no-annotation", "VirtualMachine", "metadata.annotations", GONE, "image-unnamed"),
    Wrong("other-digest", "VirtualMachine", "metadata.annotations", {"imagekit.dev/oci-image":
          f"registry.bank.example/kairos/node-rhel9@sha256:{HEX}"}, "image-disagrees"),
    Wrong("image-name-of-before", "VMImage", "metadata.name", "node-rhel9-1-4-1-aaaaaaaaaaaa", "image-name"),
    Wrong("checksum-prefixed", "VMImage", "spec.source.libvirt.checksum", f"sha256:{HEX}", "checksum-form"),
    Wrong("checksum-md5", "VMImage", "spec.source.libvirt.checksum", HEX[:32], "checksum-form"),
    Wrong("no-checksum", "VMImage", "spec.source.libvirt.checksum", GONE, "checksum-missing"),
    Wrong("ova-with-query", "VMImage", "spec.source.vsphere.ovaURL", f"{_URL}.ova?sig=x", "ova-url",
          name="node-vsphere-1-4-2-3f9c1a2b7d10", cluster=True),
    Wrong("presigned-qcow2", "VMImage", "spec.source.libvirt.url", f"{_URL}.qcow2?X-Amz-Expires=900", "url-query"),
    Wrong("plain-http", "VMImage", "spec.source.libvirt.url", f"http://artifacts.bank.example/{HEX}.qcow2",
          "source-insecure"),
    Wrong("registry-source", "VMImage", "spec.source", {"registry": {"image": "r.example/n:1"}}, "source-registry"),
    Wrong("two-sources", "VMImage", "spec.source.http", {"url": f"{_URL}.raw"}, "source-count"),
    Wrong("path-and-url", "VMImage", "spec.source.libvirt.path", "/var/lib/libvirt/images/n.qcow2", "source-count"),
    Wrong("image-in-the-machines-pool", "VMImage", "spec.source.libvirt.storagePool", "default", "vmimage-shared"),
    Wrong("provider-without-tls", "Provider", "spec.runtime.service.tls", GONE, "provider-tls"),
    Wrong("provider-name-long", "Provider", "metadata.name", "hypervisors-of-the-second-floor-in-london",
          "provider-name"),
    Wrong("secure-boot-on-bios", "VMClass", "spec.firmware", "BIOS", "vmclass-firmware"),
    Wrong("vmset", "VirtualMachine", "spec.powerState", "Off", "vmset", more=(_VMSET,)),
    Wrong("never-off-enough", "VirtualMachine", "spec.powerState", "OffGraceful", "vm-off-graceful"),
    Wrong("vm-without-image", "VirtualMachine", "spec.imageRef", GONE, "vm-image"),
    Wrong("image-not-there", "VirtualMachine", "spec.imageRef.name", "node-rhel9-1-4-3-3f9c1a2b7d10",
          "reference-missing"),
    Wrong("control-plane-not-there", "Cluster", "spec.controlPlaneRef.name", "rdc", "reference-missing"),
    Wrong("label-no-zone-selects", "ARecord", "metadata.labels", {"zone": "tdc"}, "dns-no-zone"),
    Wrong("zone-selects-nothing", "DNSZone", "spec.recordsFrom", GONE, "dns-zone-selector"),
    Wrong("zone-with-dot", "DNSZone", "spec.zoneName", "tdc.bank.example.", "dns-zone-dots", cluster=True),
    Wrong("soa-mail-with-at", "DNSZone", "spec.soaRecord.adminEmail", "hostmaster@bank.example.", "dns-zone-dots",
          cluster=True),
    Wrong("address-300", "ARecord", "spec.ipv4Addresses", ["192.0.2.300"], "dns-address"),
    Wrong("address-of-other-family", "AAAARecord", "spec.ipv6Addresses", ["192.0.2.11"], "dns-address"),
    Wrong("address-twice", "ARecord", "spec.ttl", 60, "address-twice", more=(_two("ARecord", "tdc-worker-02",
          name="tdc-worker-02", ipv4Addresses=["192.0.2.11"]),)),
    Wrong("address-twice-in-v6-spelling", "ARecord", "spec.ttl", 60, "address-twice", more=(_two("AAAARecord",
          "tdc-worker-02", name="tdc-worker-02", ipv6Addresses=["2001:DB8:0::11"]),)),
    Wrong("cname-beside-address", "CNAMERecord", "spec.name", "tdc-worker-01", "dns-cname-beside"),
    Wrong("zone-in-record-name", "ARecord", "spec.name", "tdc-worker-01.tdc.bank.example", "dns-name"),
    Wrong("text-of-256", "TXTRecord", "spec.text", ["x" * 256], "dns-text-length"),
    Wrong("machine-address", "RemoteMachine", "spec.address", "192.0.2.999", "machine-address"),
    Wrong("all-nodes-at-once", "NodeOpUpgrade", "spec.concurrency", 0, "upgrade-concurrency"),
    Wrong("on-after-failure", "NodeOpUpgrade", "spec.stopOnFailure", False, "upgrade-goes-on"),
    Wrong("token-for-good", "JoinTokenRequest", "spec.expiry", "0s", "join-token-expiry"),
    Wrong("k0s-form", "K0smotronControlPlane", "spec.version", "v1.36.3+k0s.2", "k0s-version-form"),
    Wrong("private-key", "Secret", "stringData.userdata", KEY, "secret-private-key"),
    Wrong("join-token", "Secret", "stringData.userdata", "token: abcdef.0123456789abcdef\n", "secret-join-token"),
    Wrong("password", "Secret", "stringData.userdata", "#cloud-config\nusers:\n- name: a\n  passwd: hunter22\n",
          "secret-password"),
    Wrong("substituted", "Secret", "metadata.annotations", GONE, "flux-substitution"),
    Wrong("unverified-artifact", "OCIRepository", "spec.verify", GONE, "flux-unverified-artifact"),
    Wrong("anybody-signs", "OCIRepository", "spec.verify.secretRef", GONE, "flux-unverified-artifact"),
    Wrong("no-prune", "Kustomization", "spec.prune", False, "flux-no-prune"),
    Wrong("waits-for-image", "Kustomization", "spec.healthChecks", [{"apiVersion": "infra.virtrigaud.io/v1beta1",
          "kind": "VMImage", "name": "x", "namespace": "fleet"}], "flux-waits-for-image"),
    Wrong("policy-unbound", "ValidatingAdmissionPolicyBinding", "spec.policyName", "other", "policy-unbound"),
    Wrong("policy-warns", "ValidatingAdmissionPolicyBinding", "spec.validationActions", ["Warn"],
          "policy-does-not-deny"),
    Wrong("policy-ignores", "ValidatingAdmissionPolicy", "spec.failurePolicy", "Ignore", "policy-fails-open"),
    # what only a server sees: rules in CEL, and what other objects of the cluster say
    Wrong("account-without-cloud", "GitRepository", "spec.serviceAccountName", "flux", "", cluster=True),
    Wrong("kubeconfig-of-neither", "Kustomization", "spec.kubeConfig", {}, "", cluster=True),
)  # fmt: skip


def good_objects() -> list[Object]:
    """The right manifests, without kustomize's own file; a copy of one's own."""
    return copy.deepcopy(_good_objects())


@cache
def _good_objects() -> list[Object]:
    files = sorted(path for path in GOOD.glob("*.yaml") if path.stem != "kustomization")
    return [each for path in files for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def objects_with(wrong: Wrong) -> list[Object]:
    """The right manifests with one wrong."""
    objects = good_objects()
    chosen = next(
        each for each in objects if each["kind"] == wrong.kind and wrong.name in ("", each["metadata"]["name"])
    )
    _put(chosen, wrong.path.split("."), wrong.value)
    return [*objects, *wrong.more]


def edited(wrong: Wrong) -> Object:
    """The wrong object alone."""
    known = good_objects()
    return next(each for each in objects_with(wrong) if each not in known)


def _put(item: Any, path: list[str], value: Any) -> None:
    for part in path[:-1]:
        item = item.setdefault(part, {})
    if value is GONE:
        del item[path[-1]]
    else:
        item[path[-1]] = copy.deepcopy(value)


def wrong_page() -> str:
    """The wrong manifests as a table for docs/provision-check.md."""
    told = ((each.id.replace("-", " "), each.kind, f"`{each.path}`", _seen(each), _also(each)) for each in WRONG)
    rows = (f"| {' | '.join(row)} |\n" for row in told)
    head = "| wrong | kind | at | refused by | also by an API server |\n|---|---|---|---|---|\n"
    return head + "".join(rows)


def _also(wrong: Wrong) -> str:
    return "yes" if wrong.cluster else "no"


def _seen(wrong: Wrong) -> str:
    if not wrong.rule:
        return "API server alone (CEL)"
    return f"{RULES[wrong.rule].seen.value}: `{wrong.rule}`"


def schemas_folder() -> Path:
    """The folder of CRDs that IMAGEKIT_SCHEMAS names; skipped where it names none, failed where that is not there.

    The project has pins of the schemas and no copies, so it has to stand where nobody has fetched them.
    """
    named = os.environ.get("IMAGEKIT_SCHEMAS")
    if not named:
        pytest.skip("needs CRDs: `imagekit provision schemas fetch`, and IMAGEKIT_SCHEMAS=.imagekit/schemas")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"IMAGEKIT_SCHEMAS names {folder}, which is no folder")
    return folder
