"""The image as it lies in a registry, before anything is booted."""

from __future__ import annotations

import re

import pytest
import yaml

from imagekit.checks.contract.facts import ImageFacts

pytestmark = pytest.mark.contract("1 image")

KEYS = (
    "KAIROS_ID",
    "KAIROS_ID_LIKE",
    "KAIROS_NAME",
    "KAIROS_VERSION",
    "KAIROS_RELEASE",
    "KAIROS_ARCH",
    "KAIROS_TARGETARCH",
    "KAIROS_FLAVOR",
    "KAIROS_FLAVOR_RELEASE",
    "KAIROS_FAMILY",
    "KAIROS_MODEL",
    "KAIROS_VARIANT",
    "KAIROS_FIPS",
    "KAIROS_TRUSTED_BOOT",
    "KAIROS_INIT_VERSION",
    "KAIROS_BUG_REPORT_URL",
    "KAIROS_HOME_URL",
)
PROVIDER_KEYS = ("KAIROS_SOFTWARE_VERSION", "KAIROS_SOFTWARE_VERSION_PREFIX")
SEMVER = re.compile(r"v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


def test_release_has_every_key(image: ImageFacts) -> None:
    """/etc/kairos-release holds every key that the framework writes, none of them empty."""
    assert [key for key in KEYS if not image.release.get(key)] == []
    assert image.release["KAIROS_ID"] == "kairos"


@pytest.mark.contract("7 quirks", basis="seen")
def test_release_is_quoted_and_sorted(image: ImageFacts) -> None:
    """Values of /etc/kairos-release are in double quotes except plain numbers, and the keys are sorted."""
    lines = image.contents["/etc/kairos-release"].splitlines()
    odd = [line for line in lines if line and not re.fullmatch(r'[A-Z0-9_]+=("[^"]*"|\d+)', line)]
    assert odd == []
    keys = [line.partition("=")[0] for line in lines if line]
    assert keys == sorted(keys)


def test_version_is_semantic_and_has_one_value(image: ImageFacts) -> None:
    """Version and release are one semantic version with a v in front, so that versions can be compared."""
    assert SEMVER.fullmatch(image.release["KAIROS_VERSION"])
    assert image.release["KAIROS_RELEASE"] == image.release["KAIROS_VERSION"]


def test_name_is_made_of_variant_and_distribution(image: ImageFacts) -> None:
    """The image's name is kairos-<variant>-<distribution>-<its version>."""
    release = image.release
    wanted = "-".join(("kairos", *(release[f"KAIROS_{key}"] for key in ("VARIANT", "FLAVOR", "FLAVOR_RELEASE"))))
    assert (release["KAIROS_NAME"], release["KAIROS_ID_LIKE"]) == (wanted, wanted)


def test_flavor_is_the_distribution(image: ImageFacts) -> None:
    """Flavor and flavor release are those of os-release."""
    found = image.release["KAIROS_FLAVOR"], image.release["KAIROS_FLAVOR_RELEASE"]
    assert found == (image.os_release["ID"], image.os_release["VERSION_ID"])


def test_variant_says_whether_there_is_a_provider(image: ImageFacts) -> None:
    """Variant core comes without a provider's keys, standard with them."""
    there = [key for key in PROVIDER_KEYS if image.release.get(key)]
    assert there == {"core": [], "standard": list(PROVIDER_KEYS)}[image.release["KAIROS_VARIANT"]]


def test_architecture_has_one_value(image: ImageFacts) -> None:
    """Architecture and target architecture are that of the OCI configuration."""
    found = {image.release["KAIROS_ARCH"], image.release["KAIROS_TARGETARCH"], image.config["architecture"]}
    assert len(found) == 1


def test_oci_configuration_is_a_linux_image(image: ImageFacts) -> None:
    """The OCI configuration names Linux, an architecture and the layers it is made of."""
    assert image.config["os"] == "linux"
    assert image.config["architecture"] in ("amd64", "arm64")
    root = image.config["rootfs"]
    assert root["type"] == "layers"
    assert root["diff_ids"]
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in root["diff_ids"])


def test_version_label_agrees(image: ImageFacts) -> None:
    """A version label, where there is one, is the version in /etc/kairos-release."""
    labels = (image.config.get("config") or {}).get("Labels") or {}
    label = labels.get("org.opencontainers.image.version")
    assert label is None or label == image.release["KAIROS_VERSION"]


def test_kernel_is_an_absolute_link(image: ImageFacts) -> None:
    """/boot/vmlinuz is an absolute link to a kernel with its version in /boot."""
    entry = image.files["/boot/vmlinuz"]
    assert entry.kind == "l"
    assert re.fullmatch(r"/boot/vmlinu[xz]-.+", entry.target)
    kernel = image.files[entry.target]
    assert (kernel.kind, kernel.size > 1_000_000) == ("f", True)


def test_initrd_is_a_regular_file(image: ImageFacts) -> None:
    """/boot/initrd is a regular file with content, and the only initrd there is."""
    entry = image.files["/boot/initrd"]
    assert (entry.kind, entry.size > 1_000_000) == ("f", True)
    names = [name for name in image.below("/boot") if name.startswith(("initrd", "initramfs"))]
    assert names == ["initrd"]


