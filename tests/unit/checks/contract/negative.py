"""One thing broken at a time: where, how, and which checks must fail by it; a text is replaced, or taken away whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from imagekit.checks.contract.facts import FOLDER, FactFile, ImageFacts, NodeFacts
from imagekit.checks.contract.marks import NAME, TABLE
from imagekit.checks.contract.model import Phase
from tests.unit.checks.contract.run import Facts
from tests.unit.checks.contract.sample import KERNEL

STATE = "/run/initramfs/cos-state"
LABELS = "/dev/disk/by-label"


@dataclass(frozen=True, slots=True)
class NegativeCase:
    """At a phase: in a section (or file, of an image) `old` becomes `new`; all of it goes when `old` is empty."""

    phase: str
    where: str
    old: str
    new: str | None
    fails: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.phase}: {self.where}: {self.old[:40]!r} -> {self.new if self.new is None else self.new[:40]!r}"

    def apply(self, facts: Facts) -> Facts:
        """The facts with this broken; raises `LookupError` when what is to be broken is not there."""
        phase = Phase(self.phase)
        old = facts[phase]
        if isinstance(old, NodeFacts):
            sections = dict(old.sections)
            _change(sections, self.where, self.old, self.new)
            return {**facts, phase: NodeFacts(sections)}
        contents = dict(old.contents)
        _change(contents, self.where, self.old, self.new)
        return {**facts, phase: replace(old, contents=contents)}


@dataclass(frozen=True, slots=True)
class NegativeFileCase:
    """A file of the image that becomes another thing, or is gone."""

    path: str
    entry: FactFile | None
    fails: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people."""
        return f"image: {self.path}: {self.entry}"

    def apply(self, facts: Facts) -> Facts:
        """The facts with this file broken."""
        image = facts[Phase.IMAGE]
        assert isinstance(image, ImageFacts)
        files = {path: entry for path, entry in image.files.items() if path != self.path}
        if self.entry is not None:
            files[self.path] = self.entry
        return {**facts, Phase.IMAGE: replace(image, files=files)}


@dataclass(frozen=True, slots=True)
class NegativeConfigCase:
    """A key of the image's OCI configuration that becomes another thing."""

    key: str
    value: object
    fails: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people."""
        return f"image: OCI {self.key}: {self.value}"

    def apply(self, facts: Facts) -> Facts:
        """The facts with this key broken."""
        image = facts[Phase.IMAGE]
        assert isinstance(image, ImageFacts)
        return {**facts, Phase.IMAGE: replace(image, config={**image.config, self.key: self.value})}


@dataclass(frozen=True, slots=True)
class NegativeLayersCase:
    """Layers that the agent takes otherwise."""

    unlike: str
    fails: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people."""
        return f"image: {self.unlike}"

    def apply(self, facts: Facts) -> Facts:
        """The facts with this difference."""
        image = facts[Phase.IMAGE]
        assert isinstance(image, ImageFacts)
        return {**facts, Phase.IMAGE: replace(image, unlike=(self.unlike,))}


def _change(texts: dict[str, str], where: str, old: str, new: str | None) -> None:
    if new is None:
        del texts[where]
        return
    if old and old not in texts[where]:
        raise LookupError(f"{where} has no {old!r}")
    texts[where] = texts[where].replace(old, new) if old else texts.get(where, "") + new


def b(phase: str, where: str, old: str, new: str | None, *fails: str) -> NegativeCase:
    """A break."""
    return NegativeCase(phase, where, old, new, fails)


def _named(file: str, checks: tuple[str, ...]) -> Iterator[str]:
    """Ids of checks, of this file where none is said."""
    return (check if "/" in check.partition("[")[0] else f"{file}/{check}" for check in checks)


