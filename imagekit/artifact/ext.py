"""File systems of the ext family written into a disk file at an offset, without root, loop device or mount.

mke2fs(8) fills them from a tar (since e2fsprogs 1.47.1), and E2FSPROGS_FAKE_TIME dates them.
"""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from imagekit.artifact.partitions import BLOCK, Partition, label_uuid
from imagekit.artifact.programs import find
from imagekit.artifact.sparse import Run
from imagekit.base import process
from imagekit.base.errors import ToolError

_TIMEOUT = 600.0
_CONFIG = Path(__file__).with_name("mke2fs.conf")
_EXTENT = re.compile(r"^\s*(\d+)/\s*(\d+)\s+\d+/\s*\d+\s+(\d+)\s*-\s*(\d+)\s+(\d+)\s*-\s*(\d+)\s+(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Blocks of a file that lie together: its block `logical` is block `physical` of the file system."""

    logical: int
    physical: int
    length: int


def write_image(
    target: Path,
    root: Path,
    *,
    label: str,
    size: int,
    inodes: int,
    epoch: int,
    attributes: Mapping[str, Mapping[str, bytes]] | None = None,
) -> None:
    """Write the tar `root` as an ext2 file system of `size` bytes to a new file; the space not used stays a hole.

    `attributes` are the extended attributes that the tar has, by path; each is read back. Raises `ToolError`.
    """
    with target.open("xb") as stream:
        stream.truncate(size)
    options = ["-t", "ext2", "-N", str(inodes)]
    _mke2fs(target, options, {}, root, label=label, size=size, epoch=epoch)
    if attributes:
        _set_attributes(target, attributes, epoch)


def write_partition(disk: Path, where: Partition, root: Path, *, journal: bool, epoch: int) -> None:
    """Write the tar `root` as the ext4 file system of a partition that GRUB can read.

    GRUB replays no journal, so where it reads there must be none: after a power cut it and the kernel could see
    different files under one name.
    """
    options = ["-t", "ext4"] if journal else ["-t", "ext4", "-O", "^has_journal"]
    extended = {"offset": str(where.offset), **({"lazy_journal_init": "1"} if journal else {})}
    _mke2fs(disk, options, extended, root, label=where.label, size=where.size, epoch=epoch)


def give_space(disk: Path, where: Partition, path: str, size: int, *, epoch: int) -> list[Run]:
    """Give an empty file of a partition's file system blocks for `size` bytes, none of them written.

    Returns where its bytes lie: runs of (offset in the file, offset in the disk, length).
    """
    device = f"{disk}?offset={where.offset}"
    blocks = -(-size // BLOCK)
    _debugfs(device, [f"fallocate {path} 0 {blocks - 1}", f"set_inode_field {path} size {size}"], epoch)
    extents = _extents(_debugfs(device, [f"dump_extents {path}"], epoch))
    if sum(extent.length for extent in extents) != blocks:
        raise ToolError(f"debugfs did not give {path} on {where.label} its {blocks} blocks")
    _debugfs(device, [f"extent_open {path}", *_initialized(extents), "extent_close"], epoch)
    return [(each.logical * BLOCK, where.offset + each.physical * BLOCK, each.length * BLOCK) for each in extents]


def small_tar(target: Path, files: Mapping[str, bytes], *, epoch: int) -> Path:
    """A tar of files and their folders, all root's, 0644 and 0755, dated `epoch`."""
    folders = sorted({str(parent) for name in files for parent in Path(name).parents if str(parent) != "."})
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in folders:
            archive.addfile(_member(name, epoch, mode=0o755, kind=tarfile.DIRTYPE))
        for name, data in sorted(files.items()):
            archive.addfile(_member(name, epoch, mode=0o644, size=len(data)), io.BytesIO(data))
    return target


def _member(name: str, epoch: int, *, mode: int, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.mode, made.size, made.mtime = kind, mode, size, epoch
    return made


def _mke2fs(
    target: Path,
    options: list[str],
    extended: Mapping[str, str],
    root: Path,
    *,
    label: str,
    size: int,
    epoch: int,
) -> None:
    uuid = label_uuid(label)
    # The seed of directory hashes is random otherwise; a folder has one owner whoever runs this.
    settings = {"hash_seed": str(uuid), "root_owner": "0:0", **extended}
    argv: list[str | Path] = [find("mke2fs", "e2fsprogs"), "-q", "-F", *options, "-m", "0"]
    argv += ["-E", ",".join(f"{key}={value}" for key, value in settings.items())]
    # libext2fs takes what follows a "?" in a device's name for options, so it is named from its own folder.
    argv += ["-L", label, "-U", str(uuid), "-d", root.resolve(), target.name, f"{size // 1024}k"]
    # SOURCE_DATE_EPOCH would take the time of each file that is younger, which squashfs keeps.
    env = {"E2FSPROGS_FAKE_TIME": str(epoch), "MKE2FS_CONFIG": str(_CONFIG)}
    done = process.run(argv, timeout=_TIMEOUT, env=env, cwd=target.parent)
    if odd := [line for line in done.stderr.splitlines() if line.strip()]:
        raise ToolError(f"mke2fs did not write {label} as it should", hint="\n".join(odd[:10]))


def _set_attributes(image: Path, attributes: Mapping[str, Mapping[str, bytes]], epoch: int) -> None:
    """Write extended attributes, for mke2fs takes only capabilities from a tar, and read all of them back."""
    wanted = [(path, name, value) for path, named in attributes.items() for name, value in sorted(named.items())]
    if odd := [path for path, _, _ in wanted if not path.isprintable() or '"' in path]:
        raise ToolError(f"debugfs cannot be told the path {odd[0]!a}, which has extended attributes")
    with tempfile.TemporaryDirectory(dir=image.parent) as folder:
        commands = []
        for number, (path, name, value) in enumerate(wanted):
            (Path(folder) / str(number)).write_bytes(value)
            commands.append(f'ea_set -f "{Path(folder).name}/{number}" "/{path}" {name}')
        _debugfs(str(image), commands, epoch)
    shown = _debugfs(str(image), [f'ea_get -x "/{path}" {name}' for path, name, _ in wanted], epoch)
    found = [line.rstrip() for line in shown.splitlines() if line.strip() and not line.startswith("debugfs:")]
    reported = [f"{name} ({len(value)})" + (f" = {value.hex(' ')}" if value else "") for _, name, value in wanted]
    if found != reported:
        raise ToolError(
            f"{image.name} does not hold the extended attributes that the image has, {len(reported)} in all"
        )


def _debugfs(device: str, commands: list[str], epoch: int) -> str:
    """Run commands on a device named ``FILE?offset=N``, seen from its folder, whose own path may have a ``?``."""
    folder, _, name = device.rpartition("/")
    argv: list[str | Path] = [find("debugfs", "e2fsprogs"), "-w", "-f", "-", name]
    env = {"SOURCE_DATE_EPOCH": str(epoch), "E2FSPROGS_FAKE_TIME": str(epoch)}
    done = process.run(
        argv, timeout=_TIMEOUT, env=env, cwd=Path(folder or "."), stdin="\n".join([*commands, ""]).encode()
    )
    # It ends with 0 whatever happened; its first line on stderr is its version.
    if odd := [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("debugfs 1.")]:
        raise ToolError(f"debugfs could not change {device}", hint="\n".join(odd[:10]))
    return done.stdout


def _extents(text: str) -> list[Extent]:
    found = [match for line in text.splitlines() if (match := _EXTENT.match(line))]
    leaves = [match for match in found if match[1] == match[2]]
    return [Extent(logical=int(m[3]), physical=int(m[5]), length=int(m[7])) for m in leaves]


def _initialized(extents: list[Extent]) -> list[str]:
    """Commands that make extents count as written, which they are once the image is copied into them."""
    lines = []
    for each in extents:
        lines += [f"goto_block {each.logical}", f"replace_node {each.logical} {each.length} {each.physical}"]
    return lines
