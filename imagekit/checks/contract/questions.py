"""What a node is asked beside its facts: commands whose status and words the checks judge."""

from __future__ import annotations

import shlex
from pathlib import Path

from imagekit.checks.contract.config import PLANTED, file_of_stages
from imagekit.checks.contract.facts import FOLDER
from imagekit.checks.contract.marks import NAME, TABLE

_HERE = Path(__file__).parent
NEW_FILE = "/etc/imagekit-conformance-new"  # comes with the upgrade
NEW_VERSION = "v9999.1.1-conformance"
_END = "\ns end\n"
_USERS = "users:\n  - name: kairos\n    groups: [admin]\n    lock_passwd: true\n"


def probe(time_limit: int) -> str:
    """The script that tells the facts; `time_limit` is how many seconds a boot may still take to come to its end."""
    return f"MARKED={shlex.quote(' '.join(TABLE))}; TIME_LIMIT={time_limit}\n" + (_HERE / "probe.sh").read_text() + _END


def live_questions(device: str) -> str:
    """Questions to a live node; `device` is an empty disk, and is empty afterwards."""
    install = f"kairos-agent manual-install --device {device}"
    lines = [
        _heredoc(f"{FOLDER}/good.yaml", "#cloud-config\n" + _USERS),
        _heredoc(f"{FOLDER}/bad.yaml", "#cloud-config\nhostname: nobody\n"),
        _heredoc(f"{FOLDER}/plain.yaml", _USERS),
        "a version kairos-agent version",
        "a flag kairos-agent --version",
        "a word kairos-agent config get conformance.word",
        "a list kairos-agent config get conformance.list",
        "a state-boot kairos-agent state boot",
        f"a validate-good kairos-agent validate {FOLDER}/good.yaml",
        f"a validate-bad kairos-agent validate {FOLDER}/bad.yaml",
        f"a validate-plain kairos-agent validate {FOLDER}/plain.yaml",
        "a upgrade kairos-agent upgrade --source dir:/run/rootfsbase",
        "a reset kairos-agent reset --unattended",
        _heredoc(
            f"{FOLDER}/large.yaml", f"#cloud-config\ninstall:\n  partitions:\n    oem: {{size: 9000000}}\n{_USERS}"
        ),
        f"a blank head_of {device}",
        f"a install-nobody {install} {FOLDER}/bad.yaml",
        f"a install-large {install} {FOLDER}/large.yaml",
        f"a still-blank head_of {device}",
    ]
    return _script(lines)


def plant() -> str:
    """Leave marks, files of stages and GRUB variables on a node at its first boot, then ask for the passive one."""
    lines = [
        f'for p in {" ".join(TABLE)}; do mkdir -p "$p" && echo first > "$p/{NAME}"; done 2>/dev/null',
        f'a planted sh -c \'for p in {" ".join(TABLE)}; do [ -e "$p/{NAME}" ] && echo "$p"; done; true\'',
        "echo '# changed on the node' >> /etc/motd",
        # As stage reconcile does at some times of a node's day; the reboot that comes next must not be stopped by it.
        "systemd-run --quiet --unit=imagekit-inhibitor systemd-inhibit --what=shutdown --mode=block sleep infinity",
        *(_heredoc(path, file_of_stages(name)) for path, name in PLANTED.items()),
        "e=$(command -v grub2-editenv || command -v grub-editenv)",
        "a editenv $e /oem/grubenv set extra_cmdline='conformance.any=1' extra_active_cmdline='conformance.active=1' "
        "extra_passive_cmdline='conformance.passive=1' extra_recovery_cmdline='conformance.recovery=1'",
        "a before cat /oem/grubenv",
        "a unknown kairos-agent bootentry --select no-such-entry",
        "a unchanged cat /oem/grubenv",
        "a reset-active kairos-agent reset --unattended",
        "a as-user su prober -c 'kairos-agent upgrade --source dir:/nowhere'",
        "a select kairos-agent bootentry --select fallback",
        "a selected cat /oem/grubenv",
    ]
    return _script(lines)


def upgrade() -> str:
    """Upgrade from a folder: the node's own image with another version and a new file, laid over it in memory."""
    work = f"{FOLDER}/state/new"
    lines = [
        f"mkdir -p {work} {FOLDER}/state/tmpfs && mount -t tmpfs tmpfs {FOLDER}/state/tmpfs",
        f"mkdir {FOLDER}/state/tmpfs/up {FOLDER}/state/tmpfs/work",
        f"a overlay mount -t overlay overlay -o lowerdir=/,upperdir={FOLDER}/state/tmpfs/up,"
        f"workdir={FOLDER}/state/tmpfs/work {work}",
        f"echo upgraded > {work}{NEW_FILE}",
        f"mkdir -p {work}/opt && echo upgraded > {work}/opt/imagekit-conformance-new",
        f"sed -i 's/^\\(KAIROS_VERSION\\|KAIROS_RELEASE\\)=.*/\\1=\"{NEW_VERSION}\"/' {work}/etc/kairos-release",
        f"a nowhere kairos-agent upgrade --source dir:{FOLDER}/state/nowhere",
        "a after-nowhere sh -c 'ls /run/initramfs/cos-state/cOS; cat /oem/grubenv'",
        f"a upgrade kairos-agent upgrade --source dir:{work}",
        f"umount {work} {FOLDER}/state/tmpfs; sync",
    ]
    return _script(lines)


def select_recovery() -> str:
    """Make recovery the saved entry."""
    return _script(
        [
            "e=$(command -v grub2-editenv || command -v grub-editenv)",
            "a editenv $e /oem/grubenv set saved_entry=recovery",
        ]
    )


def reset() -> str:
    """In recovery: take the saved entry back and reset the node."""
    return _script(
        [
            "e=$(command -v grub2-editenv || command -v grub-editenv)",
            "a editenv $e /oem/grubenv unset saved_entry",
            "a reset kairos-agent reset --unattended",
        ]
    )


def install_config(config: str, device: str) -> str:
    """Install by hand from the cloud-config `config`, and look at the disk afterwards."""
    lines = [
        _heredoc(f"{FOLDER}/state/install.yaml", config),
        f"a install kairos-agent manual-install --device {device} {FOLDER}/state/install.yaml",
        (_HERE / "disk.sh").read_text().replace("@DEVICE@", device),
        "sync",
    ]
    return _script(lines)


def _script(lines: list[str]) -> str:
    return (_HERE / "ask.sh").read_text() + "\n".join(lines) + _END


def _heredoc(path: str, text: str) -> str:
    return f"mkdir -p {path.rpartition('/')[0]}\ncat > {path} <<'IMAGEKIT'\n{text}IMAGEKIT"