def _image() -> Iterator[NegativeCase | NegativeFileCase | NegativeConfigCase | NegativeLayersCase]:
    release, menu = "/etc/kairos-release", "/etc/cos/grub.cfg"
    yield b("image", release, 'KAIROS_MODEL="generic"', 'KAIROS_MODEL=""', "image/release_has_every_key")
    yield b("image", release, 'KAIROS_ID="kairos"', 'KAIROS_ID="other"', "image/release_has_every_key")
    yield b("image", release, 'KAIROS_FIPS="false"', "KAIROS_FIPS=false", "image/release_is_quoted_and_sorted")
    yield b("image", release, "", 'KAIROS_A="x"\n', "image/release_is_quoted_and_sorted")
    versions = "image/version_is_semantic_and_has_one_value"
    yield b("image", release, 'KAIROS_VERSION="v1.0.0"', 'KAIROS_VERSION="1.0"', versions, "image/version_label_agrees")
    yield b("image", release, 'KAIROS_RELEASE="v1.0.0"', 'KAIROS_RELEASE="v1.0.1"', versions)
    named = "image/name_is_made_of_variant_and_distribution"
    yield b("image", release, 'KAIROS_NAME="kairos-core-', 'KAIROS_NAME="kairos-', named)
    yield b("image", "/usr/lib/os-release", '"13"', '"12"', "image/flavor_is_the_distribution")
    yield b(
        "image",
        release,
        'KAIROS_TARGETARCH="amd64"',
        'KAIROS_SOFTWARE_VERSION="v1"\nKAIROS_TARGETARCH="amd64"',
        "image/variant_says_whether_there_is_a_provider",
    )
    yield b("image", release, 'KAIROS_ARCH="amd64"', 'KAIROS_ARCH="arm64"', "image/architecture_has_one_value")
    yield NegativeLayersCase("/etc/x is left out", ("image/an_upgrade_brings_the_same_files",))
    yield NegativeConfigCase("os", "windows", ("image/oci_configuration_is_a_linux_image",))
    yield NegativeConfigCase(
        "rootfs", {"type": "layers", "diff_ids": []}, ("image/oci_configuration_is_a_linux_image",)
    )
    label = {"Labels": {"org.opencontainers.image.version": "v0"}}
    yield NegativeConfigCase("config", label, ("image/version_label_agrees",))
    for name, *checks in (
        ("/boot/vmlinuz", "kernel_is_an_absolute_link", "exactly_one_kernel"),
        (f"/boot/vmlinuz-{KERNEL}", "kernel_is_an_absolute_link"),
        ("/boot/initrd", "initrd_is_a_regular_file"),
        (f"/usr/lib/modules/{KERNEL}", "exactly_one_kernel"),
        ("/usr/bin/kairos-agent", "program_is_a_link_to_the_one_binary[kairos-agent]"),
        ("/usr/bin/immucore", "program_is_a_link_to_the_one_binary[immucore]"),
        ("/usr/bin/sudo", "sudo_is_privileged"),
        ("/etc/kairos/branding/grubmenu.cfg", "branding_is_there"),
        ("/etc/dracut.conf.d/99-immucore.conf", "initrd_is_made_with_immucore"),
        ("/etc/kairos/kairos-init-init-stage.yaml", "stages_left_their_trace"),
        ("/etc/systemd/system/systemd-firstboot.service", "firstboot_does_not_ask"),
        ("/usr/lib/systemd/system/getty@.service", "getty_is_not_masked[getty@.service]"),
        ("/usr/lib/systemd/system/serial-getty@.service", "getty_is_not_masked[serial-getty@.service]"),
        ("/var/lock", "lock_folder"),
        ("/usr/sbin/grub-install", "grub_for_bios"),
        ("/usr/lib/grub/i386-pc", "grub_for_bios"),
        ("/usr/lib/shim/shimx64.efi.signed", "grub_for_uefi"),
        ("/usr/bin/grub2-editenv", "both_names_of_the_editor"),
        *((f"/usr/sbin/{name}", f"program_for_installing[{name}]") for name in _PROGRAMS),
    ):
        yield NegativeFileCase(name, None, tuple(f"image/{check}" for check in checks))
    file = FactFile("f", 0o644, 33)
    yield NegativeFileCase("/boot/initrd-6.1", file, ("image/initrd_is_a_regular_file",))
    yield NegativeFileCase("/usr/lib/modules/6.1", file, ("image/exactly_one_kernel",))
    yield NegativeFileCase("/etc/ssh/ssh_host_rsa_key", file, ("image/no_host_key",))
    yield NegativeFileCase("/etc/machine-id", file, ("image/identity_is_empty[machine-id]",))
    yield NegativeFileCase("/etc/hostname", file, ("image/identity_is_empty[hostname]",))
    yield NegativeFileCase("/tmp/x", file, ("image/nothing_is_left_over[/tmp]",))
    yield NegativeFileCase("/var/tmp/x", file, ("image/nothing_is_left_over[/var/tmp]",))
    yield NegativeFileCase("/var/lib/apt/lists/x_Packages", file, ("image/package_lists_are_gone",))
    yield NegativeFileCase("/usr/bin/sudo", replace(file, mode=0o755), ("image/sudo_is_privileged",))
    yield NegativeFileCase("/system/oem/extra.yaml", file, ("image/default_cloud_configs",))
    rootfs = "/system/oem/00_rootfs.yaml"
    yield b("image", rootfs, "RW_PATHS", "OTHER", "image/layout_is_written_in_stage_rootfs")
    writer = "rootfs:\n  - {environment_file: /run/cos/cos-layout.env, environment: {A: b}}\n  -"
    one_writer = "image/an_environment_file_has_one_writer_in_a_stage"
    yield b("image", "/system/oem/00_datasource.yaml", "rootfs:\n  -", writer, one_writer)
    yield b("image", "/system/oem/00_datasource.yaml", "cdrom", "aws", "image/user_data_come_from_a_nocloud_disk")
    yield b("image", menu, "--id fallback", "--id other", "image/menu_has_the_entries")
    for name in ("/grub_oem_env", "/grubenv", "/grubmenu", "/grubcustom", "next_entry", "saved_entry"):
        yield b("image", menu, name, "nothing", f"image/menu_reads_the_variables[{name}]")
    for word in _WORDS:
        yield b("image", "/etc/cos/bootargs.cfg", word, "nothing", f"image/command_line_is_built_from[{word}]")
    yield b("image", "/etc/ssh/sshd_config.d/05-kairos-hardening.conf", "MaxAuthTries 2", "", "image/ssh_is_hardened")


