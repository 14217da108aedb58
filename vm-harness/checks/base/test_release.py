"""The framework: what the image says about itself and the agent that runs it."""

from __future__ import annotations

import re

import pytest
from testinfra.host import Host

from imagekit.checks.facts import Facts

pytestmark = pytest.mark.runbook("framework")

KEYS = (
    "KAIROS_ID",
    "KAIROS_NAME",
    "KAIROS_VERSION",
    "KAIROS_RELEASE",
    "KAIROS_ARCH",
    "KAIROS_FLAVOR",
    "KAIROS_FLAVOR_RELEASE",
    "KAIROS_FAMILY",
    "KAIROS_MODEL",
    "KAIROS_VARIANT",
    "KAIROS_INIT_VERSION",
)
# https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string, with the framework's v
SEMVER = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


@pytest.fixture(scope="session")
def agent(root: Host) -> dict[str, str]:
    """What the agent answers: its version, the boot, and the version of the image."""
    asked = {"version": "version", "boot": "state get boot", "image": "state get kairos.version"}
    script = "; ".join(f"printf '{name}='; kairos-agent {words}; echo" for name, words in asked.items())
    lines = root.run(script).stdout.splitlines()
    return dict(line.split("=", 1) for line in lines if line.split("=", 1)[0] in asked)


@pytest.mark.container
def test_release_keys(facts: Facts) -> None:
    """/etc/kairos-release holds every key that Kairos' tools read."""
    assert [key for key in KEYS if not facts.kairos_release.get(key)] == []
    assert facts.kairos_release["KAIROS_ID"] == "kairos"


@pytest.mark.container
def test_version_can_be_compared(facts: Facts) -> None:
    """The version is a semantic one, so that the operator can order it."""
    assert SEMVER.fullmatch(facts.kairos_release["KAIROS_VERSION"])


@pytest.mark.container
def test_version_is_stamped(facts: Facts) -> None:
    """The version is that of a build and not the placeholder the layers are made with."""
    assert not facts.kairos_release["KAIROS_VERSION"].startswith("v0.0.0")


@pytest.mark.container
def test_version_has_one_value(facts: Facts) -> None:
    """Version and release agree."""
    assert facts.kairos_release["KAIROS_VERSION"] == facts.kairos_release["KAIROS_RELEASE"]


@pytest.mark.container
def test_family_is_the_system(facts: Facts) -> None:
    """Flavor and flavor release are those of the distribution."""
    assert facts.kairos_release["KAIROS_FLAVOR"] == facts.os_release["ID"]
    assert facts.kairos_release["KAIROS_FLAVOR_RELEASE"] == facts.os_release["VERSION_ID"]


@pytest.mark.container
def test_agent_answers(agent: dict[str, str]) -> None:
    """kairos-agent runs and gives its version."""
    assert re.search(r"\d+\.\d+", agent["version"])


def test_agent_knows_how_it_booted(agent: dict[str, str]) -> None:
    """kairos-agent names the boot by a word of the contract."""
    words = ("active", "passive", "recovery", "livecd", "autoreset")
    assert agent["boot"] in {f"{word}_boot" for word in words} | {"unknown"}


@pytest.mark.boot_path("live")
def test_live_sentinel(facts: Facts) -> None:
    """A live node carries the live sentinel and no other."""
    modes = {path for path in facts.files if re.fullmatch(r"/run/cos/\w+_mode", path)}
    assert modes == {"/run/cos/live_mode"}


@pytest.mark.boot_path("live")
def test_agent_says_live(agent: dict[str, str]) -> None:
    """kairos-agent calls a live boot a live boot."""
    assert agent["boot"] == "livecd_boot"


@pytest.mark.boot_path("installed")
def test_active_sentinel(facts: Facts) -> None:
    """An installed node that was started as usual carries the active sentinel and no other."""
    modes = {path for path in facts.files if re.fullmatch(r"/run/cos/\w+_mode", path)}
    assert modes == {"/run/cos/active_mode"}


@pytest.mark.boot_path("installed")
def test_agent_says_active(agent: dict[str, str]) -> None:
    """kairos-agent calls the usual boot of an installed node active."""
    assert agent["boot"] == "active_boot"


@pytest.mark.boot_path("live", "installed")
def test_stages_ran(facts: Facts) -> None:
    """The framework's boot stages ran and did not fail."""
    stages = {
        name: unit for name, unit in facts.loaded.items() if name.startswith("cos-setup-") and name.endswith(".service")
    }
    assert stages
    assert all(unit.active != "failed" for unit in stages.values())


@pytest.mark.container
def test_agent_knows_its_version(agent: dict[str, str], facts: Facts) -> None:
    """The agent reports the version that the image was stamped with."""
    assert agent["image"] == facts.kairos_release["KAIROS_VERSION"]


@pytest.mark.container
def test_default_cloud_configs(host: Host) -> None:
    """The framework's own cloud-configs are in /system/oem."""
    assert host.file("/system/oem").listdir()


@pytest.mark.container
def test_both_stages_left_their_trace(facts: Facts) -> None:
    """The image was made by the framework's stages, which leave a record each."""
    found = [
        path for path in facts.files if re.fullmatch(r"/etc/kairos/kairos-init-(install|init|all)-stage\.yaml", path)
    ]
    assert any("all-stage" in path for path in found) or len(found) == 2
