"""Defects of a node, each a small change of the stand-in, and the scenario that must fail on it.

A change of `src` is a change of the program (built anew, in the image and in its initrd); one of `files` is a change of
a file that the image carries. What is replaced must be there exactly once, so that a defect never becomes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Where(StrEnum):
    """What a change is made to."""

    SRC = "src"
    FILES = "src/kinit/files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """`old` becomes `new` in a file of the stand-in; `installed` is where the image carries it."""

    where: Where
    file: str
    old: str
    new: str
    installed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A defect by name, and the scenario that must fail on it."""

    name: str
    scenario: str
    changes: tuple[Change, ...]


def _go(file: str, old: str, new: str) -> Change:
    return Change(where=Where.SRC, file=file, old=old, new=new)


def _menu(file: str, old: str, new: str) -> Change:
    return Change(where=Where.FILES, file=f"grub/etc/cos/{file}", old=old, new=new, installed=f"/etc/cos/{file}")


def _oem(file: str, old: str, new: str) -> Change:
    path = f"system/oem/{file}"
    return Change(where=Where.FILES, file=f"cloudconfigs/{path}", old=old, new=new, installed=f"/{path}")


MUTATIONS = (
    Mutation(
        name="signature-not-checked",
        scenario="unsigned",
        changes=(_go("agent/source.go", "if config.Cosign {", "if false {"),),
    ),
    Mutation(
        name="recovery-not-upgraded",
        scenario="recovery",
        changes=(
            _go(
                "upgrade/upgrade.go",
                "	if w.Recovery {\n		return target{",
                "	if false {\n		return target{",
            ),
        ),
    ),
    Mutation(
        name="transition-not-removed",
        scenario="disk-full",
        changes=(_go("upgrade/upgrade.go", "return errors.Join(err, clear(mounted.Point))", "return err"),),
    ),
    Mutation(
        name="next-entry-not-one-shot",
        scenario="rollback",
        changes=(_menu("grub.cfg", "    save_env -f (${oem_device})/grubenv next_entry\n", ""),),
    ),
    Mutation(
        name="sentinel-missing",
        scenario="upgrade",
        changes=(_go("bootmode/bootmode.go", 'return "active_mode"', 'return "acting_mode"'),),
    ),
    Mutation(
        name="wrong-label",
        scenario="rollback",
        changes=(
            _go("upgrade/switch.go", "SetLabel(passive, node.PassiveLabel)", "SetLabel(passive, node.ActiveLabel)"),
        ),
    ),
    Mutation(
        name="state-not-persistent",
        scenario="upgrade",
        changes=(
            _oem("00_rootfs.yaml", "/etc/zfs /home /opt", "/etc/zfs /opt"),
            _oem(
                "00_rootfs.yaml", '        RW_PATHS: "/var /etc /srv"\n', '        RW_PATHS: "/var /etc /srv /home"\n'
            ),
        ),
    ),
    Mutation(
        name="fallback-disabled",
        scenario="fallback-panic",
        changes=(_oem("52_boot_assessment.yaml", " set default=fallback\n", " set default=cos\n"),),
    ),
    Mutation(
        name="passive-not-kept",
        scenario="rollback",
        changes=(_go("upgrade/upgrade.go", "swap(state, w.keepsOld(state))", "swap(state, false)"),),
    ),
    Mutation(
        name="passive-lost-from-passive",
        scenario="passive-upgrade",
        changes=(_go("upgrade/upgrade.go", "swap(state, w.keepsOld(state))", "swap(state, true)"),),
    ),
    Mutation(
        name="assessment-flag-stale",
        scenario="fallback-panic",
        changes=(_oem("52_boot_assessment.yaml", "commands: [immucore assessment good]", "commands: ['true']"),),
    ),
    Mutation(
        name="layers-not-hashed",
        scenario="tampered",
        changes=(
            _go(
                "registry/blob.go",
                "hex.EncodeToString(c.hash.Sum(nil)); digest != string(c.wanted.Digest)",
                'hex.EncodeToString(c.hash.Sum(nil)); digest == ""',
            ),
        ),
    ),
    Mutation(
        name="reset-keeps-persistent",
        scenario="reset",
        changes=(
            _go("reset/reset.go", "return format(install.PersistentLabel, blockdev.Format, w.Out)", "return nil"),
        ),
    ),
    Mutation(
        name="no-fsync",
        scenario="power-cuts",
        changes=(
            _go(
                "durable/durable.go",
                "	file, err := os.Open(path)\n",
                '	if path != "" {\n		return nil\n	}\n	file, err := os.Open(path)\n',
            ),
            _go("imagefile/image.go", "return sync(path, device)", "return nil"),
            # The kernel writes the names of a folder with a file that is new in it.
            _go("imagefile/label.go", "return errors.Join(err, file.Sync())", "return err"),
            _go(
                "node/node.go",
                'err := syscall.Mount("", point, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")',
                "err := error(nil)",
            ),
        ),
    ),
)
