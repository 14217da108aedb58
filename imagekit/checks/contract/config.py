"""The cloud-config that a node is probed with: every stage leaves a line, every documented key a trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagekit.checks.contract.facts import FOLDER

STAGES = ("rootfs", "initramfs", "fs", "boot", "network")
# Run by two units that do not wait for each other; all other stages come one after the other, and before these.
UNORDERED = ("boot", "network")
ORDER = tuple(f"{stage}{part}" for stage in STAGES for part in (".before", "", ".after"))
USER = "prober"
WORD = "kept-as-it-is"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGltYWdla2l0LWNvbmZvcm1hbmNlLW5vdC1hLWtleSEh conformance"
BOUND = "/var/lib/conformance"
EXTRA = "imagekit.conformance=one"
UNKNOWN = "{{ trunc 4 .MachineID }}"


def trace(stage: str, name: str) -> dict[str, Any]:
    """A step that adds its stage and the name of its file to the order of events."""
    return {"name": f"{stage} of {name}", "commands": [f"mkdir -p {FOLDER} && echo {stage} {name} >> {FOLDER}/order"]}


def probe_config(hostname: str) -> dict[str, Any]:
    """Keys of cloud-init, stages, and a key that nobody knows; the login is added by whoever boots the node."""
    return {
        "hostname": hostname,
        "users": [
            {
                "name": USER,
                "gecos": "Conformance",
                "groups": ["admin"],
                "shell": "/bin/sh",
                "ssh_authorized_keys": [KEY],
                "lock_passwd": True,
            }
        ],
        "write_files": [
            {"path": f"{FOLDER}/written", "content": "written\n", "permissions": "0640", "owner": "root:admin"},
            {"path": f"{FOLDER}/decoded", "content": "ZGVjb2RlZAo=", "encoding": "b64", "permissions": "0600"},
        ],
        "runcmd": [f"mkdir -p {FOLDER} && echo runcmd config >> {FOLDER}/order"],
        "conformance": {"word": WORD, "list": ["one", "two"]},
        "install": {"grub_options": {"extra_cmdline": EXTRA}, "bind_mounts": [BOUND]},
        "stages": {stage: [trace(stage, "config")] for stage in ORDER} | _more(),
    }


def _more() -> dict[str, Any]:
    condition = {"name": "never", "if": "[ -e /nowhere ]", "commands": [f"touch {FOLDER}/never"]}
    # The first is known everywhere, the second in the template of a host name alone.
    templates = {"template": "{{ .Values.node.hostname }}", "unknown": UNKNOWN}
    files = [
        {"path": f"{FOLDER}/{name}", "content": f"{text}\n", "permissions": 0o644} for name, text in templates.items()
    ]
    last = {stage: {"name": "last", "commands": [f"touch {FOLDER}/{stage}-done"]} for stage in UNORDERED}
    return {
        "initramfs": [trace("initramfs", "config"), condition],
        "boot": [trace("boot", "config"), {"name": "templates", "files": files}],
        "boot.after": [trace("boot.after", "config"), last["boot"]],
        "network.after": [trace("network.after", "config"), last["network"]],
    }


def in_order(ran: Sequence[str], *, without: str = "nothing") -> bool:
    """Whether stages ran once each and as ordered as they are; those whose name begins with `without` do not count."""
    wanted = [stage for stage in ORDER if not stage.startswith(without)]
    parts = [[stage for stage in wanted if stage.partition(".")[0] == name] for name in UNORDERED]
    before = [stage for stage in wanted if stage.partition(".")[0] not in UNORDERED]
    after = ran[len(before) :]
    return (
        list(ran[: len(before)]) == before
        and sorted(after) == sorted(stage for part in parts for stage in part)
        and all([stage for stage in after if stage in part] == part for part in parts)
    )


def file_of_stages(name: str) -> str:
    """A cloud-config file with the three parts of stage boot, for a node that has several files."""
    import yaml

    stages = {stage: [trace(stage, name)] for stage in ("boot.before", "boot", "boot.after")}
    return "#cloud-config\n" + yaml.safe_dump({"stages": stages}, sort_keys=False)


# Planted at the first boot; Kairos reads /oem before /usr/local/cloud-config, each in the order of the names.
PLANTED: Mapping[str, str] = {
    "/oem/05_conformance.yaml": "05",
    "/oem/97_conformance.yaml": "97",
    "/usr/local/cloud-config/50_conformance.yaml": "50",
}
