"""The first boot of an installed node: command line, mounts, sentinels, what the agent says."""

from __future__ import annotations

import re
import uuid

import pytest

from imagekit.checks.contract.config import EXTRA, USER, in_order
from imagekit.checks.contract.facts import FOLDER, NodeFacts

pytestmark = pytest.mark.contract("4b installed node")

LINE = [
    "BOOT_IMAGE=(loop0)/boot/vmlinuz",
    "console=ttyS0",
    "console=tty1",
    "net.ifnames=1",
    "rd.cos.oemlabel=COS_OEM",
    "rd.cos.oemtimeout=10",
    "panic=5",
    "rd.emergency=reboot",
    "rd.shell=0",
    "systemd.crash_reboot=yes",
    "root=LABEL=COS_ACTIVE",
    "cos-img/filename=/cOS/active.img",
    "selinux=0",
]
BOUND = ("/etc/ssh", "/etc/systemd", "/etc/modprobe.d", "/home", "/opt", "/root", "/var/log", "/usr/libexec")


@pytest.mark.contract("2 installed command line")
@pytest.mark.parametrize("word", LINE)
def test_command_line_has(first: NodeFacts, word: str) -> None:
    """The kernel command line has this word."""
    assert word in first.cmdline


@pytest.mark.contract("2 installed command line")
def test_command_line_says_nothing_else_of_the_mode(first: NodeFacts) -> None:
    """No word of another mode is on the command line, for the mode is read from it alone."""
    others = ("COS_PASSIVE", "COS_RECOVERY", "COS_SYSTEM", "recovery-mode", "kairos.reset", "live:", "netboot")
    assert [word for word in first.cmdline if any(other in word for other in others)] == []


@pytest.mark.contract("4 grub_options")
def test_option_of_the_installation_is_last(install: NodeFacts, first: NodeFacts) -> None:
    """The word of install.grub_options.extra_cmdline reaches the command line."""
    assert install.answer("install").status == 0
    assert EXTRA in first.cmdline


@pytest.mark.contract("2 sentinels")
def test_sentinel_is_active_alone(first: NodeFacts) -> None:
    """/run/cos holds active_mode with the single character 1, and no other mode."""
    assert first.sentinels == {"active_mode": "1"}


@pytest.mark.contract("5 state")
def test_agent_says_active(first: NodeFacts) -> None:
    """`kairos-agent state get boot` is active_boot, without a newline."""
    assert first.text("get:boot") == "active_boot"


def test_root_is_the_image_read_only(first: NodeFacts) -> None:
    """The root is the active image, an ext2 file system on a loop device, mounted read-only."""
    root = first.mounts["/"]
    assert root.fstype in ("ext2", "ext4")
    assert "ro" in root.options | root.super_options
    loops = dict(line.split(None, 1) for line in first.text("loops").splitlines())
    name = next(one["NAME"] for one in first.devices if one["MAJ:MIN"] == root.device)
    assert loops[name].endswith("/cOS/active.img")


def test_root_refuses_a_write(first: NodeFacts) -> None:
    """Not even root can write below /usr."""
    assert "written" not in first.text("write").splitlines()
    assert "Read-only file system" in first.text("write")


@pytest.mark.parametrize("path", ["/etc", "/var", "/srv"])
def test_path_is_written_in_memory(first: NodeFacts, path: str) -> None:
    """The path is an overlay whose upper part is in memory."""
    mount = first.mounts[path]
    assert mount.fstype == "overlay"
    upper = next(word.removeprefix("upperdir=") for word in mount.super_options if word.startswith("upperdir="))
    assert upper.startswith("/run/overlay") or upper.startswith("/sysroot/run/overlay")


