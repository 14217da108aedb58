"""`kairos-agent upgrade`: what it leaves before the reboot, and what is booted after it."""

from __future__ import annotations

import re

import pytest
import yaml

from imagekit.checks.contract.facts import NodeFacts
from imagekit.checks.contract.questions import NEW_FILE, NEW_VERSION

pytestmark = pytest.mark.contract("5 upgrade")
STATE = "/run/initramfs/cos-state"


def _labels(facts: NodeFacts) -> dict[str, str]:
    rows = (line.split() for line in facts.text("labels").splitlines())
    return {row[0].rpartition("/")[2]: row[1] for row in rows if len(row) > 1}


def test_a_failed_upgrade_changes_nothing(upgrade: NodeFacts) -> None:
    """An upgrade from a source that is not there fails, leaves both images and nothing else, and sets no entry."""
    assert upgrade.answer("nowhere").status != 0
    words = upgrade.answer("after-nowhere").text.split()
    assert sorted(word for word in words if word.endswith(".img")) == ["active.img", "passive.img"]
    assert "next_entry=cos" not in words


def test_it_ends_well(upgrade: NodeFacts) -> None:
    """The upgrade ends with status 0 and says that it is completed."""
    assert upgrade.answer("upgrade").status == 0, upgrade.answer("upgrade").text[-400:]
    assert "Upgrade completed" in upgrade.answer("upgrade").text


def test_it_does_not_reboot(again: NodeFacts, upgrade: NodeFacts) -> None:
    """An upgrade does not reboot the node by itself: what runs is still the old system."""
    assert upgrade.text("bootid") == again.text("bootid")
    assert upgrade.text("get:boot") == "active_boot"
    assert upgrade.release["KAIROS_VERSION"] == again.release["KAIROS_VERSION"]


def test_next_boot_is_the_new_system(upgrade: NodeFacts) -> None:
    """The upgrade sets next_entry=cos in /oem/grubenv."""
    assert upgrade.env_file("/oem/grubenv").get("next_entry") == "cos"


def test_assessment_is_switched_on(upgrade: NodeFacts) -> None:
    """The upgrade sets enable_boot_assessment=yes on COS_STATE."""
    assert upgrade.env_file(f"{STATE}/boot_assessment").get("enable_boot_assessment") == "yes"


def test_images_have_their_labels(upgrade: NodeFacts) -> None:
    """active.img and passive.img are there with the labels by which they are booted, and nothing in transition."""
    assert _labels(upgrade) == {"active.img": "COS_ACTIVE", "passive.img": "COS_PASSIVE"}


def test_state_is_read_only_again(upgrade: NodeFacts) -> None:
    """COS_STATE is mounted read-only again after the upgrade."""
    assert "ro" in upgrade.mounts[STATE].options | upgrade.mounts[STATE].super_options


def test_new_version_runs(upgraded: NodeFacts) -> None:
    """After the reboot the new version runs, as the active system."""
    assert upgraded.release["KAIROS_VERSION"] == NEW_VERSION
    assert upgraded.text("get:kairos.version") == NEW_VERSION
    assert upgraded.sentinels == {"active_mode": "1"}


def test_new_file_is_there(upgraded: NodeFacts) -> None:
    """A file that only the new image has is there."""
    assert upgraded.file(NEW_FILE) == "upgraded\n"


@pytest.mark.contract("4b persistent binds")
def test_new_file_arrives_in_a_persistent_path(upgraded: NodeFacts) -> None:
    """A new file of the image arrives in a persistent path too, beside what the node wrote there."""
    assert upgraded.file("/opt/imagekit-conformance-new") == "upgraded\n"
    assert upgraded.file("/opt/imagekit-conformance") == "first\n"


def test_next_entry_is_used_up(upgraded: NodeFacts) -> None:
    """next_entry is empty after the boot of the new system."""
    assert "next_entry" not in upgraded.env_file("/oem/grubenv")


@pytest.mark.contract("2 boot assessment")
@pytest.mark.parametrize("key", ["enable_boot_assessment", "boot_assessment_tentative"])
def test_assessment_is_over(upgraded: NodeFacts, key: str) -> None:
    """A good boot of the new system clears the key, so that no later boot falls back."""
    assert key not in upgraded.env_file(f"{STATE}/boot_assessment")


@pytest.mark.contract("5 state file")
def test_upgrade_is_recorded(upgraded: NodeFacts) -> None:
    """/usr/local/.kairos-state says when the active system was upgraded last, and from which source."""
    record = yaml.safe_load(upgraded.file("/usr/local/.kairos-state"))
    assert re.match(r"\d{4}-\d\d-\d\dT", str(record["last-active-upgrade"]).replace(" ", "T"))
    assert str(record["last-active-source"]).startswith("dir:")


def test_options_survive(upgraded: NodeFacts) -> None:
    """The variables of /oem/grubenv outlive the upgrade."""
    assert "conformance.any=1" in upgraded.cmdline


def test_no_unit_failed(upgraded: NodeFacts) -> None:
    """No unit of the new system has failed."""
    assert [name for name, state in upgraded.units.items() if state == "failed"] == []


@pytest.mark.contract("2 GRUB entries")
def test_both_images_stay(upgraded: NodeFacts) -> None:
    """Both images have their labels after the boot of the new system."""
    assert _labels(upgraded) == {"active.img": "COS_ACTIVE", "passive.img": "COS_PASSIVE"}
