"""What VirtualMachine objects ask for, from files and from an API server alike."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
import yaml

from imagekit.base.errors import ConfigError
from imagekit.config.model import Firmware
from imagekit.provision.inputs import ProvisionError
from imagekit.provision.machines.wanted import Wanted, wanted_machines
from imagekit.provision.render import render
from tests.support.fleets import OLD, REGISTRY, inputs_of

IMAGE = "node-v2030-101-0-gaaaaaaa-libvirt"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    """Every object of the fleet with all kinds of providers."""
    tree = render(inputs_of())
    texts = [data for path, data in tree.items() if path.endswith(".yaml") and not path.endswith("kustomization.yaml")]
    return [each for text in texts for each in yaml.load_all(text, Loader=LOADER)]


@pytest.fixture
def objects(rendered: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return copy.deepcopy(rendered)


def one(objects: list[dict[str, Any]], kind: str, start: str = "risk-worker-01") -> dict[str, Any]:
    return next(each for each in objects if each["kind"] == kind and each["metadata"]["name"].startswith(start))


def machine(objects: list[dict[str, Any]], name: str = "risk-worker-01") -> Wanted:
    return next(each for each in wanted_machines(objects)[0] if each.node == name)


def test_machines_of_libvirt_are_wanted_and_others_named(objects: list[dict[str, Any]]) -> None:
    wanted, others = wanted_machines(objects)
    assert [each.node for each in wanted] == [
        *(f"risk-worker-0{number}" for number in range(1, 5)),
        *("tools-worker-1", "tools-worker-2"),
    ]
    assert len(others) == 7
    found = wanted[0]
    assert (found.name, found.cluster, str(found.reference)) == (
        f"risk-worker-01-{OLD.short}",
        "risk",
        f"{REGISTRY}/prod/node@{OLD}",
    )
    assert (found.memory_mib, found.cpus, found.disk_mib, found.checksum) == (8192, 4, 40960, "c" * 64)
    assert (found.firmware, found.tpm, found.on, found.network) == (Firmware.UEFI_SECURE, True, True, "lan")
    assert str(found.address) == "10.21.0.11"
    assert machine(objects, "tools-worker-1").address is None, "DHCP"
    assert len({each.mac for each in wanted}) == len(wanted)


def test_an_api_server_gives_the_same(objects: list[dict[str, Any]]) -> None:
    before = wanted_machines(objects)
    for each in objects:
        if each["kind"] == "Secret" and "stringData" in each:
            each["data"] = {
                key: base64.b64encode(text.encode()).decode() for key, text in each.pop("stringData").items()
            }
    assert wanted_machines(objects) == before


def test_what_it_is_made_of_names_every_part_and_power_is_none(objects: list[dict[str, Any]]) -> None:
    before = machine(objects).made_of
    one(objects, "VirtualMachine")["spec"]["powerState"] = "Off"
    assert machine(objects).made_of == before
    secret = one(objects, "Secret")
    secret["stringData"]["userdata"] += "# more\n"
    assert machine(objects).made_of != before


@pytest.mark.attack
@pytest.mark.parametrize(
    ("kind", "start", "word"),
    [("VMImage", "node-", "no VMImage"), ("VMClass", "worker-m", "no VMClass"), ("Secret", "risk", "no Secret")],
)
def test_what_is_referred_to_has_to_be_there(objects: list[dict[str, Any]], kind: str, start: str, word: str) -> None:
    gone = [each for each in objects if each["kind"] == kind and each["metadata"]["name"].startswith(start)]
    with pytest.raises(ConfigError, match=word):
        wanted_machines([each for each in objects if each not in gone])


@pytest.mark.attack
@pytest.mark.parametrize("said", [None, "", f"{REGISTRY}/prod/node@sha256:{'f' * 64}"])
def test_machine_and_image_name_one_digest(objects: list[dict[str, Any]], said: str | None) -> None:
    annotations = one(objects, "VirtualMachine")["metadata"]["annotations"]
    annotations["imagekit.dev/oci-image"] = said
    with pytest.raises(ProvisionError, match="says that it is made from"):
        wanted_machines(objects)


@pytest.mark.attack
def test_a_tag_makes_no_machine(objects: list[dict[str, Any]]) -> None:
    for each in objects:
        if each["kind"] in ("VirtualMachine", "VMImage"):
            each["metadata"]["annotations"]["imagekit.dev/oci-image"] = f"{REGISTRY}/prod/node:v1"
    with pytest.raises(ProvisionError, match="no digest"):
        wanted_machines(objects)


@pytest.mark.parametrize(
    ("kind", "start", "key", "value", "word"),
    [
        ("VMClass", "worker-m", ("memory",), "lots", "is no size"),
        ("VMClass", "worker-m", ("memory",), "0Mi", "is no size"),
        ("VMClass", "worker-m", ("diskDefaults", "size"), "40GB", "is no size"),
        (
            "VMImage",
            IMAGE,
            ("source", "libvirt", "checksum"),
            f"sha256:{'c' * 64}",
            "bare",
        ),
        ("VMImage", IMAGE, ("source", "libvirt", "checksum"), "", "bare hex"),
        ("Secret", "risk-worker-01", None, "not: [yaml", "no YAML"),
    ],
)
def test_values_that_cannot_be(
    objects: list[dict[str, Any]], kind: str, start: str, key: tuple[str, ...] | None, value: str, word: str
) -> None:
    found = one(objects, kind, start)
    if key is None:
        found["stringData"]["userdata"] = value
    else:
        inner = found["spec"]
        for part in key[:-1]:
            inner = inner[part]
        inner[key[-1]] = value
    with pytest.raises(ConfigError, match=word):
        wanted_machines(objects)


@pytest.mark.attack
def test_two_machines_with_one_mac_and_names_that_are_paths(objects: list[dict[str, Any]]) -> None:
    for number in (1, 2):
        one(objects, "VirtualMachine", f"risk-worker-0{number}")["spec"]["networks"][0]["macAddress"] = (
            "52:54:00:00:00:01"
        )
    with pytest.raises(ConfigError, match="same MAC address"):
        wanted_machines(objects)
    one(objects, "VirtualMachine")["metadata"]["name"] = "../../etc"
    with pytest.raises(ConfigError, match="no name of a machine"):
        wanted_machines(objects)


@pytest.mark.parametrize("text", ["", "%%%", base64.b64encode(b"\xff\xfe").decode()])
def test_a_secret_without_a_cloud_config(objects: list[dict[str, Any]], text: str) -> None:
    secret = one(objects, "Secret")
    del secret["stringData"]
    secret["data"] = {"userdata": text}
    with pytest.raises(ConfigError, match="cloud-config"):
        wanted_machines(objects)
