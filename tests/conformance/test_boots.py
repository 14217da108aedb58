"""Later boots of an installed node: GRUB's variables, the passive system, several files of stages, recovery, reset."""

from __future__ import annotations

import pytest

from imagekit.checks.contract.config import PLANTED, in_order
from imagekit.checks.contract.facts import NodeFacts
from imagekit.checks.contract.questions import NEW_FILE

pytestmark = pytest.mark.contract("2 GRUB variables")
FILES = ["05", "config", "97", "50"]


def _ran(facts: NodeFacts, stage: str) -> list[str]:
    return [name for ran, name in facts.order if ran == stage]


def test_next_entry_is_followed(passive: NodeFacts) -> None:
    """The entry of next_entry is booted: fallback is the passive image."""
    assert "root=LABEL=COS_PASSIVE" in passive.cmdline
    assert "cos-img/filename=/cOS/passive.img" in passive.cmdline


def test_next_entry_is_used_once(passive: NodeFacts, again: NodeFacts) -> None:
    """next_entry is empty after that boot, and the boot after it is the active one again."""
    assert "next_entry" not in passive.env_file("/oem/grubenv")
    assert "root=LABEL=COS_ACTIVE" in again.cmdline


@pytest.mark.contract("2 sentinels")
def test_sentinel_is_passive_alone(passive: NodeFacts) -> None:
    """/run/cos holds passive_mode with the single character 1, and no other mode."""
    assert passive.sentinels == {"passive_mode": "1"}


@pytest.mark.contract("5 state")
def test_agent_says_passive(passive: NodeFacts) -> None:
    """`kairos-agent state get boot` is passive_boot."""
    assert passive.text("get:boot") == "passive_boot"


def test_words_for_every_mode_reach_the_command_line(passive: NodeFacts, again: NodeFacts) -> None:
    """extra_cmdline reaches the command line of the passive and of the active system."""
    assert "conformance.any=1" in passive.cmdline
    assert "conformance.any=1" in again.cmdline


def test_words_for_one_mode_reach_that_mode_alone(passive: NodeFacts, again: NodeFacts) -> None:
    """extra_passive_cmdline and extra_active_cmdline reach only the command line of their own mode."""
    words = {"conformance.active=1", "conformance.passive=1"}
    assert words & set(passive.cmdline) == {"conformance.passive=1"}
    assert words & set(again.cmdline) == {"conformance.active=1"}


def test_passive_keeps_the_promises_of_active(passive: NodeFacts) -> None:
    """On the passive system root is read-only, persistent and OEM are mounted, and no unit has failed."""
    assert "ro" in passive.mounts["/"].options | passive.mounts["/"].super_options
    assert {"/usr/local", "/oem", "/run/initramfs/cos-state"} <= set(passive.mounts)
    assert [name for name, state in passive.units.items() if state == "failed"] == []


@pytest.mark.contract("3 stages")
@pytest.mark.parametrize("stage", ["boot.before", "boot", "boot.after"])
def test_files_come_in_their_order(again: NodeFacts, stage: str) -> None:
    """In each part of a stage neighbouring files of /oem come by name, and those of /usr/local/cloud-config last."""
    assert set(PLANTED.values()) < set(FILES)
    ran = _ran(again, stage)
    assert sorted(ran) == sorted(FILES)
    # 05 has no such place: a file between two that has nothing for the stage, as 10_user_custom_mounts.yaml, ends the
    # order between them (yip 1.25, pkg/executor, dirOps; seen on a real node).
    assert ran.index("config") < ran.index("97")
    assert ran[-1] == "50"


@pytest.mark.contract("3 stages")
def test_parts_of_a_stage_wait_for_one_another(again: NodeFacts) -> None:
    """X.before has run over all files before X begins, and X before X.after."""
    parts = [stage for stage, _ in again.order if stage in ("boot.before", "boot", "boot.after")]
    assert parts == [part for part in ("boot.before", "boot", "boot.after") for _ in FILES]


