"""Cloud-config files: the header, the keys and the stages that Kairos documents; see docs/architecture.md.

The text itself is handed to the node; here it is only checked and merged.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from imagekit.base.errors import ConfigError
from imagekit.config.yamlfile import YamlFile, read_yaml

HEADERS = ("#cloud-config", "#kairos-config", "#node-config")
_HEADER_LINES = 10

# Measured on the Kairos 4.1 agent: the cloud-init keys that work, its own keys, and the provider's.
KEYS = frozenset(
    {
        "users",
        "ssh_authorized_keys",
        "write_files",
        "hostname",
        "runcmd",
        "growpart",
        "stages",
        "install",
        "upgrade",
        "reset",
        "config_url",
        "options",
        "bundles",
        "fail_on_bundles_errors",
        "grub_options",
        "env",
        "debug",
        "strict",
        "cloud-init-paths",
        "eject-cd",
        "cosign",
        "verify",
        "cosign-key",
        "arch",
        "squash-compression",
        "squash-no-compression",
        "uki-max-entries",
        "bind-pcrs",
        "bind-public-pcrs",
        "logs",
        "kcrypt",
        "p2p",
        "phonehome",
        "k3s",
        "k3s-agent",
        "k0s",
        "k0s-worker",
        "name",
    }
)
_BASE_STAGES = (
    "rootfs",
    "initramfs",
    "fs",
    "boot",
    "network",
    "reconcile",
    "before-install",
    "after-install",
    "after-install-chroot",
    "before-upgrade",
    "after-upgrade",
    "after-upgrade-chroot",
    "before-reset",
    "after-reset",
    "after-reset-chroot",
    "kairos-install.pre",
    "kairos-install.after",
)
STAGES = frozenset(name + suffix for name in _BASE_STAGES for suffix in ("", ".before", ".after"))


def read_cloud_config(path: Path) -> YamlFile:
    """Check one file: header in its first ten lines, documented keys and stages; raise `ConfigError` otherwise."""
    source = read_yaml(path)
    head = path.read_text(encoding="utf-8").splitlines()[:_HEADER_LINES]
    if not any(line.strip() in HEADERS for line in head):
        raise ConfigError(
            f"{path}:1: no {HEADERS[0]} header in the first {_HEADER_LINES} lines",
            hint="Without the header a Kairos node ignores the file.",
        )
    if not isinstance(source.data, dict):
        raise ConfigError(f"{path}:1: the file must be a mapping")
    _check_names(source, source.data, (), KEYS, "key")
    stages = source.data.get("stages", {})
    if not isinstance(stages, dict):
        raise ConfigError(f"{path}:{source.line(('stages',))}: stages: must be a mapping of stage names")
    _check_names(source, stages, ("stages",), STAGES, "stage")
    for stage, steps in stages.items():
        if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
            line = source.line(("stages", stage))
            raise ConfigError(f"{path}:{line}: stages.{stage}: must be a list of steps", hint="Each step is a mapping.")
    return source


def _check_names(
    source: YamlFile, data: dict[str, Any], key: tuple[str, ...], known: frozenset[str], kind: str
) -> None:
    for name in data:
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), n=1)
            raise ConfigError(
                f"{source.path}:{source.line((*key, name))}: {kind} {name!r} means nothing to a Kairos node",
                hint=(f"Did you mean {close[0]!r}? " if close else "") + f"Known: {', '.join(sorted(known))}.",
            )
