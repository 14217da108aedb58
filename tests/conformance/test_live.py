"""The live system: booted from its medium, nothing installed, with user data of our own."""

from __future__ import annotations

import re

import pytest

from imagekit.checks.contract.config import KEY, UNKNOWN, USER, WORD, in_order
from imagekit.checks.contract.facts import FOLDER, NodeFacts

pytestmark = pytest.mark.contract("2 live boot")
PARTITIONS = ("persistent", "recovery", "oem", "state")


def test_sentinel_is_live_alone(live: NodeFacts) -> None:
    """/run/cos holds the sentinel live_mode and no other."""
    assert set(live.sentinels) == {"live_mode"}


def test_agent_says_livecd(live: NodeFacts) -> None:
    """`kairos-agent state get boot` is livecd_boot, without a newline."""
    assert live.text("get:boot") == "livecd_boot"


def test_medium_is_mounted(live: NodeFacts) -> None:
    """The medium is mounted read-only on /run/initramfs/live and holds the root file system."""
    mount = live.mounts["/run/initramfs/live"]
    assert "ro" in mount.options | mount.super_options
    assert live.has("/run/initramfs/live/rootfs.squashfs")


def test_image_is_mounted_for_the_installer(live: NodeFacts) -> None:
    """The image itself is mounted read-only on /run/rootfsbase, from where the agent installs."""
    mount = live.mounts["/run/rootfsbase"]
    assert mount.fstype in ("squashfs", "erofs", "ext4")
    assert "ro" in mount.options | mount.super_options


def test_root_forgets(live: NodeFacts) -> None:
    """The root is an overlay that writes to memory."""
    assert live.mounts["/"].volatile


def test_nothing_of_a_disk_is_mounted(live: NodeFacts) -> None:
    """No partition of an installed node is mounted."""
    assert [part for part in PARTITIONS if live.state[part]["mounted"]] == []
    assert not {"/usr/local", "/oem", "/run/initramfs/cos-state"} & set(live.mounts)


def test_layout_is_there_all_the_same(live: NodeFacts) -> None:
    """cos-layout.env has the normal layout although nothing of it is mounted."""
    assert set(live.layout) >= {"VOLUMES", "OVERLAY", "RW_PATHS", "PERSISTENT_STATE_PATHS"}


def test_immucore_left_its_log(live: NodeFacts) -> None:
    """immucore left a log in /run/immucore."""
    assert [path for path in live.files if path.startswith("/run/immucore/") and path.endswith(".log")] != []


def test_machine_id_is_made(live: NodeFacts) -> None:
    """The node has a machine id of its own."""
    assert re.fullmatch(r"[0-9a-f]{32}", live.file("/etc/machine-id").strip())


@pytest.mark.contract("4b units")
@pytest.mark.parametrize("unit", ["cos-setup-fs.service", "cos-setup-boot.service", "cos-setup-network.service"])
def test_unit_of_a_stage_ran(live: NodeFacts, unit: str) -> None:
    """The unit that runs this stage is there and did not fail."""
    assert live.units[unit] != "failed"


@pytest.mark.contract("4b units")
def test_reconcile_comes_by_timer(live: NodeFacts) -> None:
    """Stage reconcile is run by a timer that waits."""
    assert live.units["cos-setup-reconcile.timer"] == "active"


@pytest.mark.contract("4b units")
def test_no_unit_failed(live: NodeFacts) -> None:
    """No unit has failed."""
    assert [name for name, state in live.units.items() if state == "failed"] == []


@pytest.mark.contract("4 live login")
def test_group_admin_is_sudo(live: NodeFacts) -> None:
    """Group admin has the number 900, and the user of stage initramfs is in it."""
    groups = {line.split(":")[0]: line.split(":")[2:] for line in live.text("group").splitlines()}
    assert groups["admin"][0] == "900"
    assert "kairos" in groups["admin"][1].split(",")