def test_exactly_one_kernel(image: ImageFacts) -> None:
    """/usr/lib/modules holds exactly one kernel, and it is the one that /boot/vmlinuz is."""
    names = image.below("/usr/lib/modules")
    assert len(names) == 1
    assert image.files["/boot/vmlinuz"].target.endswith(f"-{names[0]}")


@pytest.mark.parametrize("name", ["kairos-agent", "immucore"])
def test_program_is_a_link_to_the_one_binary(image: ImageFacts, name: str) -> None:
    """The program is an absolute link to the multi-call binary /usr/bin/kairos."""
    entry = image.files[f"/usr/bin/{name}"]
    assert (entry.kind, entry.target) == ("l", "/usr/bin/kairos")
    binary = image.files["/usr/bin/kairos"]
    assert (binary.kind, binary.mode & 0o111) == ("f", 0o111)


def test_no_host_key(image: ImageFacts) -> None:
    """The image holds no SSH host key, or all nodes would share it."""
    assert [path for path in image.files if re.fullmatch(r"/etc/ssh/ssh_host_.*", path)] == []


@pytest.mark.parametrize("name", ["machine-id", "hostname"])
def test_identity_is_empty(image: ImageFacts, name: str) -> None:
    """The file is there and empty, or not there: every node makes its own."""
    entry = image.files.get(f"/etc/{name}")
    assert entry is None or (entry.kind, entry.size) == ("f", 0)


def test_default_cloud_configs(image: ImageFacts) -> None:
    """/system/oem holds cloud-configs, named in the order in which they run, each a mapping with stages."""
    names = image.below("/system/oem")
    configs = [name for name in names if name.endswith((".yaml", ".yml"))]
    assert {"00_datasource.yaml", "00_rootfs.yaml"} <= set(configs)
    assert [name for name in configs if not re.match(r"\d\d[_-]", name)] == []
    parsed = {name: yaml.safe_load(image.contents[f"/system/oem/{name}"]) for name in configs}
    assert [name for name, data in parsed.items() if not isinstance(data, dict) or "stages" not in data] == []


def test_layout_is_written_in_stage_rootfs(image: ImageFacts) -> None:
    """A default cloud-config writes /run/cos/cos-layout.env in stage rootfs, with the writable and persistent paths."""
    text = image.contents["/system/oem/00_rootfs.yaml"]
    assert "rootfs" in "".join(yaml.safe_load(text)["stages"])
    wanted = ("/run/cos/cos-layout.env", "VOLUMES", "OVERLAY", "RW_PATHS", "PERSISTENT_STATE_PATHS")
    assert [word for word in wanted if word not in text] == []


@pytest.mark.contract("2 writable state", basis="seen")
def test_an_environment_file_has_one_writer_in_a_stage(image: ImageFacts) -> None:
    """No two default cloud-configs write one environment file in a stage: they run side by side, and one is lost."""
    writers = dict[tuple[str, str], set[str]]()
    for path, text in image.contents.items():
        data = yaml.safe_load(text) if re.fullmatch(r"/system/oem/[^/]+\.ya?ml", path) else None
        for stage, steps in (data.get("stages") or {}).items() if isinstance(data, dict) else ():
            for file in {step["environment_file"] for step in steps if step.get("environment_file")}:
                writers.setdefault((stage, file), set()).add(path)
    assert {where: sorted(names) for where, names in writers.items() if len(names) > 1} == {}


def test_user_data_come_from_a_nocloud_disk(image: ImageFacts) -> None:
    """The datasource cdrom is among those the image asks at boot."""
    assert "cdrom" in image.contents["/system/oem/00_datasource.yaml"]


@pytest.mark.contract("2 GRUB entries")
def test_menu_has_the_entries(image: ImageFacts) -> None:
    """/etc/cos/grub.cfg has the entries cos, fallback, recovery and statereset."""
    text = image.contents["/etc/cos/grub.cfg"]
    ids = set(re.findall(r"--id[= ]+[\"']?(\w+)", text))
    assert {"cos", "fallback", "recovery", "statereset"} - ids == set()


@pytest.mark.contract("2 GRUB variables")
@pytest.mark.parametrize("name", ["/grub_oem_env", "/grubenv", "/grubmenu", "/grubcustom", "next_entry", "saved_entry"])
def test_menu_reads_the_variables(image: ImageFacts, name: str) -> None:
    """/etc/cos/grub.cfg reads the file or variable that decides the next boot."""
    assert name in image.contents["/etc/cos/grub.cfg"]


@pytest.mark.contract("2 installed command line")
@pytest.mark.parametrize(
    "word",
    [
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
    ],
)
def test_command_line_is_built_from(image: ImageFacts, word: str) -> None:
    """/etc/cos/bootargs.cfg, which builds the kernel command line in GRUB, has this word."""
    text = image.contents["/etc/cos/bootargs.cfg"]
    # ${extra_${x}_cmdline} cannot be written in GRUB's language, so each name stands there or in grub.cfg.
    assert word in text or word in image.contents["/etc/cos/grub.cfg"]