_PROGRAMS = ("rsync", "mkfs.ext2", "mkfs.ext4", "mkfs.vfat", "tune2fs", "blkid", "lsblk")
_WORDS = (
    "rd.cos.oemlabel=",
    "rd.emergency=reboot",
    "rd.shell=0",
    "panic=5",
    "systemd.crash_reboot=yes",
    "cos-img/filename=",
    "extra_cmdline",
    "extra_active_cmdline",
    "extra_passive_cmdline",
    "extra_recovery_cmdline",
)


def _live() -> Iterator[NegativeCase]:
    def at(where: str, old: str, new: str | None, *checks: str) -> NegativeCase:
        return b("live", where, old, new, *_named("live", checks))

    order = f"file:{FOLDER}/order"
    yield at("file:/run/cos/live_mode", "", None, "sentinel_is_live_alone")
    yield at("get:boot", "", "\n", "agent_says_livecd", "scalars_come_without_a_newline")
    yield at(
        "mounts",
        " /run/initramfs/live ro - iso9660 /dev/vdb ro",
        " /run/initramfs/live rw - iso9660 /dev/vdb rw",
        "medium_is_mounted",
    )
    yield at("mounts", "/run/rootfsbase ro", "/run/other ro", "image_is_mounted_for_the_installer")
    yield at("mounts", "upperdir=", "nothing=", "root_forgets")
    yield at("mounts", "", "\n36 35 98:0 / /oem rw - ext4 /dev/vda2 rw", "nothing_of_a_disk_is_mounted")
    yield at("file:/run/cos/cos-layout.env", "RW_PATHS", "OTHER", "layout_is_there_all_the_same")
    yield at("files", "immucore.log", "immucore.txt", "immucore_left_its_log")
    yield at("file:/etc/machine-id", "", "x", "machine_id_is_made")
    for unit in ("cos-setup-fs.service", "cos-setup-boot.service", "cos-setup-network.service"):
        yield at(
            "units", f"{unit} loaded active", f"{unit} loaded failed", f"unit_of_a_stage_ran[{unit}]", "no_unit_failed"
        )
    yield at(
        "units",
        "cos-setup-reconcile.timer loaded active",
        "cos-setup-reconcile.timer loaded inactive",
        "reconcile_comes_by_timer",
    )
    yield at("units", "", "x.service loaded failed failed x\n", "no_unit_failed")
    yield at("group", ":900:", ":901:", "group_admin_is_sudo")
    for word in ("permitrootlogin no", "maxauthtries 2", "allowtcpforwarding no", "allowagentforwarding no"):
        yield at("sshd", word, "", f"sshd_says[{word}]")
    yield at(order, "fs config\n", "", "stages_come_in_order")
    yield at(order, "boot config\n", "boot.before config\nboot config\n", "stages_come_in_order")
    yield at(order, "network.after config\n", "", "stages_come_in_order")
    yield at(
        order, "fs.after config\nboot.before config\n", "boot.before config\nfs.after config\n", "stages_come_in_order"
    )
    yield at(order, "runcmd config\n", "", "runcmd_is_run_in_stage_boot")
    yield at("passwd", "/bin/sh", "/bin/bash", "users_are_made")
    yield at("keys", "AAAA", "x", "users_get_their_keys")
    for name, mode, owner in (("written", 416, "root:admin"), ("decoded", 384, "root:root")):
        check = f"files_are_written[{name}-{name}\n-{mode}-{owner}]"
        yield at(f"file:{FOLDER}/{name}", name, "other", check)
        yield at("files", f"{mode:o}\t{owner}", f"777\t{owner}", check)
    yield at("hostname", "live", "other", "host_name_is_set", "templates_are_filled")
    yield at(f"file:{FOLDER}/template", "conformance-live", "{{ .Values.node.hostname }}", "templates_are_filled")
    yield at(f"file:{FOLDER}/unknown", "{{ trunc 4 .MachineID }}", "0123", "a_template_that_cannot_be_filled_stays")
    yield at("files", "644\troot:root\tf\t5\t", "420\troot:root\tf\t5\t", "permissions_in_stages_are_numbers")
    yield at("files", "", f"644\troot:root\tf\t0\t{FOLDER}/never\t\n", "condition_is_heeded")
    yield at("run:word", "kept", "lost", "unknown_keys_are_kept")
    yield at("run:list", "- one\n- two", "[one two]", "lists_are_printed_as_yaml")
    yield at("rc:version", "0", "1", "version_is_one_line_with_a_number")
    yield at("rc:flag", "0", "1", "version_flag_says_the_same")
    yield at("rc:validate-good", "0", "1", "valid_config_is_valid")
    yield at("rc:validate-bad", "1", "0", "config_without_users_is_not")
    yield at("run:validate-bad", "users", "others", "config_without_users_is_not")
    yield at("rc:validate-plain", "1", "0", "config_without_header_is_not")
    yield at("state", "addresses", "other", "state_has_its_shape")
    for name in ("persistent", "recovery", "oem", "state"):
        yield at(
            "state",
            f"{name}:\n    mounted: false\n",
            f"{name}:\n",
            f"state_tells_of_a_partition[{name}]",
            "nothing_of_a_disk_is_mounted",
        )
    yield at("get:oem.mounted", "", "\n", "scalars_come_without_a_newline")
    yield at("get:kairos", "map[", "{", "maps_come_in_the_syntax_of_go")
    yield at("run:state-boot", "boot: livecd_boot", "", "state_with_another_word_prints_all")
    yield at("rc:upgrade", "1", "0", "upgrade_is_refused")
    yield at("run:upgrade", "cannot upgrade", "will not", "upgrade_is_refused")
    yield at("run:reset", "recovery", "x", "reset_is_refused")
    yield at("rc:install-nobody", "1", "0", "install/a_config_without_an_admin_is_refused")
    yield at(
        "rc:install-large",
        "1",
        "0",
        "install/a_layout_that_does_not_fit_is_refused",
        "install/a_refused_installation_writes_nothing",
    )
    yield at("run:still-blank", "1234", "9999", "install/a_refused_installation_writes_nothing")