@pytest.mark.contract("1 hardening")
@pytest.mark.parametrize(
    "word", ["permitrootlogin no", "maxauthtries 2", "allowtcpforwarding no", "allowagentforwarding no"]
)
def test_sshd_says(live: NodeFacts, word: str) -> None:
    """The running sshd's configuration has this line."""
    assert word in live.text("sshd").splitlines()


# Cloud-config


@pytest.mark.contract("3 stages")
def test_stages_come_in_order(live: NodeFacts) -> None:
    """X.before, X and X.after of initramfs, fs, boot and network ran once each, in their order."""
    ran = [stage for stage, name in live.order if name == "config" and stage != "runcmd"]
    # User data are fetched in stage rootfs, so how much of that stage is still run from them is left open.
    assert in_order([stage for stage in ran if not stage.startswith("rootfs")], without="rootfs"), ran


@pytest.mark.contract("3 cloud-init keys")
def test_runcmd_is_run_in_stage_boot(live: NodeFacts) -> None:
    """runcmd is run in stage boot."""
    stages = [stage for stage, _ in live.order]
    assert stages.count("runcmd") == 1
    assert stages.index("boot.before") < stages.index("runcmd") < stages.index("boot.after")


@pytest.mark.contract("3 cloud-init keys")
def test_users_are_made(live: NodeFacts) -> None:
    """A user of the list users is there with its name, shell and groups."""
    rows = {line.split(":")[0]: line.split(":") for line in live.text("passwd").splitlines()}
    assert (rows[USER][4].partition(",")[0], rows[USER][6]) == ("Conformance", "/bin/sh")
    members = {line.split(":")[0]: line.split(":")[3].split(",") for line in live.text("group").splitlines()}
    assert USER in members["admin"]


@pytest.mark.contract("3 cloud-init keys")
def test_users_get_their_keys(live: NodeFacts) -> None:
    """ssh_authorized_keys of a user are in its authorized_keys."""
    assert KEY.split()[1] in live.text("keys")


@pytest.mark.contract("3 cloud-init keys")
@pytest.mark.parametrize(
    ("name", "content", "mode", "owner"),
    [("written", "written\n", 0o640, "root:admin"), ("decoded", "decoded\n", 0o600, "root:root")],
)
def test_files_are_written(live: NodeFacts, name: str, content: str, mode: int, owner: str) -> None:
    """A file of write_files has its content, permissions (an octal string) and owner."""
    path = f"{FOLDER}/{name}"
    assert live.file(path) == content
    assert (live.files[path].mode, live.files[path].owner) == (mode, owner)


@pytest.mark.contract("3 cloud-init keys")
def test_host_name_is_set(live: NodeFacts) -> None:
    """hostname names the node."""
    assert live.text("hostname").strip() == "conformance-live"


@pytest.mark.contract("3 step keys")
def test_templates_are_filled(live: NodeFacts) -> None:
    """The template {{ .Values.node.hostname }} becomes the node's name."""
    assert live.file(f"{FOLDER}/template").strip() == live.text("hostname").strip()


@pytest.mark.contract("3 step keys")
def test_a_template_that_cannot_be_filled_stays(live: NodeFacts) -> None:
    """A template with what only that of a host name knows (.MachineID) stays as it is."""
    assert live.file(f"{FOLDER}/unknown").strip() == UNKNOWN


@pytest.mark.contract("3 step keys")
def test_permissions_in_stages_are_numbers(live: NodeFacts) -> None:
    """permissions of a file in stages is a number."""
    assert live.files[f"{FOLDER}/template"].mode == 0o644


@pytest.mark.contract("3 step keys")
def test_condition_is_heeded(live: NodeFacts) -> None:
    """A step whose `if` does not hold is left out."""
    assert live.order
    assert not live.has(f"{FOLDER}/never")


@pytest.mark.contract("3 the agent's config")
def test_unknown_keys_are_kept(live: NodeFacts) -> None:
    """`config get` prints a key that nobody knows, as YAML."""
    assert (live.answer("word").status, live.answer("word").text.split()[-1]) == (0, WORD)


@pytest.mark.contract("3 the agent's config")
def test_lists_are_printed_as_yaml(live: NodeFacts) -> None:
    """`config get` prints a list as a YAML list."""
    assert re.search(r"^- one\n- two\n*\Z", live.answer("list").text, re.M)


