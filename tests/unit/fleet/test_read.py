"""Fleet files: what they say of each node, and each mistake with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.fleet.cluster import Strategy, Template
from imagekit.fleet.fleet import Fleet
from imagekit.fleet.model import Power, Role
from imagekit.fleet.read import read_fleet_files, read_fleet_texts
from imagekit.fleet.resolve import nodes_of, runners
from imagekit.oci.reference import Digest
from imagekit.release.channel.model import ChannelFile, Pointer

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SITE = """\
version: 1
providers:
  lab: {type: libvirt, artifacts: "https://artifacts.bank.example/disks"}
classes:
  worker-m: {cpus: 4, memory_mib: 8192}
clusters:
  tdc: {template: trading-desk, endpoint: tdc.bank.example}
zones:
  lon: {name: lon.bank.example, primary_ns: ns1.bank.example., admin_email: host.bank.example., bind_cluster: lon}
groups:
  lon: {provider: lab, cluster: tdc, zone: lon, class: worker-m, image: node, channel: prod}
  controllers: {extends: lon, role: controller}
"""
NODES = """\
version: 1
nodes:
  tdc-worker-[01-20]: {group: lon, addresses: ["10.20.0.[11-30]", "2001:db8::[11-30]"]}
  tdc-controller-[1-3]: {group: controllers, addresses: ["10.20.0.[1-3]"]}
overrides:
  tdc-worker-07: {digest: "%s", power: "Off"}