@pytest.mark.parametrize(
    ("path", "label", "access"),
    [
        ("/usr/local", "COS_PERSISTENT", "rw"),
        ("/oem", "COS_OEM", "rw"),
        ("/run/initramfs/cos-state", "COS_STATE", "ro"),
    ],
)
def test_partition_is_mounted(first: NodeFacts, path: str, label: str, access: str) -> None:
    """The partition is mounted as ext4 where it belongs, with the access it should have."""
    mount = first.mounts[path]
    part = first.partitions()[label]
    assert (mount.device, mount.fstype) == (part["MAJ:MIN"], "ext4")
    assert access in (mount.options | mount.super_options if access == "ro" else mount.options & mount.super_options)


@pytest.mark.parametrize("label", ["COS_OEM", "COS_RECOVERY", "COS_STATE", "COS_PERSISTENT"])
def test_partition_has_a_fixed_id(first: NodeFacts, label: str) -> None:
    """The partition's GUID is the UUIDv5 of its label (in the name space of URLs)."""
    assert first.partitions()[label]["PARTUUID"] == str(uuid.uuid5(uuid.NAMESPACE_URL, label))


def test_recovery_is_not_mounted(first: NodeFacts) -> None:
    """COS_RECOVERY is there and not mounted."""
    device = first.partitions()["COS_RECOVERY"]["MAJ:MIN"]
    assert [path for path, mount in first.mounts.items() if mount.device == device] == []


def test_oem_is_for_admins_only(first: NodeFacts) -> None:
    """/oem belongs to root and group admin and is closed to others (0770)."""
    entry = first.files["/oem"]
    assert (entry.mode & 0o777, entry.owner) == (0o770, "root:admin")


@pytest.mark.contract("2 writable state")
@pytest.mark.parametrize("path", BOUND)
def test_persistent_path_is_bound(first: NodeFacts, path: str) -> None:
    """The path is a mount of its directory in /usr/local/.state."""
    assert first.mounts[path].device == first.mounts["/usr/local"].device
    name = path.strip("/").replace("/", "-")
    assert first.files[f"/usr/local/.state/{name}.bind"].kind == "d"


@pytest.mark.contract("2 writable state")
def test_layout_names_what_is_bound(first: NodeFacts) -> None:
    """cos-layout.env names these paths, /usr/local as volume, and /var /etc /srv as writable."""
    assert set(BOUND) <= set(first.layout["PERSISTENT_STATE_PATHS"].split())
    assert "/usr/local" in first.layout["VOLUMES"]
    assert {"/var", "/etc", "/srv"} <= set(first.layout["RW_PATHS"].split())


@pytest.mark.contract("2 writable state")
@pytest.mark.parametrize("name", ["hostname", "hosts"])
def test_name_is_kept_in_usr_local(first: NodeFacts, name: str) -> None:
    """The file in /etc is a link into /usr/local/etc."""
    entry = first.files[f"/etc/{name}"]
    assert (entry.kind, entry.target) == ("l", f"/usr/local/etc/{name}")


def test_fstab_is_generated(first: NodeFacts) -> None:
    """/etc/fstab names what is mounted."""
    assert "/usr/local" in first.file("/etc/fstab")


def test_system_is_running(first: NodeFacts) -> None:
    """systemd calls the node running, and no unit has failed."""
    assert [name for name, state in first.units.items() if state == "failed"] == []
    assert first.text("system").strip() == "running"


@pytest.mark.parametrize("unit", ["cos-setup-fs.service", "cos-setup-boot.service", "cos-setup-network.service"])
def test_unit_of_a_stage_ran(first: NodeFacts, unit: str) -> None:
    """The unit that runs this stage is there and did not fail."""
    assert first.units[unit] != "failed"


def test_reconcile_comes_by_timer(first: NodeFacts) -> None:
    """Stage reconcile is run by a timer that waits."""
    assert first.units["cos-setup-reconcile.timer"] == "active"


