"""The rendered tree: the same bytes, nothing that a system ignores or refuses, only digests that may be there."""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.config.cloudlint import lint
from imagekit.oci.reference import Digest
from imagekit.provision.inputs import Inputs, ProvisionError
from imagekit.provision.render import Tree, render
from tests.support.fleets import (
    CONFIG,
    NEW,
    OLD,
    REGISTRY,
    SITE,
    fleet_of,
    inputs_of,
    release_of,
    vouched_of,
)

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OTHER = Digest("sha256:" + "c3" * 32)


def objects(tree: Tree) -> list[dict[str, Any]]:
    """Every object of a tree, as a YAML 1.1 reader takes it."""
    texts = [data.decode() for path, data in tree.items() if path.endswith(".yaml")]
    return [each for text in texts for each in yaml.load_all(text, Loader=LOADER)]


def of_kind(tree: Tree, kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects(tree) if each["kind"] == kind and "metadata" in each}


@pytest.fixture(scope="module")
def tree() -> Tree:
    return render(inputs_of())


def test_the_same_inputs_give_the_same_bytes() -> None:
    again = fleet_of("version: 1\n", SITE)
    assert render(inputs_of()) == render(inputs_of(again, cloud_configs=inputs_of().cloud_configs))


KINDS = {
    *("VMImage", "VMClass", "VirtualMachine", "Secret"),
    *("K0smotronControlPlane", "K0sControlPlane", "K0sWorkerConfig", "K0sWorkerConfigTemplate"),
    *("RemoteMachine", "PooledRemoteMachine", "RemoteMachineTemplate", "RemoteCluster", "JoinTokenRequest"),
    *("Cluster", "Machine", "MachineDeployment", "Credential", "ClusterDeployment"),
    *("DNSZone", "ARecord", "AAAARecord", "CNAMERecord", "TXTRecord"),
    *("GitRepository", "ClusterImagePolicy", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"),
    *("ConfigMap", "Namespace", "ServiceAccount", "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"),
    "Kustomization",
}


def test_every_kind_is_there(tree: Tree) -> None:
    assert {each["kind"] for each in objects(tree)} == KINDS


def test_no_object_is_there_twice(tree: Tree) -> None:
    names = [
        (each["apiVersion"], each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"])
        for each in objects(tree)
        if "metadata" in each
    ]
    assert len(names) == len(set(names))


def test_names_are_such_that_all_systems_take_them(tree: Tree) -> None:
    for each in objects(tree):
        name = each.get("metadata", {}).get("name", "x")
        assert len(name) <= 63, name
        assert "." not in name, name


def test_every_value_reads_the_same_in_yaml_1_1(tree: Tree) -> None:
    for each in of_kind(tree, "VirtualMachine").values():
        assert each["spec"]["powerState"] == "On"
    assert b'powerState: "On"' in tree["machines/tdc/node-tdc-worker-01.yaml"]


def test_a_machine_names_an_image_that_is_there_with_its_digest_in_the_name(tree: Tree) -> None:
    images = of_kind(tree, "VMImage")
    for machine in of_kind(tree, "VirtualMachine").values():
        image = images[machine["spec"]["imageRef"]["name"]]
        reference = machine["metadata"]["annotations"]["imagekit.dev/oci-image"]
        assert image["metadata"]["annotations"]["imagekit.dev/oci-image"] == reference
        assert image["metadata"]["name"].endswith(reference.partition("@sha256:")[2][:12])


def test_each_provider_reads_its_own_form_with_a_bare_checksum(tree: Tree) -> None:
    sources = [each["spec"]["source"] for each in of_kind(tree, "VMImage").values()]
    found = {kind: source for each in sources for kind, source in each.items()}
    assert all(len(each) == 1 for each in sources)
    assert found["libvirt"]["url"] == f"https://artifacts.bank.example/disks/node/{'c' * 64}.qcow2"
    assert found["libvirt"]["checksum"] == "c" * 64
    assert found["libvirt"]["storagePool"] == "images"
    assert found["vsphere"]["ovaURL"].endswith(f"{'d' * 64}.ova")
    assert found["proxmox"]["templateName"] == next(each for each in of_kind(tree, "VMImage") if "proxmox" in each)


def test_images_of_libvirt_are_never_in_the_pool_of_the_machines() -> None:
    """VirtRigaud 0.3.11 copies none that lies there: its first two machines had one disk."""
    for text in (", storage: images", ""):
        images = of_kind(render(with_site(", storage: images", text)), "VMImage")
        found = [each["spec"]["source"]["libvirt"] for each in images.values() if "libvirt" in each["spec"]["source"]]
        assert [each["storagePool"] for each in found] == ["images"]


def test_what_no_provider_reads_is_not_written(tree: Tree) -> None:
    text = b"".join(tree.values())
    for word in (b"tpmVersion", b"VMSet", b"validateChecksum", b"postBuild"):
        assert word not in text, word


def test_a_cloud_config_is_the_cluster_s_with_the_node_s_name_and_address(tree: Tree) -> None:
    secret = of_kind(tree, "Secret")["tdc-worker-02-a1a1a1a1a1a1-config"]
    assert secret["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/substitute"] == "disabled"
    data = yaml.safe_load(secret["stringData"]["userdata"])
    assert data["hostname"] == "tdc-worker-02"
    assert data["stages"]["boot"] == CONFIG["stages"]["boot"]
    stamp, network = data["stages"]["initramfs"]
    [written] = stamp["files"]
    assert (written["path"], written["content"]) == ("/etc/imagekit/oci-image", f"{REGISTRY}/prod/node@{OLD}\n")
    assert stamp["if"] == (
        "grep -qxF -e 'KAIROS_VERSION=\"v2030.101.0-gaaaaaaa\"' -e 'KAIROS_VERSION=v2030.101.0-gaaaaaaa' "
        "/etc/kairos-release"
    ), "a node that upgraded itself says nothing of what it was made from"
    [profile] = network["files"]
    assert profile["permissions"] == 0o600, "NetworkManager ignores a profile that others may read"
    assert profile["path"].endswith(".nmconnection")
    addressed = configparser.ConfigParser()
    addressed.read_string(profile["content"])
    assert addressed["ipv4"]["method"] == "manual"
    assert (addressed["ipv4"]["address1"], addressed["ipv4"]["gateway"]) == ("10.20.0.12/24", "10.20.0.254")


def test_what_is_rendered_for_a_machine_is_what_the_lint_agrees_to(tree: Tree, tmp_path: Path) -> None:
    secrets = [each["stringData"]["userdata"] for each in of_kind(tree, "Secret").values() if "stringData" in each]
    assert secrets
    for text in secrets:
        path = tmp_path / "user-data"
        path.write_text(text)
        # The fixture's key is no key, and its `${...}` is there to be left alone.
        assert {finding.rule for finding in lint(path)} <= {"ssh-key", "substitution"}


def test_every_record_carries_the_label_that_its_zone_selects(tree: Tree) -> None:
    zone = of_kind(tree, "DNSZone")["lon"]
    [selector] = [each["selector"]["matchLabels"] for each in zone["spec"]["recordsFrom"]]
    kinds = ("ARecord", "AAAARecord", "CNAMERecord", "TXTRecord")
    for record in (each for kind in kinds for each in of_kind(tree, kind).values()):
        assert selector.items() <= record["metadata"]["labels"].items()
    text = of_kind(tree, "TXTRecord")["tdc-worker-01-image"]["spec"]
    assert text["name"] == "_image.tdc-worker-01"
    assert f"digest={OLD}" in text["text"]


def test_the_k0s_is_that_inside_the_image(tree: Tree) -> None:
    assert of_kind(tree, "K0smotronControlPlane")["risk"]["spec"]["version"] == "v1.36.3-k0s.2"
    for each in of_kind(tree, "K0sWorkerConfig").values():
        assert each["spec"]["version"] == "v1.36.3+k0s.2"
        assert each["spec"]["preInstalledK0s"] is True
        assert each["spec"]["args"][0] == "--force"


def test_flux_applies_every_folder_in_order_and_substitutes_nothing(tree: Tree) -> None:
    found = of_kind(tree, "Kustomization")
    folders = {path.rpartition("/")[0] for path in tree} - {"", "flux"}
    assert {each["spec"]["path"] for each in found.values()} == {f"./provision/{folder}" for folder in folders}
    for each in found.values():
        for needed in each["spec"].get("dependsOn", []):
            assert needed["name"] in found
    assert found["fleet-workload-tools"]["spec"]["kubeConfig"]["secretRef"]["name"] == "tools-kubeconfig"
    assert found["fleet-clusters-tdc"]["spec"]["healthChecks"][0]["kind"] == "ClusterDeployment"
    assert yaml.safe_load(tree["kustomization.yaml"])["resources"] == ["flux"]


def test_the_namespace_is_there_before_what_is_in_it(tree: Tree) -> None:
    """Flux applies the objects of one folder together, namespaces first; another folder comes later."""
    spaces = {each["metadata"]["namespace"] for each in yaml.load_all(tree["flux/flux.yaml"], Loader=LOADER)}
    assert spaces == {"flux-system", "fleet"}
    assert yaml.load(tree["flux/namespace.yaml"], Loader=LOADER)["metadata"]["name"] == "fleet"
    git = next(line for line in SITE.splitlines() if line.startswith("  git: "))
    alone = render(with_site(f"{git}\n", ""))
    assert "platform/namespace.yaml" in alone


def test_every_file_of_a_folder_is_in_its_kustomization(tree: Tree) -> None:
    for path, data in tree.items():
        folder, _, name = path.rpartition("/")
        if name == "kustomization.yaml" and folder:
            listed = yaml.safe_load(data)["resources"]
            there = [each for each in tree if each.rpartition("/")[0] == folder and each != path]
            assert listed == sorted(each.rpartition("/")[2] for each in there)


def test_a_signed_artifact_is_taken_instead_of_git_where_it_is_named() -> None:
    text = SITE.replace("  git: {", '  oci: {url: "oci://registry.bank.example/fleet/tree"}\n  git: {')
    found = render(inputs_of(fleet_of(text)))
    [source] = of_kind(found, "OCIRepository").values()
    assert source["spec"]["verify"] == {"provider": "cosign", "secretRef": {"name": "cosign-keys"}}
    assert {each["spec"]["sourceRef"]["kind"] for each in of_kind(found, "Kustomization").values()} == {"OCIRepository"}


def test_no_role_has_a_star_and_the_pipeline_reads_no_secret(tree: Tree) -> None:
    for kind in ("Role", "ClusterRole"):
        for name, role in of_kind(tree, kind).items():
            for rule in role["rules"]:
                assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
                if name.startswith("imagekit"):
                    assert set(rule["verbs"]) == {"get", "list", "watch"}
                    assert "secrets" not in rule["resources"]


def test_policies_read_the_registries_and_the_yanked_digests() -> None:
    found = render(inputs_of(yanked={NEW: "loses disks"}))
    data = of_kind(found, "ConfigMap")["imagekit-digests"]["data"]
    assert data == {"registries": "registry.bank.example/kairos/\n", "yanked": f"{NEW}\n"}


def test_a_second_instance_has_its_own_name_address_and_records() -> None:
    found = render(of_node(f'digest: "{NEW}", slot: b, retiring: {{digest: "{OLD}", slot: a}}'))
    machines = of_kind(found, "VirtualMachine")
    assert {"tdc-worker-01-a1a1a1a1a1a1", "tdc-worker-01-b-b2b2b2b2b2b2"} <= machines.keys()
    records = {each["spec"]["name"]: each["spec"]["ipv4Addresses"] for each in of_kind(found, "ARecord").values()}
    assert records["tdc-worker-01-b"] == ["10.20.0.31"]
    assert records["tdc-worker-01"] == ["10.20.0.11"]
    after = render(of_node(f'digest: "{NEW}", slot: b'))
    assert of_kind(after, "CNAMERecord")["tdc-worker-01-cname"]["spec"]["target"] == "tdc-worker-01-b.lon.bank.example."
    assert "tdc-worker-01-a" not in of_kind(after, "ARecord")


def test_an_upgrade_in_place_leaves_the_machine_and_names_the_digest() -> None:
    over = f'{{digest: "{NEW}", installed: "{OLD}", upgrade: "wave-1"}}'
    found = render(inputs_of(fleet_of(SITE, f"version: 1\noverrides:\n  tools-worker-1: {over}\n")))
    [upgrade] = of_kind(found, "NodeOpUpgrade").values()
    assert upgrade["spec"]["image"].endswith(f"@{NEW}")
    assert (upgrade["spec"]["concurrency"], upgrade["spec"]["stopOnFailure"]) == (1, True)
    assert upgrade["spec"]["nodeSelector"]["matchExpressions"][0]["values"] == ["tools-worker-1"]
    assert "tools-worker-1-a1a1a1a1a1a1" in of_kind(found, "VirtualMachine")
    assert f"digest={NEW}" in of_kind(found, "TXTRecord")["tools-worker-1-image"]["spec"]["text"]


def changed_site(*pairs: tuple[str, str]) -> Inputs:
    text = SITE
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return inputs_of(fleet_of(text))


def with_site(old: str, new: str) -> Inputs:
    return changed_site((old, new))


def of_node(fields: str, **changed: Any) -> Inputs:
    return inputs_of(fleet_of(SITE, f"version: 1\noverrides:\n  tdc-worker-01: {{{fields}}}\n"), **changed)


REFUSED: dict[str, tuple[Callable[[], Inputs], str]] = {
    "a yanked digest": (lambda: inputs_of(yanked={OLD: "loses disks"}), "withdrawn: loses disks"),
    "a yanked digest by pin": (lambda: of_node(f'digest: "{NEW}"', yanked={NEW: "bad"}), "withdrawn: bad"),
    "a blocked digest": (lambda: inputs_of(blocked={("prod", OLD): "slow"}), "rolled back from: slow"),
    "a digest of nobody": (lambda: of_node(f'digest: "{OTHER}"'), "no record of the ledger"),
    "a digest of another image": (
        lambda: inputs_of(vouched={OLD: vouched_of(OLD, "v1", image="other")}),
        "runs node, and a1a1a1a1a1a1 is other v1",
    ),
    "a digest of another channel": (
        lambda: inputs_of(vouched={OLD: vouched_of(OLD, "v2030.101.0-gaaaaaaa", "dev")}),
        "never let into it",
    ),
    "a registry that is not allowed": (
        lambda: with_site("registries: [registry.bank.example/kairos/]", "registries: [registry.bank.example/prod/]"),
        "none of the allowed registries",
    ),
    "a channel that points at nothing": (lambda: with_site("channel: prod", "channel: staging"), "points at nothing"),
    "a digest that the lock does not know": (lambda: inputs_of(releases={}), "fleet.lock does not say"),
    "a lock of another version": (lambda: inputs_of(releases={OLD: release_of("v9")}), "and the ledger that it is"),
    "one version for two digests": (
        lambda: inputs_of(vouched={OLD: vouched_of(OLD, "v1"), NEW: vouched_of(NEW, "v1")}),
        "names two digests",
    ),
    "no disk in the form of the provider": (
        lambda: inputs_of(releases={OLD: release_of("v2030.101.0-gaaaaaaa", disks={})}),
        "no such disk",
    ),
    "an image without k0s": (
        lambda: inputs_of(releases={OLD: release_of("v2030.101.0-gaaaaaaa", k0s=None)}),
        "names no k0s inside node v2030.101.0-gaaaaaaa",
    ),
    "no platform": (
        lambda: with_site(SITE[: SITE.index("providers:")], "version: 1\n"),
        "no fleet file has `platform`",
    ),
    "two controllers": (
        lambda: changed_site(("core-controller-[1-3]", "core-controller-[1-2]"), ("10.22.0.[1-3]", "10.22.0.[1-2]")),
        "2 controllers; etcd needs an odd number",
    ),
    "a controller of a hosted control plane": (
        lambda: with_site("tools-worker-[1-2]: {group: tools}", "tools-worker-[1-2]: {group: tools, role: controller}"),
        "is a controller, and tools has a hosted control plane",
    ),
    "a node that nothing reaches": (
        lambda: changed_site((", zone: lon, class", ", class"), (", aliases: [build, cache]", "")),
        "neither an address nor a zone",
    ),
    "pools without MetalLB": (lambda: with_site("metallb: metallb-0-15-2, ", ""), "address pools and no"),
    "two stores of one type": (
        lambda: changed_site(
            ("  pve:", '  lab2: {type: libvirt, artifacts: "https://other.bank.example"}\n  pve:'),
            ("tools: {extends: all, provider: lab,", "tools: {extends: all, provider: lab2,"),
        ),
        "different stores",
    ),
    "images where the machines' disks are": (
        lambda: with_site("storage: images", "storage: default"),
        "provider lab keeps images in the pool `default`",
    ),
}


def test_a_machine_is_in_the_network_that_its_provider_names_and_else_in_the_template_s(tree: Tree) -> None:
    """VirtRigaud reads the reference alone: by name only, every machine on libvirt was in a network of QEMU's own."""
    machines = of_kind(tree, "VirtualMachine").values()
    found = {each["metadata"]["labels"]["imagekit.dev/cluster"]: each["spec"]["networks"] for each in machines}
    assert found["risk"] == [{"name": "lan", "networkRef": {"name": "lan"}}]
    assert found["tdc"] == [{"name": "default"}]


@pytest.mark.attack
@pytest.mark.parametrize("name", REFUSED)
def test_what_must_not_be_rendered_is_refused(name: str) -> None:
    make, told = REFUSED[name]
    with pytest.raises(ImagekitError, match=told):
        render(make())


def test_a_node_that_is_rolled_away_from_a_yanked_digest_is_still_described() -> None:
    found = render(of_node(f'digest: "{NEW}", leaving: true', yanked={NEW: "bad"}))
    assert "tdc-worker-01-b2b2b2b2b2b2" in of_kind(found, "VirtualMachine")


def test_a_name_that_leaves_no_room_for_the_digest_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"1.yaml:3: the machine of .* 64 characters of 63"):
        render(inputs_of(fleet_of(SITE, f"version: 1\nnodes:\n  {'n' * 51}: {{group: tools}}\n")))


SECRETS: Mapping[str, Mapping[str, Any]] = {
    "a private key": {"write_files": [{"content": "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA"}]},
    "a join token of k0s": {"write_files": [{"path": "/etc/k0s/token", "content": "H4sI" + "A" * 80}]},
    "a bootstrap token": {"k0s-worker": {"env": {"T": "abcdef.0123456789abcdef"}}},
    "a network_token": {"p2p": {"network_token": "b3RwOgogIGRodDoK"}},
    "a password that is not hashed": {"users": [{"name": "kairos", "passwd": "kairos"}]},
}


@pytest.mark.attack
@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_in_the_clear_is_refused(what: str) -> None:
    with pytest.raises(ConfigError, match=f"cluster tdc has {what} at ") as caught:
        render(inputs_of(cloud_configs={("tdc", "node"): SECRETS[what]}))
    assert "AAAA" not in str(caught.value)


def test_nodes_without_a_place_are_kept_track_of_and_not_rendered() -> None:
    more = "version: 1\nnodes:\n  printer: {image: node, channel: prod}\n  scanner: {image: other, channel: none}\n"
    assert render(inputs_of(fleet_of(SITE, more))) == render(inputs_of())


def test_what_a_fleet_asks_is_no_mistake_of_the_program() -> None:
    with pytest.raises(ProvisionError):
        render(inputs_of(vouched={}))