""" % ("sha256:" + "a" * 64)


def read(text: str, *more: str) -> Fleet:
    files = {f"fleet/{index}.yaml": each for index, each in enumerate((text, *more))}
    return read_fleet_texts(files)


def channel(name: str, **images: str) -> ChannelFile:
    pointers = {
        image: Pointer.model_validate_json(
            f'{{"version":"v1","digest":"{digest}","reference":"r.example/x@{digest}","since":"2030-01-01T00:00:00Z",'
            f'"record":1,"record_hash":"{"0" * 64}"}}'
        )
        for image, digest in images.items()
    }
    return ChannelFile(channel=name, images=pointers)


def test_a_range_of_nodes_takes_defaults_groups_addresses_and_overrides() -> None:
    fleet = read(SITE, NODES)
    assert len(fleet.nodes) == 23
    node = fleet.nodes["tdc-worker-07"]
    assert node.addresses == ("10.20.0.17", "2001:db8::17")
    assert (node.digest, node.channel, node.power) == (Digest(A), "prod", Power.OFF)
    assert (node.role, node.cluster, node.vm_class, node.managed) == (Role.WORKER, "tdc", "worker-m", True)
    assert fleet.nodes["tdc-controller-2"].role is Role.CONTROLLER
    assert fleet.nodes["tdc-controller-2"].where == "fleet/1.yaml:4"


def test_the_old_form_is_read() -> None:
    fleet = read(
        "version: 1\nnodes:\n  node-1: {image: node, channel: prod}\n  node-2:\n    image: node\n    digest: " + A
    )
    assert not fleet.nodes["node-1"].managed
    assert fleet.nodes["node-2"].digest == Digest(A)


def test_the_order_of_files_makes_no_difference() -> None:
    assert read(SITE, NODES).nodes.keys() == read(NODES, SITE).nodes.keys()


def test_nodes_resolve_to_their_own_digest_or_the_channel_s() -> None:
    found = nodes_of({"fleet/a.yaml": SITE, "fleet/b.yaml": NODES}, [channel("prod", node=B), channel("dev", node=A)])
    assert found["tdc-worker-07"] == Digest(A)
    assert found["tdc-worker-08"] == Digest(B)
    assert nodes_of({"fleet/a.yaml": SITE, "fleet/b.yaml": NODES}, [])["tdc-worker-08"] is None


def test_an_instance_that_is_not_drained_still_runs_its_digest() -> None:
    more = f'version: 1\noverrides:\n  tdc-worker-01: {{digest: "{B}", slot: b, retiring: {{digest: "{A}"}}}}\n'
    nodes = read(SITE, NODES, more).nodes
    assert runners(nodes, "node", Digest(A), set()) == ["tdc-worker-01", "tdc-worker-07"]
    assert runners(nodes, "node", Digest(B), set()) == ["tdc-worker-01"]
    assert "tdc-worker-02" in runners(nodes, "node", Digest(B), {"prod"})


PROD = "image: node, channel: prod"
# what stands below `nodes:` (from line 3 on), and what is said of it
IN_NODES = {
    "a node twice": (["n-1: {%}", "n-[1-2]: {%}"], "0.yaml:4: node 'n-1' stands in fleet/0.yaml:3"),
    "a key twice": (["n-1: {%}", "n-1: {%}"], "0.yaml:4: duplicate key"),
    "no image": (["n-1: {channel: prod}"], "0.yaml:3: node 'n-1' has no image"),
    "no channel": (["n-1: {image: node}"], "0.yaml:3: node 'n-1': a node follows a channel or is pinned"),
    "a dot": (["n.1: {%}"], "0.yaml:3: 'n.1' has a dot"),
    "64 characters": (["n" * 64 + ": {%}"], "0.yaml:3: .* has 64 characters"),
    "64 by a range": (["n" * 61 + "-[08-10]: {%}"], "0.yaml:3: .* has 64 characters"),
    "a capital letter": (["Node: {%}"], "0.yaml:3: 'Node' is no name of a node"),
    "an unknown key": (["n-1: {image: node, chanel: prod}"], "0.yaml:3: nodes.n-1.chanel: unknown key.*channel"),
    "a short digest": (["n-1: {image: node, digest: sha256:abc}"], "0.yaml:3: nodes.n-1.digest"),
    "a digest without its algorithm": ([f"n-1: {{image: node, digest: {'a' * 64}}}"], "0.yaml:3: nodes.n-1.digest"),
    "a tag": (["n-1: {image: 'node:v1', channel: prod}"], "0.yaml:3: nodes.n-1.image"),
    "On": (["n-1: {%, power: On}"], "0.yaml:3: nodes.n-1.power: On without quotes"),
    "a node named no": (["no: {%}"], "0.yaml:3: nodes.no: no without quotes"),
    "yes in a list": (["n-1: {%, aliases: [yes]}"], "0.yaml:3: .*yes without quotes"),
    "an unknown provider": (["n-1: {%, provider: lap, class: m, cluster: tdc}"], "0.yaml:3: .*no provider 'lap'"),
    "an unknown class": (["n-1: {%, provider: lab, class: m, cluster: tdc}"], "0.yaml:3: node 'n-1': no class 'm'"),
    "an unknown cluster": (["n-1: {group: lon, cluster: tbc}"], "0.yaml:3: node 'n-1': no cluster 'tbc'"),
    "an unknown zone": (["n-1: {group: lon, zone: ldn}"], "0.yaml:3: node 'n-1': no zone 'ldn'"),
    "half a place": (["n-1: {%, provider: lab}"], "0.yaml:3: .* no class and no cluster"),
    "an unknown group": (["n-1: {group: lom}"], "0.yaml:3: no group 'lom'"),
    "a bad address": (["n-1: {%, addresses: [10.20.0.300]}"], "0.yaml:3: .*'10.20.0.300' is no IP address"),
    "an address with a length": (["n-1: {%, addresses: [10.20.0.3/24]}"], "0.yaml:3: .* is no IP address"),
    "an address of nobody": (["n-1: {%, addresses: [127.0.0.1]}"], "0.yaml:3: .*127.0.0.1"),
    "a bad address in a range": (["n-[1-2]: {%, addresses: ['10.2.0.[255-256]']}"], "0.yaml:3: .*10.2.0.256"),
    "too few addresses": (["n-[1-3]: {%, addresses: ['10.2.0.[1-2]']}"], "0.yaml:3: .* 2 addresses for 3"),
    "one address for two": (["n-1: {%, addresses: [10.2.0.1]}", "n-2: {%, addresses: [10.2.0.1]}"], "0.yaml:4: .*n-1"),
    "one address, two forms": (
        ["n-1: {%, addresses: ['2001:db8::1']}", "n-2: {%, addresses: ['2001:0db8:0::1']}"],
        "0.yaml:4: address 2001:db8::1 of 'n-2'",
    ),
    "a standby's address": (
        ["n-1: {%, addresses: [10.2.0.1], standby: [10.2.0.2]}", "n-2: {%, addresses: [10.2.0.2]}"],
        "0.yaml:4: address 10.2.0.2 of 'n-2'",
    ),
    "one alias for two": (["n-1: {group: lon, aliases: [n-2]}", "n-2: {group: lon}"], "0.yaml:4: name n-2.lon.bank"),
    "the host of a second instance": (["n-1: {group: lon}", "n-1-b: {group: lon}"], "0.yaml:4: host name n-1-b of"),
    "an alias in no zone": (["n-1: {%, aliases: [n-2]}"], "0.yaml:3: .*no zone"),
    "a range backwards": (["n-[3-1]: {%}"], "0.yaml:3: .*backwards"),
    "half a bracket": (["'n-[1-3': {%}"], "0.yaml:3: .*without its other half"),
    "a range too large": (["n-[1-999999]: {%}"], "0.yaml:3: .*more than 20000"),
}
# a whole file, and what is said of it
IN_FILES = {
    "an override of nobody": (
        ["nodes:", "  n-1: {group: lon}", "overrides:", "  n-2: {channel: dev}"],
        "0.yaml:5: no node 'n-2' to override",
    ),
    "an override twice": (
        ["nodes:", "  n-1: {group: lon}", "overrides:", "  n-1: {channel: dev}", "  'n-[1-1]': {channel: dev}"],
        "0.yaml:6: channel of 'n-1' is overridden in fleet/0.yaml:5",
    ),
    "disks over http": (
        ["providers:", "  x: {type: libvirt, artifacts: 'http://a.example/x'}"],
        "0.yaml:3: providers.x.artifacts",
    ),
    "disks at an address with a query": (
        ["providers:", "  x: {type: vsphere, artifacts: 'https://a.example/x?token=1'}"],
        "0.yaml:3: providers.x.artifacts",
    ),
    "an unknown type": (["providers:", "  x: {type: hyperv, artifacts: 'https://a'}"], "0.yaml:3: providers.x.type"),
    "groups without an end": (
        ["groups:", "  a: {extends: b}", "  b: {extends: a}", "nodes:", "  n-1: {group: a}"],
        "0.yaml:6: groups a -> b -> a have no end",
    ),
    "an anchor": (["defaults: &d {image: node}"], "0.yaml:2: anchors"),
    "a zone without the dots": (
        ["zones:", "  x: {name: a.example, primary_ns: ns.a.example, admin_email: h.a.example., bind_cluster: b}"],
        "0.yaml:3: zones.x.primary_ns",
    ),
}


@pytest.mark.parametrize("name", IN_NODES)
def test_a_mistake_in_a_node_is_named_with_file_and_line(name: str) -> None:
    lines, reported = IN_NODES[name]
    with pytest.raises(ConfigError, match=reported):
        read("\n".join(["version: 1", "nodes:", *(f"  {line.replace('%', PROD)}" for line in lines)]), SITE)


@pytest.mark.parametrize("name", IN_FILES)
def test_a_mistake_in_a_file_is_named_with_file_and_line(name: str) -> None:
    lines, reported = IN_FILES[name]
    with pytest.raises(ConfigError, match=reported):
        read("\n".join(["version: 1", *lines]), SITE)


def test_a_name_in_two_files_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"1.yaml:11: groups has 'lon' in fleet/0.yaml:11 already"):
        read(SITE, SITE)


def test_two_files_with_a_platform_are_refused() -> None:
    text = "version: 1\nplatform: {registries: [r.example/kairos/]}\n"
    with pytest.raises(ConfigError, match=r"1.yaml:2: platform stands in fleet/0.yaml:2"):
        read(text, text)


def test_a_registry_prefix_without_its_slash_is_refused() -> None:
    with pytest.raises(ConfigError, match="registries"):
        read("version: 1\nplatform: {registries: [registry.bank.example]}\n")


def test_a_file_that_would_be_passed_over_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet" / "a.yml").write_text(NODES)
    with pytest.raises(ConfigError, match="is not read"):
        read_fleet_files(tmp_path)


def test_defaults_hold_for_the_nodes_of_their_file_alone() -> None:
    text = "version: 1\ndefaults: {image: node, channel: dev}\nnodes:\n  a: {}\n  b: {channel: prod}\n"
    fleet = read(text, "version: 1\nnodes:\n  c: {image: node, channel: prod}\n")
    assert [fleet.nodes[name].channel for name in "abc"] == ["dev", "prod", "prod"]
    with pytest.raises(ConfigError, match="node 'd' has no image"):
        read(text, "version: 1\nnodes:\n  d: {channel: prod}\n")


def test_a_usual_cluster_is_changed_by_values() -> None:
    fleet = read(
        "version: 1\nclusters:\n  a: {template: trading-desk}\n"
        "  b: {template: trading-desk, replicas: 5, roll: {soak: 1h}, labels: {floor: '3'}}\n"
    )
    one, two = fleet.clusters["a"], fleet.clusters["b"]
    assert (one.roll.strategy, one.roll.soak, one.replicas) == (Strategy.SURGE, "4h", 3)
    assert (two.roll.strategy, two.roll.soak, two.replicas) == (Strategy.SURGE, "1h", 5)
    assert two.roll.windows == one.roll.windows
    assert two.labels == {"workload": "trading-desk", "floor": "3"}


@pytest.mark.parametrize("template", list(Template))
def test_every_usual_cluster_is_sound(template: Template) -> None:
    fleet = read(f"version: 1\nclusters:\n  a: {{template: {template}}}\n")
    assert fleet.clusters["a"].labels == {"workload": template.value}
