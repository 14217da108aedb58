"""A fleet of every kind that is rendered, and what vouches for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagekit.fleet.fleet import Fleet
from imagekit.fleet.read import read_fleet_texts
from imagekit.fleet.resolve import digests_of
from imagekit.oci.reference import Digest, Reference
from imagekit.provision.inputs import Inputs, Release, Vouched
from imagekit.release.channel.model import ChannelFile, Pointer

OLD, NEW = Digest("sha256:" + "a1" * 32), Digest("sha256:" + "b2" * 32)
REGISTRY = "registry.bank.example/kairos"
PEM = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqAMcu1Pz2JSN0S9mtBiHkGT2Cmd0\n"
    "3M2qNn1nrNuIb+qj3Nn9pPlX3mBa2TwYlEbN2M9YtE0Xn2nqg8pZxQmQpg==\n"
    "-----END PUBLIC KEY-----\n"
)
SITE = """\
version: 1
platform:
  registries: [registry.bank.example/kairos/]
  git: {url: "ssh://git@git.bank.example/platform/fleet.git", secret: fleet-git, signers: release-signers}
providers:
  lab: {type: libvirt, artifacts: "https://artifacts.bank.example/disks", network: lan, storage: images}
  esx: {type: vsphere, artifacts: "https://artifacts.bank.example/disks", gateway: 10.20.0.254, prefix: 24}
  pve: {type: proxmox, artifacts: "https://artifacts.bank.example/disks", storage: local-lvm}
classes:
  worker-m: {cpus: 4, memory_mib: 8192, secure_boot: true, tpm: true}
  controller-s: {cpus: 2, memory_mib: 4096, firmware: BIOS}
clusters:
  tdc:
    template: trading-desk
    endpoint: tdc.bank.example
    services: {metallb: metallb-0-15-2, traefik: traefik-37-1-2, pools: [10.30.0.0/24]}
  risk: {template: risk-compute, endpoint: risk.bank.example}
  tools: {template: tooling, endpoint: tools.bank.example, join_tokens: true}
  core: {control_plane: machines, endpoint: core.bank.example}
zones:
  lon: {name: lon.bank.example, primary_ns: ns1.bank.example., admin_email: host.bank.example., bind_cluster: lon}
groups:
  all: {image: node, channel: prod, zone: lon, class: worker-m}
  tdc: {extends: all, provider: esx, cluster: tdc}
  risk: {extends: all, provider: lab, cluster: risk}
  tools: {extends: all, provider: lab, cluster: tools}
  core: {extends: all, provider: pve, cluster: core}
nodes:
  tdc-worker-[01-03]: {group: tdc, addresses: ["10.20.0.[11-13]"], standby: ["10.20.0.[31-33]"]}
  risk-worker-[01-04]: {group: risk, addresses: ["10.21.0.[11-14]", "2001:db8:21::[11-14]"]}
  tools-worker-[1-2]: {group: tools}
  core-controller-[1-3]: {group: core, role: controller, class: controller-s, addresses: ["10.22.0.[1-3]"]}
  core-worker-1: {group: core, addresses: [10.22.0.9], aliases: [build, cache], labels: {disk: fast}}
"""
CONFIG: Mapping[str, Any] = {
    "users": [{"name": "kairos", "ssh_authorized_keys": ["ssh-ed25519 AAAA ops@bank.example"]}],
    "stages": {"boot": [{"name": "greet", "commands": ["echo ${HOSTNAME} > /run/greeting"]}]},
}


def fleet_of(text: str = SITE, *more: str) -> Fleet:
    """The fleet of some texts."""
    return read_fleet_texts({f"fleet/{index}.yaml": each for index, each in enumerate((text, *more))})


def channel_file(name: str, **images: Digest) -> ChannelFile:
    """A channel that points at digests, by image."""
    pointers = {
        image: Pointer.model_validate_json(
            f'{{"version":"v1","digest":"{digest}","reference":"{REGISTRY}/{image}@{digest}","record":1,'
            f'"since":"2030-01-01T00:00:00Z","record_hash":"{"0" * 64}"}}'
        )
        for image, digest in images.items()
    }
    return ChannelFile(channel=name, images=pointers)


def vouched_of(digest: Digest, version: str, *channels: str, image: str = "node") -> Vouched:
    """What a ledger says of a digest."""
    reference = Reference.parse(f"{REGISTRY}/prod/{image}@{digest}")
    return Vouched(image=image, version=version, reference=reference, channels=frozenset(channels or ("dev", "prod")))


DISKS = {"qcow2": "c" * 64, "ova": "d" * 64}


def release_of(
    version: str, image: str = "node", k0s: str | None = "v1.36.3+k0s.2", disks: Mapping[str, str] = DISKS
) -> Release:
    """What a lock says of a digest."""
    return Release(image=image, version=version, distribution="rhel", distribution_version="9.6", k0s=k0s, disks=disks)


def inputs_of(fleet: Fleet | None = None, *, prod: Digest = OLD, **changed: Any) -> Inputs:
    """A fleet whose channel prod points at `prod`, with everything that rendering it needs."""
    found = fleet or fleet_of()
    given: dict[str, Any] = {
        "fleet": found,
        "digests": digests_of(found, [channel_file("prod", node=prod)]),
        "vouched": {OLD: vouched_of(OLD, "v2030.101.0-gaaaaaaa"), NEW: vouched_of(NEW, "v2030.102.0-gbbbbbbb")},
        "releases": {OLD: release_of("v2030.101.0-gaaaaaaa"), NEW: release_of("v2030.102.0-gbbbbbbb")},
        "cloud_configs": dict.fromkeys(((name, "node") for name in found.clusters), CONFIG),
        "public_keys": {"release": PEM},
    }
    return Inputs(**{**given, **changed})