@pytest.mark.contract("3 stages")
def test_every_stage_is_run_at_every_boot(again: NodeFacts) -> None:
    """All stages of the node's own configuration, rootfs.before to network.after, ran once each, in their order."""
    ran = [stage for stage, name in again.order if name == "config" and stage != "runcmd"]
    assert in_order(ran), ran


@pytest.mark.contract("3 cloud-init keys")
def test_runcmd_is_run_at_every_boot(again: NodeFacts) -> None:
    """runcmd is run once at a later boot too."""
    assert [stage for stage, _ in again.order].count("runcmd") == 1


# Recovery, by saved_entry


@pytest.mark.contract("2 GRUB variables")
def test_saved_entry_is_the_default(upgraded: NodeFacts, recovery: NodeFacts) -> None:
    """saved_entry decides what is booted when nobody chooses."""
    assert upgraded.answer("editenv").status == 0
    assert "cos-img/filename=/cOS/recovery.img" in recovery.cmdline


@pytest.mark.contract("2 installed command line")
def test_recovery_is_booted_by_its_label(recovery: NodeFacts) -> None:
    """Recovery boots the image with label COS_SYSTEM."""
    assert "root=LABEL=COS_SYSTEM" in recovery.cmdline
    assert "conformance.recovery=1" in recovery.cmdline


@pytest.mark.contract("2 sentinels")
def test_sentinel_is_recovery_alone(recovery: NodeFacts) -> None:
    """/run/cos holds recovery_mode and no other mode."""
    assert set(recovery.sentinels) == {"recovery_mode"}


@pytest.mark.contract("5 state")
def test_agent_says_recovery(recovery: NodeFacts) -> None:
    """`kairos-agent state get boot` is recovery_boot."""
    assert recovery.text("get:boot") == "recovery_boot"


@pytest.mark.contract("2 writable state")
def test_recovery_mounts_no_persistent_data(recovery: NodeFacts) -> None:
    """In recovery OEM is mounted and COS_PERSISTENT is not."""
    assert "/oem" in recovery.mounts
    device = recovery.partitions()["COS_PERSISTENT"]["MAJ:MIN"]
    assert [path for path, mount in recovery.mounts.items() if mount.device == device] == []


@pytest.mark.contract("5 recovery")
def test_recovery_has_the_version_of_the_installation(first: NodeFacts, recovery: NodeFacts) -> None:
    """An upgrade of the system leaves recovery at the version of the installation."""
    assert recovery.release["KAIROS_VERSION"] == first.release["KAIROS_VERSION"]


# Reset


@pytest.mark.contract("5 reset")
def test_reset_ends_well(reset: NodeFacts) -> None:
    """`reset --unattended` in recovery ends with status 0."""
    assert reset.answer("reset").status == 0, reset.answer("reset").text[-400:]


@pytest.mark.contract("5 reset")
def test_reset_brings_the_active_system_back(reset: NodeFacts) -> None:
    """After a reset the node boots active, with the sentinel of it."""
    assert reset.text("get:boot") == "active_boot"
    assert reset.sentinels == {"active_mode": "1"}


@pytest.mark.contract("5 reset")
def test_reset_installs_recovery_s_version(first: NodeFacts, reset: NodeFacts) -> None:
    """After a reset the active system is that of recovery, not that of the upgrade."""
    assert reset.release["KAIROS_VERSION"] == first.release["KAIROS_VERSION"]
    assert not reset.has(NEW_FILE)


@pytest.mark.contract("5 reset")
def test_reset_keeps_the_partitions(first: NodeFacts, reset: NodeFacts) -> None:
    """A reset leaves the partition table alone."""
    before, after = (
        {label: (part["NAME"], part["SIZE"], part["PARTUUID"]) for label, part in facts.partitions().items()}
        for facts in (first, reset)
    )
    assert {label: part for label, part in before.items() if label.startswith("COS_")} == {
        label: part for label, part in after.items() if label.startswith("COS_")
    }


@pytest.mark.contract("5 reset")
def test_config_is_read_after_a_reset(reset: NodeFacts) -> None:
    """The configuration on COS_OEM is in force after a reset."""
    assert reset.text("hostname").strip() == "conformance"