def test_branding_is_there(image: ImageFacts) -> None:
    """The texts and the further menu entries of the brand are in /etc/kairos/branding."""
    wanted = {"grubmenu.cfg", "install_text", "interactive_install_text", "recovery_text", "reset_text"}
    assert wanted - set(image.below("/etc/kairos/branding")) == set()


def test_initrd_is_made_with_immucore(image: ImageFacts) -> None:
    """dracut's drop-in and module for immucore are there, for whoever makes the initrd anew."""
    assert "/etc/dracut.conf.d/99-immucore.conf" in image.files
    assert "/usr/lib/dracut/modules.d/28immucore/module-setup.sh" in image.files


def test_stages_left_their_trace(image: ImageFacts) -> None:
    """The framework's stages install and init left their records in /etc/kairos."""
    found = {name for name in image.below("/etc/kairos") if name.startswith("kairos-init-")}
    both = {"kairos-init-install-stage.yaml", "kairos-init-init-stage.yaml"}
    assert "kairos-init-all-stage.yaml" in found or both <= found


def test_ssh_is_hardened(image: ImageFacts) -> None:
    """sshd's drop-in forbids root and forwarding and allows two tries."""
    text = image.contents["/etc/ssh/sshd_config.d/05-kairos-hardening.conf"].lower()
    pairs = {tuple(line.split(None, 1)) for line in text.splitlines() if line.strip() and not line.startswith("#")}
    wanted = {
        ("permitrootlogin", "no"),
        ("maxauthtries", "2"),
        ("allowtcpforwarding", "no"),
        ("allowagentforwarding", "no"),
    }
    assert wanted - pairs == set()


def test_sudo_is_privileged(image: ImageFacts) -> None:
    """sudo is there with its set-user-id bit."""
    assert image.files["/usr/bin/sudo"].mode & 0o4111 == 0o4111


def test_firstboot_does_not_ask(image: ImageFacts) -> None:
    """systemd-firstboot, which would wait for answers at the console, is masked."""
    assert image.files["/etc/systemd/system/systemd-firstboot.service"].target == "/dev/null"


@pytest.mark.parametrize("unit", ["getty@.service", "serial-getty@.service"])
def test_getty_is_not_masked(image: ImageFacts, unit: str) -> None:
    """The console's login unit is there and not masked."""
    assert f"/usr/lib/systemd/system/{unit}" in image.files
    override = image.files.get(f"/etc/systemd/system/{unit}")
    assert override is None or override.target != "/dev/null"


def test_lock_folder(image: ImageFacts) -> None:
    """/var/lock exists."""
    assert "/var/lock" in image.files


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp"])
def test_nothing_is_left_over(image: ImageFacts, folder: str) -> None:
    """The temporary folder is empty."""
    assert image.below(folder) == []


def test_package_lists_are_gone(image: ImageFacts) -> None:
    """apt's package lists are not shipped."""
    assert [name for name in image.below("/var/lib/apt/lists") if name.endswith(("_Packages", "_Packages.lz4"))] == []


@pytest.mark.contract("7 what installing needs")
@pytest.mark.parametrize("program", ["rsync", "mkfs.ext2", "mkfs.ext4", "mkfs.vfat", "tune2fs", "blkid", "lsblk"])
def test_program_for_installing(image: ImageFacts, program: str) -> None:
    """The program that installing and upgrading need is in the image."""
    assert {f"/usr/bin/{program}", f"/usr/sbin/{program}"} & set(image.files)


@pytest.mark.contract("7 what installing needs")
def test_grub_for_bios(image: ImageFacts) -> None:
    """An amd64 image has GRUB's installer and its BIOS modules."""
    if image.config["architecture"] == "amd64":
        wanted = {"/usr/sbin/grub-install", "/usr/sbin/grub2-install", "/usr/bin/grub2-install"}
        assert wanted & set(image.files)
        assert {"/usr/lib/grub/i386-pc", "/usr/share/grub/i386-pc"} & set(image.files)


@pytest.mark.contract("7 what installing needs")
def test_grub_for_uefi(image: ImageFacts) -> None:
    """The image has GRUB for UEFI: its modules, or a signed one with a shim."""
    names = ("/grub/x86_64-efi", "/grub/arm64-efi", "/shim", "/EFI/")
    assert [path for path in image.files if any(name in path for name in names)] != []


@pytest.mark.contract("1 workarounds")
def test_both_names_of_the_editor(image: ImageFacts) -> None:
    """grub2-editenv can be called by this name, whatever the distribution calls it."""
    assert [path for path in image.files if path.endswith("bin/grub2-editenv")] != []


@pytest.mark.contract("5 upgrade")
def test_an_upgrade_brings_the_same_files(image: ImageFacts) -> None:
    """The agent, which unpacks layers from the top down, makes the same files of them as containerd."""
    assert image.unlike == ()