def _install() -> Iterator[NegativeCase]:
    def at(where: str, old: str, new: str | None, *checks: str) -> NegativeCase:
        return b("install", where, old, new, *_named("install", checks))

    yield at("run:install", "after-install", "x", "it_ends_well")
    after = (
        "install/bind_mounts_are_mounted",
        "installed/option_of_the_installation_is_last",
        "installed/stages_of_the_installed_config_come_in_order",
    )
    yield at("rc:install", "0", "1", "it_ends_well", *after)
    yield at("parts", 'PTTYPE="gpt"', 'PTTYPE="dos"', "table_is_gpt")
    yield at("parts", 'SIZE="1048576"', 'SIZE="2097152"', "first_partition_boots")
    yield at("starts", "vda1 2048", "vda1 34", "first_partition_boots")
    yield at("starts", "vda2 4096", "vda2 99999999", "partitions_come_in_order")
    for label in ("COS_OEM", "COS_RECOVERY", "COS_STATE", "COS_PERSISTENT"):
        yield at(
            "parts", f'FSTYPE="ext4" LABEL="{label}"', f'FSTYPE="ext2" LABEL="{label}"', f"partition_is_ext4[{label}]"
        )
        yield at(
            "parts", f'LABEL="{label}" PARTUUID="', f'LABEL="{label}" PARTUUID="0', f"partition_has_a_fixed_id[{label}]"
        )
    yield at("parts", f'SIZE="{64 << 20}"', f'SIZE="{65 << 20}"', "oem_is_small")
    yield at("parts", f'SIZE="{10472 << 20}"', f'SIZE="{1000 << 20}"', "persistent_takes_the_rest")
    yield at("parts", f'SIZE="{3787 << 20}"', f'SIZE="{2000 << 20}"', "state_has_room_for_three")
    for part, name, label in (
        ("COS_STATE", "active.img", "COS_ACTIVE"),
        ("COS_STATE", "passive.img", "COS_PASSIVE"),
        ("COS_RECOVERY", "recovery.img", "COS_SYSTEM"),
    ):
        yield at(f"images:{part}", f"{label} ext2", f"{label} ext4", f"system_is_an_image_file[{part}-{name}-{label}]")
    yield at("images:COS_STATE", "", "transition.img COS_ACTIVE ext2 1 1\n", "no_other_image_is_left")
    yield at("tree:COS_STATE", "\tgrub/grub.cfg\t", "\tgrub/other.cfg\t", "menu_is_on_the_state_partition")
    yield at("tree:COS_STATE", "\t1024\tgrub_oem_env", "\t9\tgrub_oem_env", "environment_blocks_have_their_size")
    for name in ("grubmenu", "grubcustom", "grub_boot_assessment"):
        yield at("tree:COS_STATE", f"\t{name}\t", "\tother\t", f"hooks_of_the_menu_are_there[{name}]")
    yield at("on:COS_STATE/grubcustom", "assessment", "x", "assessment_is_hooked_in")
    yield at(
        "parts",
        'NAME="vda1" MAJ:MIN="254:1" TYPE="part" SIZE="1048576" FSTYPE="" LABEL=""',
        'NAME="vda1" MAJ:MIN="254:1" TYPE="part" SIZE="67108864" FSTYPE="vfat" LABEL="COS_GRUB"',
        "uefi_finds_its_loader",
    )
    yield at("tree:COS_OEM", "640\t", "644\t", "config_is_kept")
    yield at("on:COS_OEM/90_custom.yaml", "#cloud-config", "# config", "config_is_kept")
    yield at("on:COS_OEM/grubenv", "extra_cmdline", "other", "grub_options_are_kept")
    yield at("tree:COS_OEM", "\t1024\t", "\t900\t", "environment_blocks_have_their_size")
    yield at("on:COS_OEM/10_user_custom_mounts.yaml", "conformance", "x", "bind_mounts_are_kept")
    yield at("mounted", "", "/dev/vda2 /oem ext4\n", "nothing_stays_mounted")


