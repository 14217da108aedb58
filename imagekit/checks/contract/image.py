"""The facts of an image, read from its layers without booting it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from imagekit.artifact.inventory import Inventory, take_inventory
from imagekit.base.log import step
from imagekit.base.strictjson import CONFIG_FIELDS
from imagekit.checks.contract.facts import FactFile, ImageFacts
from imagekit.oci.agenttree import agent_differences
from imagekit.oci.layout import small_json
from imagekit.oci.reference import Digest

_KEPT = re.compile(
    r"etc/(kairos-release|os-release|machine-id|hostname)|usr/lib/os-release|system/oem/[^/]+\.ya?ml"
    r"|etc/cos/[^/]+|etc/kairos/branding/[^/]+|etc/ssh/sshd_config\.d/[^/]+"
)
# What checks look at; the tens of thousands of other files stay out of the facts.
_NAMED = re.compile(
    r"etc|etc/(machine-id|hostname|kairos-release|os-release|kairos|kairos/.*|cos/.*|ssh/.*|dracut\.conf\.d/.*)"
    r"|etc/systemd/system/[^/]+|usr/lib/systemd/system/[^/]*getty[^/]*|usr/lib/dracut/modules\.d/[^/]*immucore.*"
    r"|boot/.*|boot|system(/oem(/[^/]*)?)?|usr/lib/modules/[^/]+|usr/(lib|share)/grub/[^/]+|usr/lib/grub/[^/]+/kernel\.img"
    r"|usr/lib/shim(/.*)?|tmp/.*|var/tmp/.*|var/lock|run/lock|var/lib/apt/lists/.*|var/run"
    r"|usr/s?bin/(kairos[^/]*|immucore|sudo|less|rsync|mkfs[^/]*|mke2fs|tune2fs|grub2?-[^/]*|blkid|lsblk|losetup)"
    r"|etc/sudoers\.d/[^/]+|lib|lib64|bin|sbin|usr/lib/os-release|usr/lib/efi.*/shim.*|boot/efi/EFI/.*"
)


def image_facts(layout: Path, manifest: Digest) -> ImageFacts:
    """Read the image; raises `ImageContentError` when a blob is not what its digest says."""
    with step("Reading the image") as reported:
        inventory = take_inventory(layout, manifest, keep=_KEPT)
        reported.note = f"{len(inventory.nodes)} files"
    config = small_json(layout, Digest(str(small_json(layout, manifest)["config"]["digest"])), fields=CONFIG_FIELDS)
    with step("Comparing with what the agent makes of its layers") as reported:
        unlike = agent_differences(layout, manifest)
        reported.note = f"{len(unlike)} differences"
    return replace(facts_of(inventory, config), unlike=unlike)


def facts_of(inventory: Inventory, config: dict[str, object]) -> ImageFacts:
    """The facts out of an inventory."""
    files = {
        f"/{path}": FactFile(node.kind, node.mode, node.size, inventory.links.get(path, ""))
        for path, node in sorted(inventory.nodes.items())
        if _NAMED.fullmatch(path)
    }
    contents = {f"/{path}": data.decode("utf-8", "replace") for path, data in sorted(inventory.contents.items())}
    return ImageFacts(files, contents, config)
