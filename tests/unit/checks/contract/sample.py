"""Facts as a real Kairos node would give them: forms, names and numbers as they were seen on one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from imagekit.checks.contract.config import BOUND, EXTRA, KEY, ORDER, PLANTED, WORD
from imagekit.checks.contract.facts import FOLDER, FactFile, ImageFacts, NodeFacts
from imagekit.checks.contract.marks import NAME, TABLE
from imagekit.checks.contract.questions import NEW_FILE, NEW_VERSION

KERNEL = "6.12.117+deb13-amd64"
VERSION = "v1.0.0"
MIB = 1 << 20
LABELS = ("COS_OEM", "COS_RECOVERY", "COS_STATE", "COS_PERSISTENT")
SIZES = {"bios": 1, "COS_OEM": 64, "COS_RECOVERY": 2058, "COS_STATE": 3787, "COS_PERSISTENT": 10472}
BINDS = ("/etc/ssh", "/etc/systemd", "/etc/modprobe.d", "/home", "/opt", "/root", "/var/log", "/usr/libexec")

RELEASE_KEYS = {
    "KAIROS_ARCH": "amd64",
    "KAIROS_BUG_REPORT_URL": "https://github.com/kairos-io/kairos/issues",
    "KAIROS_FAMILY": "debian",
    "KAIROS_FIPS": "false",
    "KAIROS_FLAVOR": "debian",
    "KAIROS_FLAVOR_RELEASE": "13",
    "KAIROS_HOME_URL": "https://github.com/kairos-io/kairos",
    "KAIROS_ID": "kairos",
    "KAIROS_ID_LIKE": "kairos-core-debian-13",
    "KAIROS_INIT_VERSION": "v0.6.0",
    "KAIROS_MODEL": "generic",
    "KAIROS_NAME": "kairos-core-debian-13",
    "KAIROS_RELEASE": VERSION,
    "KAIROS_TARGETARCH": "amd64",
    "KAIROS_TRUSTED_BOOT": "false",
    "KAIROS_VARIANT": "core",
    "KAIROS_VERSION": VERSION,
}


def release(version: str = VERSION) -> str:
    """/etc/kairos-release."""
    keys = RELEASE_KEYS | {"KAIROS_VERSION": version, "KAIROS_RELEASE": version}
    return "".join(f"{key}={value if value.isdigit() else chr(34) + value + chr(34)}\n" for key, value in keys.items())


GRUB = """
search --file --set=oem_blk /grub_oem_env
load_env -f /grub_oem_env
load_env -f /grubenv
if [ "${next_entry}" ]; then set default="${next_entry}"; else set default="${saved_entry}"; fi
menuentry "${display_name}" --id cos { }
menuentry "${display_name} (fallback)" --id fallback { }
menuentry "${display_name} recovery" --id recovery { }
menuentry "${display_name} state reset (auto)" --id statereset { }
source /grubmenu
source /grubcustom
"""
BOOTARGS = (
    "set kernelcmd=console=ttyS0 rd.cos.oemlabel=COS_OEM panic=5 rd.emergency=reboot rd.shell=0 "
    "systemd.crash_reboot=yes cos-img/filename=${img} ${extra_cmdline} ${extra_active_cmdline} "
    "${extra_passive_cmdline} ${extra_recovery_cmdline}\n"
)
LAYOUT = (
    'VOLUMES="LABEL=COS_OEM:/oem LABEL=COS_PERSISTENT:/usr/local"\nOVERLAY="tmpfs:25%"\nRW_PATHS="/var /etc /srv"\n'
    f'PERSISTENT_STATE_PATHS="{" ".join(BINDS)} /var/lib/kubelet"\n'
)


def image() -> ImageFacts:
    """A good image."""
    file, link, folder = FactFile("f", 0o644, 100), FactFile("l", 0o777, 0), FactFile("d", 0o755, 0)
    files = {
        "/boot": folder,
        "/boot/vmlinuz": FactFile("l", 0o777, 0, f"/boot/vmlinuz-{KERNEL}"),
        f"/boot/vmlinuz-{KERNEL}": FactFile("f", 0o644, 12_000_000),
        "/boot/initrd": FactFile("f", 0o600, 68_000_000),
        f"/usr/lib/modules/{KERNEL}": folder,
        "/usr/bin/kairos": FactFile("f", 0o755, 33_000_000),
        "/usr/bin/kairos-agent": FactFile("l", 0o777, 0, "/usr/bin/kairos"),
        "/usr/bin/immucore": FactFile("l", 0o777, 0, "/usr/bin/kairos"),
        "/usr/bin/sudo": FactFile("f", 0o4755, 300_000),
        "/etc/machine-id": FactFile("f", 0o444, 0),
        "/etc/hostname": FactFile("f", 0o644, 0),
        "/etc/systemd/system/systemd-firstboot.service": FactFile("l", 0o777, 0, "/dev/null"),
        "/usr/lib/systemd/system/getty@.service": file,
        "/usr/lib/systemd/system/serial-getty@.service": file,
        "/var/lock": link,
        "/usr/sbin/grub-install": file,
        "/usr/lib/grub/i386-pc": folder,
        "/usr/lib/shim/shimx64.efi.signed": file,
        "/usr/bin/grub2-editenv": link,
        "/etc/dracut.conf.d/99-immucore.conf": file,
        "/usr/lib/dracut/modules.d/28immucore/module-setup.sh": file,
        "/etc/kairos/kairos-init-install-stage.yaml": file,
        "/etc/kairos/kairos-init-init-stage.yaml": file,
    }
    programs = ("rsync", "mkfs.ext2", "mkfs.ext4", "mkfs.vfat", "tune2fs", "blkid", "lsblk")
    texts = ("grubmenu.cfg", "install_text", "interactive_install_text", "recovery_text", "reset_text")
    files |= {f"/usr/sbin/{name}": file for name in programs}
    files |= {f"/etc/kairos/branding/{name}": file for name in texts}
    contents = {
        "/etc/kairos-release": release(),
        "/usr/lib/os-release": 'ID=debian\nVERSION_ID="13"\n',
        "/system/oem/00_datasource.yaml": "stages:\n  rootfs:\n  - datasource:\n      providers: [cdrom]\n",
        "/system/oem/00_rootfs.yaml": "stages:\n  rootfs:\n  - environment_file: /run/cos/cos-layout.env\n"
        "    environment: {VOLUMES: v, OVERLAY: o, RW_PATHS: r, PERSISTENT_STATE_PATHS: p}\n",
        "/etc/cos/grub.cfg": GRUB,
        "/etc/cos/bootargs.cfg": BOOTARGS,
        "/etc/ssh/sshd_config.d/05-kairos-hardening.conf": "PermitRootLogin no\nMaxAuthTries 2\n"
        "AllowTcpForwarding no\nAllowAgentForwarding no\n",
    }
    files |= dict.fromkeys(contents, file)
    config = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Labels": {"org.opencontainers.image.version": VERSION}},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]},
    }
    return ImageFacts(dict(sorted(files.items())), contents, config)


def mount(point: str, fstype: str, source: str, options: str = "rw", more: str = "rw", device: str = "0:40") -> str:
    """A line of /proc/self/mountinfo."""
    return f"36 35 {device} / {point} {options} - {fstype} {source} {more}"


def said(name: str, status: int, text: str) -> dict[str, str]:
    """An answer to a question."""
    return {f"run:{name}": text, f"rc:{name}": f"{status}\n"}


def _state(boot: str, parts: Mapping[str, str]) -> str:
    return f"uuid: x\n{''.join(f'{name}:{chr(10)}{body}' for name, body in parts.items())}boot: {boot}\n" + (
        "in_ram: false\nsystem:\n    node:\n        hostname: x\n"
        "kairos:\n    flavor: debian\n    version: v1\naddresses: []\n"
    )


def _part(label: str = "", number: int = 0, *, point: str = "", read_only: bool = False) -> str:
    size = SIZES.get(label, 0) * MIB
    rows = {
        "mounted": str(bool(point)).lower(),
        "name": f"/dev/vda{number}" if label else '""',
        "label": label.removeprefix("COS_").lower() or '""',
        "filesystemlabel": label or '""',
        "mount_point": point or '""',
        "size_bytes": str(size),
        "type": "ext4" if label else '""',
        "read_only": str(read_only).lower(),
        "found": str(bool(label)).lower(),
        "uuid": "x",
    }
    return "".join(f"    {key}: {value}\n" for key, value in rows.items())


def _environment(**variables: str) -> str:
    text = "# GRUB Environment Block\n" + "".join(f"{key}={value}\n" for key, value in variables.items())
    return text.ljust(1024, "#")


def _order(*, full: bool = True) -> str:
    lines = []
    # As it was seen: two units, and neither waits for the other.
    for stage in (*ORDER[:-6], "boot.before", "network.before", "boot", "network", "network.after", "boot.after"):
        if full or not stage.startswith("rootfs"):
            lines.append(f"{stage} config")
        if stage == "boot":
            lines.append("runcmd config")
    return "".join(f"{line}\n" for line in lines)


def _common(boot: str, version: str = VERSION) -> dict[str, str]:
    return {
        "get:boot": boot,
        "get:kairos.version": version,
        "get:kairos": "map[eficerts: flavor:debian init:systemd version:v1.0.0]",
        "system": "running\n",
        "units": "cos-setup-fs.service loaded active exited x\ncos-setup-boot.service loaded active exited x\n"
        "cos-setup-network.service loaded active exited x\ncos-setup-reconcile.timer loaded active waiting x\n",
        "file:/etc/kairos-release": release(version),
        "file:/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "file:/run/cos/cos-layout.env": LAYOUT,
        "hostkey": "ssh-ed25519 AAAA\n",
        "passwd": "root:x:0:0::/root:/bin/bash\nprober:x:1001:1001:Conformance:/home/prober:/bin/sh\n",
        "group": "admin:x:900:kairos,prober\n",
        "sshd": "permitrootlogin no\nmaxauthtries 2\nallowtcpforwarding no\nallowagentforwarding no\n",
        f"file:{FOLDER}/written": "written\n",
        f"file:{FOLDER}/decoded": "decoded\n",
        f"file:{FOLDER}/unknown": "{{ trunc 4 .MachineID }}\n",
        "keys": KEY + "\n",
    }


def live() -> NodeFacts:
    """A good live node."""
    sections = _common("livecd_boot") | {
        "hostname": "conformance-live\n",
        f"file:{FOLDER}/template": "conformance-live\n",
        "file:/run/cos/live_mode": "1",
        "get:oem.mounted": "false",
        "get:persistent.found": "false",
        "get:state.read_only": "false",
        "state": _state("livecd_boot", {name: _part() for name in ("persistent", "recovery", "oem", "state")}),
        "mounts": "\n".join(
            (
                mount("/", "overlay", "LiveOS_rootfs", "rw", "rw,lowerdir=/run/rootfsbase,upperdir=/run/overlayfs"),
                mount("/run/initramfs/live", "iso9660", "/dev/vdb", "ro", "ro"),
                mount("/run/rootfsbase", "squashfs", "/dev/loop0", "ro", "ro"),
            )
        ),
        "files": "644\troot:root\tf\t9\t/run/initramfs/live/rootfs.squashfs\t\n"
        "644\troot:root\tf\t9\t/run/immucore/immucore.log\t\n"
        f"640\troot:admin\tf\t8\t{FOLDER}/written\t\n600\troot:root\tf\t8\t{FOLDER}/decoded\t\n"
        f"644\troot:root\tf\t5\t{FOLDER}/template\t\n",
        f"file:{FOLDER}/order": _order(full=False),
    }
    for name, status, text in (
        ("version", 0, "kairos v4.1.0\n"),
        ("flag", 0, "kairos v4.1.0\n"),
        ("word", 0, f"WARNING missing properties: 'users'\n{WORD}\n"),
        ("list", 0, "- one\n- two\n"),
        ("state-boot", 0, "uuid: x\nboot: livecd_boot\n"),
        ("validate-good", 0, ""),
        ("validate-bad", 1, "jsonschema: missing properties: 'users'\n"),
        ("validate-plain", 1, "missing #cloud-config header\n"),
        ("upgrade", 1, "cannot upgrade from live media/unknown boot state\n"),
        ("reset", 1, "reset can only be called from the recovery system\n"),
        ("blank", 0, "1234 1048576\n"),
        ("still-blank", 0, "1234 1048576\n"),
        ("install-nobody", 1, "no admin user\n"),
        ("install-large", 1, "the requested partitions size (9002000MiB) does not fit in the target disk\n"),
    ):
        sections |= said(name, status, text)
    return NodeFacts(sections)


def _device(name: str, numbers: str, kind: str, size: int, *, fstype: str = "", label: str = "", more: str) -> str:
    return f'NAME="{name}" MAJ:MIN="{numbers}" TYPE="{kind}" SIZE="{size}" FSTYPE="{fstype}" LABEL="{label}" {more}'


def _devices() -> str:
    rows = [_device("vda", "254:0", "disk", 16 << 30, more='PARTUUID="" PKNAME="" PTTYPE="gpt"')]
    for number, label in enumerate(("bios", *LABELS), start=1):
        more = f'PARTUUID="{uuid.uuid5(uuid.NAMESPACE_URL, label)}" PKNAME="vda" PTTYPE="gpt"'
        kind, name = ("", "") if label == "bios" else ("ext4", label)
        size = SIZES[label] * MIB
        rows.append(_device(f"vda{number}", f"254:{number}", "part", size, fstype=kind, label=name, more=more))
    rows.append(_device("loop0", "7:0", "loop", 929 * MIB, fstype="ext2", more='PARTUUID="" PKNAME="" PTTYPE=""'))
    return "\n".join(rows)


def _starts() -> str:
    at, lines = 2048, []
    for number, label in enumerate(("bios", *LABELS), start=1):
        lines.append(f"vda{number} {at}")
        at += SIZES[label] * 2048
    return "\n".join(lines)


def install() -> NodeFacts:
    """A good installation."""
    size = 929 * MIB
    trees = {
        "COS_OEM": "640\troot:root\tf\t900\t90_custom.yaml\t\n644\troot:root\tf\t1024\tgrubenv\t\n",
        "COS_STATE": "644\troot:root\tf\t2000\tgrub/grub.cfg\t\n644\troot:root\tf\t1024\tgrub_oem_env\t\n"
        "644\troot:root\tf\t9\tgrubmenu\t\n644\troot:root\tf\t9\tgrubcustom\t\n"
        "0\troot:root\tf\t9\tgrub_boot_assessment\t\n",
        "COS_RECOVERY": "",
        "COS_PERSISTENT": "",
    }
    return NodeFacts(
        said("install", 0, "...\nRunning after-install hook\n")
        | {f"tree:{label}": tree for label, tree in trees.items()}
        | {
            "parts": _devices(),
            "starts": _starts(),
            "mounted": "",
            "images:COS_STATE": "".join(
                f"{name}.img COS_{name.upper()} ext2 {size} 1800000\n" for name in ("active", "passive")
            ),
            "images:COS_RECOVERY": f"recovery.img COS_SYSTEM ext2 {size} 1800000\n",
            "on:COS_OEM/90_custom.yaml": f"#cloud-config\n# Sources:\nconformance:\n  word: {WORD}\n",
            "on:COS_OEM/10_user_custom_mounts.yaml": f"stages:\n  rootfs:\n  - environment: {{X: {BOUND}}}\n",
            "on:COS_OEM/grubenv": _environment(extra_cmdline=EXTRA),
            "on:COS_STATE/grub_oem_env": _environment(default_menu_entry="Kairos"),
            "on:COS_STATE/grubcustom": "source (${root})/grub_boot_assessment\n",
        }
    )


def _mode_line(label: str, image: str, *more: str) -> str:
    words = (
        "BOOT_IMAGE=(loop0)/boot/vmlinuz console=ttyS0 console=tty1 net.ifnames=1 rd.cos.oemlabel=COS_OEM "
        "rd.cos.oemtimeout=10 panic=5 rd.emergency=reboot rd.shell=0 systemd.crash_reboot=yes "
        f"root=LABEL={label} cos-img/filename=/cOS/{image}.img selinux=0"
    )
    return " ".join((words, *more)) + "\n"


def _installed_mounts(*, persistent: bool) -> str:
    overlay = "rw,lowerdir=/sysroot/etc,upperdir=/run/overlay/x/upper,workdir=/run/overlay/x/work"
    lines = [
        mount("/", "ext2", "/dev/disk/by-label/COS_ACTIVE", "ro", "ro", "7:0"),
        mount("/oem", "ext4", "/dev/disk/by-label/COS_OEM", device="254:2"),
        mount("/run/initramfs/cos-state", "ext4", "/dev/disk/by-label/COS_STATE", "ro", "ro", "254:4"),
        *(mount(path, "overlay", "overlay", "rw", overlay) for path in ("/etc", "/var", "/srv")),
    ]
    if persistent:
        source = "/dev/disk/by-label/COS_PERSISTENT"
        lines += [mount(path, "ext4", source, device="254:5") for path in ("/usr/local", BOUND, *BINDS)]
    return "\n".join(lines)


def installed(mode: str, boot_id: str, version: str = VERSION, *words: str) -> dict[str, str]:
    """Sections of a node booted from its disk."""
    label, image = {
        "active": ("COS_ACTIVE", "active"),
        "passive": ("COS_PASSIVE", "passive"),
        "recovery": ("COS_SYSTEM", "recovery"),
    }[mode]
    parts = {
        "persistent": _part("COS_PERSISTENT", 5, point="/usr/local"),
        "recovery": _part("COS_RECOVERY", 3),
        "oem": _part("COS_OEM", 2, point="/oem"),
        "state": _part("COS_STATE", 4, point="/run/initramfs/cos-state", read_only=True),
    }
    binds = "".join(
        f"755\troot:root\td\t0\t/usr/local/.state/{path.strip('/').replace('/', '-')}.bind\t\n" for path in BINDS
    )
    return _common(f"{mode}_boot", version) | {
        "cmdline": _mode_line(label, image, *words),
        "hostname": "conformance\n",
        "bootid": boot_id,
        f"file:/run/cos/{mode}_mode": "1",
        "get:oem.mounted": "true",
        "get:persistent.found": "true",
        "get:state.read_only": "true",
        "state": _state(f"{mode}_boot", parts),
        "mounts": _installed_mounts(persistent=mode != "recovery"),
        "devices": _devices(),
        "loops": f"loop0 /run/initramfs/cos-state/cOS/{image}.img\n",
        "labels": "".join(
            f"/run/initramfs/cos-state/cOS/{name}.img COS_{name.upper()} ext2\n" for name in ("active", "passive")
        ),
        "write": "touch: cannot touch '/usr/imagekit-probe': Read-only file system\n",
        "files": f"770\troot:admin\td\t0\t/oem\t\n{binds}"
        "777\troot:root\tl\t0\t/etc/hostname\t/usr/local/etc/hostname\n"
        "777\troot:root\tl\t0\t/etc/hosts\t/usr/local/etc/hosts\n",
        "file:/etc/fstab": "LABEL=COS_PERSISTENT /usr/local ext4 rw 0 0\n",
        "file:/etc/motd": "Welcome to Kairos!\n",
        "file:/oem/grubenv": _environment(extra_cmdline="conformance.any=1"),
        "file:/run/initramfs/cos-state/boot_assessment": _environment(),
        f"file:{FOLDER}/order": _order(),
    }


def _several_files() -> str:
    lines = []
    for stage in ORDER:
        names = ["05", "config", "97", "50"] if stage.startswith("boot") else ["config"]
        for name in names:
            lines.append(f"{stage} {name}")
        if stage == "boot":
            lines.append("runcmd config")
    return "".join(f"{line}\n" for line in lines)


def _marks(event: str) -> dict[str, str]:
    return {f"file:{path}/{NAME}": "first\n" for path, kept in TABLE.items() if getattr(kept, event)}


def first() -> NodeFacts:
    """A good first boot."""
    block = _environment(extra_cmdline="conformance.any=1")
    answers = (
        said("planted", 0, "".join(f"{path}\n" for path in TABLE))
        | said("editenv", 0, "")
        | said("before", 0, block)
        | said("unknown", 1, "no such entry\n")
        | said("unchanged", 0, block)
        | said("reset-active", 1, "reset can only be called from the recovery system\n")
        | said("as-user", 1, "this command requires root privileges\n")
        | said("select", 0, "Default boot entry set to fallback\n")
        | said("selected", 0, _environment(extra_cmdline="conformance.any=1", next_entry="fallback"))
    )
    return NodeFacts(installed("active", "boot-1", VERSION, EXTRA) | answers)


def passive() -> NodeFacts:
    """A good boot of the passive system."""
    words = ("conformance.any=1", "conformance.passive=1")
    return NodeFacts(installed("passive", "boot-2", VERSION, *words) | _marks("reboot"))


def again() -> NodeFacts:
    """A good later boot of the active system."""
    sections = installed("active", "boot-3", VERSION, "conformance.any=1", "conformance.active=1")
    return NodeFacts(sections | _marks("reboot") | {f"file:{FOLDER}/order": _several_files()})


def upgrade() -> NodeFacts:
    """A good upgrade, before the reboot."""
    sections = installed("active", "boot-3", VERSION, "conformance.any=1", "conformance.active=1")
    more = {
        "file:/oem/grubenv": _environment(extra_cmdline="conformance.any=1", next_entry="cos"),
        "file:/run/initramfs/cos-state/boot_assessment": _environment(enable_boot_assessment="yes"),
    }
    after = "active.img\npassive.img\n" + _environment(extra_cmdline="conformance.any=1")
    answers = (
        said("overlay", 0, "")
        | said("nowhere", 1, "no such directory\n")
        | said("after-nowhere", 0, after)
        | said("upgrade", 0, "...\nUpgrade completed\n")
    )
    return NodeFacts(sections | more | answers)


def upgraded() -> NodeFacts:
    """A good first boot of the new system."""
    sections = installed("active", "boot-4", NEW_VERSION, "conformance.any=1", "conformance.active=1")
    more = {
        f"file:{NEW_FILE}": "upgraded\n",
        "file:/opt/imagekit-conformance-new": "upgraded\n",
        "file:/usr/local/.kairos-state": "first-install: never\nlast-active-upgrade: 2026-08-21T10:00:00Z\n"
        "last-active-source: dir:///run/new\n",
    }
    return NodeFacts(sections | _marks("upgrade") | more | said("editenv", 0, ""))


def recovery() -> NodeFacts:
    """A good boot of recovery."""
    return NodeFacts(installed("recovery", "boot-5", VERSION, "conformance.any=1", "conformance.recovery=1"))


def reset() -> NodeFacts:
    """A good boot after a reset."""
    sections = installed("active", "boot-6", VERSION, "conformance.any=1", "conformance.active=1")
    return NodeFacts(sections | _marks("reset") | said("reset", 0, "") | said("editenv", 0, ""))


assert set(PLANTED.values()) == {"05", "97", "50"}