def _first() -> Iterator[NegativeCase]:
    def at(where: str, old: str, new: str | None, *checks: str) -> NegativeCase:
        return b("first", where, old, new, *_named("installed", checks))

    for word in _LINE:
        yield at("cmdline", f"{word}", "nothing", f"command_line_has[{word}]")
    yield at("cmdline", "\n", " netboot\n", "command_line_says_nothing_else_of_the_mode")
    yield at("cmdline", "imagekit.conformance=one", "", "option_of_the_installation_is_last")
    yield at("file:/run/cos/active_mode", "", "\n", "sentinel_is_active_alone")
    yield at("get:boot", "active", "passive", "agent_says_active")
    yield at("loops", "active.img", "passive.img", "root_is_the_image_read_only")
    yield at("write", "", "written\n", "root_refuses_a_write")
    for path in ("/etc", "/var", "/srv"):
        yield at("mounts", f" {path} rw - overlay", f" {path} rw - ext4", f"path_is_written_in_memory[{path}]")
    yield at(
        "mounts",
        " /usr/local rw - ext4 ",
        " /usr/local ro - ext4 ",
        "partition_is_mounted[/usr/local-COS_PERSISTENT-rw]",
    )
    yield at(
        "mounts",
        "254:2 / /oem rw - ext4 ",
        "254:3 / /oem rw - ext4 ",
        "partition_is_mounted[/oem-COS_OEM-rw]",
        "recovery_is_not_mounted",
    )
    yield at(
        "mounts",
        f" {STATE} ro - ext4 {LABELS}/COS_STATE ro",
        f" {STATE} rw - ext4 {LABELS}/COS_STATE rw",
        f"partition_is_mounted[{STATE}-COS_STATE-ro]",
    )
    yield at("files", "770\troot:admin", "755\troot:root", "oem_is_for_admins_only")
    for label in ("COS_OEM", "COS_RECOVERY", "COS_STATE", "COS_PERSISTENT"):
        yield at(
            "devices",
            f'LABEL="{label}" PARTUUID="',
            f'LABEL="{label}" PARTUUID="0',
            f"partition_has_a_fixed_id[{label}]",
            "boots/reset_keeps_the_partitions",
        )
    for path in _BINDS:
        yield at(
            "mounts",
            f"254:5 / {path} rw - ext4 {LABELS}/COS_PERSISTENT",
            f"0:99 / {path} rw - tmpfs tmpfs",
            f"persistent_path_is_bound[{path}]",
        )
    yield at("file:/run/cos/cos-layout.env", "/home", "/other", "layout_names_what_is_bound")
    for name in ("hostname", "hosts"):
        yield at(
            "files",
            f"777\troot:root\tl\t0\t/etc/{name}\t",
            f"644\troot:root\tf\t0\t/etc/{name}\t",
            f"name_is_kept_in_usr_local[{name}]",
        )
    yield at("file:/etc/fstab", "/usr/local", "/other", "fstab_is_generated")
    yield at("system", "running", "degraded", "system_is_running")
    for unit in ("cos-setup-fs.service", "cos-setup-boot.service", "cos-setup-network.service"):
        yield at(
            "units",
            f"{unit} loaded active",
            f"{unit} loaded failed",
            f"unit_of_a_stage_ran[{unit}]",
            "system_is_running",
        )
    yield at(
        "units",
        "cos-setup-reconcile.timer loaded active",
        "cos-setup-reconcile.timer loaded inactive",
        "reconcile_comes_by_timer",
    )
    for check, old in (
        ("persistent-/usr/local-COS_PERSISTENT-False", "filesystemlabel: COS_PERSISTENT"),
        ("oem-/oem-COS_OEM-False", "filesystemlabel: COS_OEM"),
        (f"state-{STATE}-COS_STATE-True", "filesystemlabel: COS_STATE"),
    ):
        yield at("state", old, "filesystemlabel: x", f"state_tells_of_a_mounted_partition[{check}]")
    yield at("state", "filesystemlabel: COS_RECOVERY", "filesystemlabel: x", "state_tells_of_the_recovery_partition")
    yield at("get:state.read_only", "true", "false", "leaves_come_without_a_newline")
    yield at(
        "hostname",
        "conformance",
        "other",
        "host_name_is_that_of_the_config",
        "persistence/identity_outlives_a_reboot[hostname]",
        "persistence/identity_outlives_an_upgrade[hostname]",
    )
    yield at("passwd", "prober:", "other:", "users_of_the_config_are_made")
    yield at(f"file:{FOLDER}/written", "", None, "files_of_the_config_are_written")
    yield at(f"file:{FOLDER}/order", "rootfs.before config\n", "", "stages_of_the_installed_config_come_in_order")
    yield at(
        "file:/etc/machine-id",
        "",
        "x",
        "machine_id_is_made",
        "persistence/identity_outlives_a_reboot[file:/etc/machine-id]",
        "persistence/identity_outlives_an_upgrade[file:/etc/machine-id]",
    )
    yield at(
        "mounts", " /var/lib/conformance rw - ext4", " /var/lib/other rw - ext4", "install/bind_mounts_are_mounted"
    )
    yield at("rc:unknown", "1", "0", "unknown_entry_is_refused")
    yield at("run:unchanged", "", "x", "unknown_entry_is_refused")
    yield at("run:selected", "fallback", "cos", "known_entry_is_taken")
    yield at("rc:reset-active", "1", "0", "reset_is_refused")
    yield at("rc:as-user", "1", "0", "upgrade_needs_root")
    yield at("run:as-user", "root", "other", "upgrade_needs_root")