@pytest.mark.contract("5 state")
@pytest.mark.parametrize(
    ("name", "point", "label", "read_only"),
    [
        ("persistent", "/usr/local", "COS_PERSISTENT", False),
        ("oem", "/oem", "COS_OEM", False),
        ("state", "/run/initramfs/cos-state", "COS_STATE", True),
    ],
)
def test_state_tells_of_a_mounted_partition(
    first: NodeFacts, name: str, point: str, label: str, read_only: bool
) -> None:
    """The agent tells where the partition is mounted, its label, type, size and access."""
    part, device = first.state[name], first.partitions()[label]
    found = (part["found"], part["mounted"], part["mount_point"], part["filesystemlabel"], part["type"])
    assert found == (True, True, point, label, "ext4")
    assert (part["read_only"], part["name"], part["size_bytes"]) == (
        read_only,
        f"/dev/{device['NAME']}",
        int(device["SIZE"]),
    )


@pytest.mark.contract("5 state")
def test_state_tells_of_the_recovery_partition(first: NodeFacts) -> None:
    """The agent finds COS_RECOVERY and says that it is not mounted."""
    part = first.state["recovery"]
    assert (part["found"], part["mounted"], part["filesystemlabel"]) == (True, False, "COS_RECOVERY")


@pytest.mark.contract("5 state")
def test_leaves_come_without_a_newline(first: NodeFacts) -> None:
    """`state get` prints oem.mounted, state.read_only, persistent.found and kairos.version raw."""
    found = [first.text(f"get:{name}") for name in ("oem.mounted", "state.read_only", "persistent.found")]
    assert found == ["true", "true", "true"]
    assert first.text("get:kairos.version") == first.release["KAIROS_VERSION"]


def test_host_name_is_that_of_the_config(first: NodeFacts) -> None:
    """The node has the name that its configuration gave it."""
    assert first.text("hostname").strip() == "conformance"


@pytest.mark.contract("3 cloud-init keys")
def test_users_of_the_config_are_made(first: NodeFacts) -> None:
    """The configuration's users are there."""
    assert USER in [line.split(":")[0] for line in first.text("passwd").splitlines()]


@pytest.mark.contract("3 cloud-init keys")
def test_files_of_the_config_are_written(first: NodeFacts) -> None:
    """The configuration's write_files are there."""
    assert first.file(f"{FOLDER}/written") == "written\n"


@pytest.mark.contract("3 stages")
def test_stages_of_the_installed_config_come_in_order(install: NodeFacts, first: NodeFacts) -> None:
    """All stages of the installed configuration, rootfs.before to network.after, ran once each, in their order."""
    assert install.answer("install").status == 0
    ran = [stage for stage, name in first.order if name == "config" and stage != "runcmd"]
    assert in_order(ran), ran


@pytest.mark.contract("5 upgrade")
def test_upgrade_needs_root(first: NodeFacts) -> None:
    """`upgrade` is refused to whoever is not root."""
    assert first.answer("as-user").status != 0
    assert "root" in first.answer("as-user").text


def test_machine_id_is_made(first: NodeFacts) -> None:
    """The node has a machine id of its own."""
    assert re.fullmatch(r"[0-9a-f]{32}", first.file("/etc/machine-id").strip())


@pytest.mark.contract("5 bootentry")
def test_unknown_entry_is_refused(first: NodeFacts) -> None:
    """`bootentry --select` refuses an entry that the menu does not have, and changes nothing."""
    assert first.answer("unknown").status != 0
    assert first.answer("before").text == first.answer("unchanged").text


@pytest.mark.contract("5 bootentry")
def test_known_entry_is_taken(first: NodeFacts) -> None:
    """`bootentry --select fallback` sets next_entry in /oem/grubenv."""
    assert first.answer("select").status == 0
    assert "next_entry=fallback" in first.answer("selected").text.splitlines()


@pytest.mark.contract("5 reset")
def test_reset_is_refused(first: NodeFacts) -> None:
    """`reset` is refused outside recovery, with the reason."""
    assert first.answer("reset-active").status != 0
    assert "reset can only be called from the recovery system" in first.answer("reset-active").text