# The agent's answers


@pytest.mark.contract("5 version")
def test_version_is_one_line_with_a_number(live: NodeFacts) -> None:
    """`kairos-agent version` prints a version and ends well."""
    assert live.answer("version").status == 0
    assert re.search(r"\d+\.\d+", live.answer("version").text)


@pytest.mark.contract("5 version")
def test_version_flag_says_the_same(live: NodeFacts) -> None:
    """`--version` is answered too."""
    assert live.answer("flag").status == 0
    assert re.search(r"\d+\.\d+", live.answer("flag").text)


@pytest.mark.contract("5 validate")
def test_valid_config_is_valid(live: NodeFacts) -> None:
    """`validate` ends with 0 for a config with a header and users."""
    assert live.answer("validate-good").status == 0


@pytest.mark.contract("5 validate")
def test_config_without_users_is_not(live: NodeFacts) -> None:
    """`validate` ends with 1 for a config without users, and says so."""
    assert live.answer("validate-bad").status == 1
    assert "missing properties: 'users'" in live.answer("validate-bad").text


@pytest.mark.contract("5 validate")
def test_config_without_header_is_not(live: NodeFacts) -> None:
    """`validate` ends with 1 for a file without a header, and says so."""
    assert live.answer("validate-plain").status == 1
    assert "missing #cloud-config header" in live.answer("validate-plain").text


@pytest.mark.contract("5 state")
def test_state_has_its_shape(live: NodeFacts) -> None:
    """`kairos-agent state` prints YAML, indented by four, with the documented keys."""
    keys = {"uuid", "persistent", "recovery", "oem", "state", "boot", "in_ram", "system", "kairos", "addresses"}
    assert keys - set(live.state) == set()
    indents = {len(line) - len(line.lstrip()) for line in live.text("state").splitlines() if line.startswith(" ")}
    assert min(indents) == 4


@pytest.mark.contract("5 state")
@pytest.mark.parametrize("name", PARTITIONS)
def test_state_tells_of_a_partition(live: NodeFacts, name: str) -> None:
    """A partition in the state has every documented key; none is found on a live node."""
    keys = ("mounted", "name", "label", "filesystemlabel", "mount_point", "size_bytes", "type", "read_only", "found")
    assert [key for key in (*keys, "uuid") if key not in live.state[name]] == []
    assert live.state[name]["found"] is False


@pytest.mark.contract("5 state")
def test_scalars_come_without_a_newline(live: NodeFacts) -> None:
    """`state get` prints scalars raw, without a newline."""
    found = [live.text(f"get:{name}") for name in ("boot", "kairos.version", "oem.mounted", "persistent.found")]
    assert found == ["livecd_boot", live.release["KAIROS_VERSION"], "false", "false"]


@pytest.mark.contract("5 state")
def test_maps_come_in_the_syntax_of_go(live: NodeFacts) -> None:
    """`state get` prints a map in Go's own syntax."""
    assert live.text("get:kairos").startswith("map[")
    assert f"flavor:{live.release['KAIROS_FLAVOR']}" in live.text("get:kairos")


@pytest.mark.contract("5 state")
def test_state_with_another_word_prints_all(live: NodeFacts) -> None:
    """`kairos-agent state boot` prints the whole state."""
    assert live.answer("state-boot").status == 0
    assert "boot: livecd_boot" in live.answer("state-boot").text


@pytest.mark.contract("5 upgrade")
def test_upgrade_is_refused(live: NodeFacts) -> None:
    """`upgrade` is refused on a live medium, with the reason."""
    assert live.answer("upgrade").status != 0
    assert "cannot upgrade from live media/unknown boot state" in live.answer("upgrade").text


@pytest.mark.contract("5 reset")
def test_reset_is_refused(live: NodeFacts) -> None:
    """`reset` is refused outside recovery, with the reason."""
    assert live.answer("reset").status != 0
    assert "reset can only be called from the recovery system" in live.answer("reset").text