_LINE = (
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
)
_BINDS = ("/etc/ssh", "/etc/systemd", "/etc/modprobe.d", "/home", "/opt", "/root", "/var/log", "/usr/libexec")


def _later() -> Iterator[NegativeCase]:
    order, env, block = f"file:{FOLDER}/order", "file:/oem/grubenv", f"file:{STATE}/boot_assessment"
    yield b("passive", "cmdline", "COS_PASSIVE", "COS_ACTIVE", "boots/next_entry_is_followed")
    yield b("passive", env, "conformance.any=1", "x\nnext_entry=cos", "boots/next_entry_is_used_once")
    yield b("again", "cmdline", "COS_ACTIVE", "COS_PASSIVE", "boots/next_entry_is_used_once")
    yield b("passive", "file:/run/cos/passive_mode", "1", "2", "boots/sentinel_is_passive_alone")
    yield b("passive", "get:boot", "passive", "active", "boots/agent_says_passive")
    yield b("passive", "cmdline", "conformance.any=1", "", "boots/words_for_every_mode_reach_the_command_line")
    yield b(
        "again",
        "cmdline",
        "conformance.active=1",
        "conformance.passive=1",
        "boots/words_for_one_mode_reach_that_mode_alone",
    )
    yield b("passive", "mounts", " /oem ", " /other ", "boots/passive_keeps_the_promises_of_active")
    for stage in ("boot.before", "boot", "boot.after"):
        yield b(
            "again",
            order,
            f"{stage} config\n{stage} 97\n",
            f"{stage} 97\n{stage} config\n",
            f"boots/files_come_in_their_order[{stage}]",
        )
        yield b(
            "again",
            order,
            f"{stage} 97\n{stage} 50\n",
            f"{stage} 50\n{stage} 97\n",
            f"boots/files_come_in_their_order[{stage}]",
        )
    yield b(
        "again",
        order,
        "boot.before 50\nboot 05\n",
        "boot 05\nboot.before 50\n",
        "boots/parts_of_a_stage_wait_for_one_another",
    )
    yield b("again", order, "rootfs.before config\n", "", "boots/every_stage_is_run_at_every_boot")
    yield b("again", order, "runcmd config\n", "", "boots/runcmd_is_run_at_every_boot")
    yield b("recovery", "cmdline", "/cOS/recovery.img", "/cOS/active.img", "boots/saved_entry_is_the_default")
    yield b("recovery", "cmdline", "COS_SYSTEM", "COS_RECOVERY", "boots/recovery_is_booted_by_its_label")
    yield b("recovery", "file:/run/cos/recovery_mode", "", None, "boots/sentinel_is_recovery_alone")
    yield b("recovery", "get:boot", "recovery", "unknown", "boots/agent_says_recovery")
    yield b(
        "recovery",
        "mounts",
        "",
        "\n36 35 254:5 / /mnt rw - ext4 /dev/vda5 rw",
        "boots/recovery_mounts_no_persistent_data",
    )
    yield b(
        "recovery", "file:/etc/kairos-release", "v1.0.0", "v2.0.0", "boots/recovery_has_the_version_of_the_installation"
    )
    yield b("reset", "rc:reset", "0", "1", "boots/reset_ends_well")
    yield b("reset", "get:boot", "active", "recovery", "boots/reset_brings_the_active_system_back")
    yield b("reset", "file:/etc/kairos-release", "v1.0.0", "v2.0.0", "boots/reset_installs_recovery_s_version")
    yield b("reset", "devices", f'SIZE="{2058 << 20}"', 'SIZE="1"', "boots/reset_keeps_the_partitions")
    yield b("reset", "hostname", "conformance", "other", "boots/config_is_read_after_a_reset")
    nothing = "upgrade/a_failed_upgrade_changes_nothing"
    yield b("upgrade", "rc:nowhere", "1", "0", nothing)
    yield b("upgrade", "run:after-nowhere", "passive.img", "passive.img\ntransition.img", nothing)
    yield b("upgrade", "run:after-nowhere", "conformance.any=1", "x\nnext_entry=cos", nothing)
    yield b("upgraded", "file:/usr/local/.kairos-state", "2026-08-21T10:00:00Z", "never", "upgrade/upgrade_is_recorded")
    yield b("upgrade", "run:upgrade", "completed", "x", "upgrade/it_ends_well")
    yield b("upgrade", "bootid", "3", "9", "upgrade/it_does_not_reboot")
    yield b("upgrade", env, "next_entry=cos", "next_entry=fallback", "upgrade/next_boot_is_the_new_system")
    yield b("upgrade", block, "=yes", "=", "upgrade/assessment_is_switched_on")
    yield b(
        "upgrade", "labels", "passive.img COS_PASSIVE", "passive.img COS_ACTIVE", "upgrade/images_have_their_labels"
    )
    yield b(
        "upgrade",
        "mounts",
        f" {STATE} ro - ext4 {LABELS}/COS_STATE ro",
        f" {STATE} rw - ext4 {LABELS}/COS_STATE rw",
        "upgrade/state_is_read_only_again",
    )
    yield b("upgraded", "get:kairos.version", "v9999", "v1", "upgrade/new_version_runs")
    yield b("upgraded", "file:/etc/imagekit-conformance-new", "", None, "upgrade/new_file_is_there")
    yield b("upgraded", "file:/opt/imagekit-conformance-new", "", None, "upgrade/new_file_arrives_in_a_persistent_path")
    yield b("upgraded", env, "conformance.any=1", "x\nnext_entry=cos", "upgrade/next_entry_is_used_up")
    for key in ("enable_boot_assessment", "boot_assessment_tentative"):
        yield b("upgraded", block, "#", f"{key}=yes\n#", f"upgrade/assessment_is_over[{key}]")
    yield b("upgraded", "cmdline", "conformance.any=1", "", "upgrade/options_survive")
    yield b("upgraded", "units", "", "x.service loaded failed failed x\n", "upgrade/no_unit_failed")
    yield b("upgraded", "labels", "COS_PASSIVE", "COS_ACTIVE", "upgrade/both_images_stay")


def _persistence() -> Iterator[NegativeCase | Lost]:
    for path, kept in TABLE.items():
        for phase, event in (("again", "reboot"), ("upgraded", "upgrade"), ("reset", "reset")):
            where, there = f"file:{path}/{NAME}", getattr(kept, event)
            opt = path == "/opt" and phase == "upgraded"
            more = ("upgrade/new_file_arrives_in_a_persistent_path",) if opt else ()
            yield Lost(phase, where, there, (f"persistence/{event}[{path}]", *more))
    yield b("passive", f"file:/home/{NAME}", "", None, "persistence/the_other_system_has_the_same_data")
    yield b(
        "first",
        "run:planted",
        "/srv\n",
        "",
        *(f"persistence/{event}[/srv]" for event in ("reboot", "upgrade", "reset")),
    )
    yield b("again", "file:/etc/motd", "Kairos", "nobody", "persistence/a_file_of_the_image_comes_back")
    for section in ("file:/etc/machine-id", "hostname", "hostkey"):
        yield b("again", section, "", "x", f"persistence/identity_outlives_a_reboot[{section}]")
        yield b("upgraded", section, "", "x", f"persistence/identity_outlives_an_upgrade[{section}]")
    yield b("again", "bootid", "3", "1", "persistence/it_was_another_boot", "upgrade/it_does_not_reboot")


@dataclass(frozen=True, slots=True)
class Lost:
    """A mark that is gone where it should be kept, or there where it should be lost."""

    phase: str
    where: str
    there: bool
    fails: tuple[str, ...]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.phase}: {self.where} {'lost' if self.there else 'kept'}"

    def apply(self, facts: Facts) -> Facts:
        """The facts with this mark the other way round."""
        phase = Phase(self.phase)
        old = facts[phase]
        assert isinstance(old, NodeFacts)
        sections = {name: text for name, text in old.sections.items() if name != self.where}
        assert (len(sections) < len(old.sections)) == self.there
        return {**facts, phase: NodeFacts(sections if self.there else {**sections, self.where: "first\n"})}


AnyNegativeCase = NegativeCase | NegativeFileCase | NegativeConfigCase | NegativeLayersCase | Lost


def every_negative_case() -> Iterator[AnyNegativeCase]:
    """All of them."""
    yield from _image()
    yield from _live()
    yield from _install()
    yield from _first()
    yield from _later()
    yield from _persistence()
