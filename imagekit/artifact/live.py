"""From an image digest to what a machine boots: kernel, initrd, root file system, fast initrd, live ISO."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from imagekit.artifact.errors import NotBootableError
from imagekit.artifact.initrd import MODULES, fast_initrd, init_script
from imagekit.artifact.initrdcheck import require_whole_initrd
from imagekit.artifact.kernel import bare_kernel, module_files, modules
from imagekit.artifact.programs import busybox, find, iso_tool
from imagekit.base import process
from imagekit.base.errors import ToolError
from imagekit.base.log import step
from imagekit.base.space import space_for
from imagekit.oci.flatten import NODE_FOLDERS, flatten
from imagekit.oci.reference import Digest

_RECIPE = 3  # raised whenever the same image makes other artifacts
_TIMEOUT = 600.0
# Stored as is: an emulated guest reads plain blocks for less than it unpacks any, and writing is three times faster.
_SQFSTAR = (
    *("-quiet", "-no-progress", "-noI", "-noId", "-noD", "-noF", "-noX", "-no-duplicates", "-no-fragments"),
    *("-root-mode", "0755", "-root-uid", "0", "-root-gid", "0", "-mkfs-time", "0"),
)
_HARMLESS = ("Unrecognised tar xattr prefix system.posix_acl_", "Empty tar filename after skipping")


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveArtifacts:
    """What boots one image digest; `bare_kernel` is the kernel unpacked, where QEMU can start it so."""

    folder: Path
    manifest: Digest
    kernel_release: str
    kernel: Path
    bare_kernel: Path | None
    initrd: Path
    rootfs: Path
    fast_initrd: Path
    iso: Path
    reused: bool


def live_artifacts(layout: Path, manifest: Digest, into: Path, *, harness: Path) -> LiveArtifacts:
    """Make the artifacts of one image below `into`, or take them from there when they already stand.

    Raises `ImageContentError` for content that is not what its digest says, `NotBootableError` when kernel, initrd
    or modules are missing, `ToolError` when a program fails. What stands under the final name is always whole.
    """
    final, recipe = into / manifest.hex, _recipe(harness)
    if (found := _standing(final, manifest, recipe)) is not None:
        return found
    into.mkdir(parents=True, exist_ok=True)
    with space_for(f"root file system and kernel of {manifest.short}", into), _fresh_folder(into, final) as folder:
        with step("Writing the root file system") as reported:
            size = _rootfs(layout, manifest, folder / "rootfs.squashfs")
            reported.note = f"{size >> 20} MiB"
        release = _boot_files(folder, harness)
        record = {"recipe": recipe, "manifest": str(manifest), "kernel_release": release}
        (folder / "artifacts.json").write_text(json.dumps(record, indent=1) + "\n")
    made = _standing(final, manifest, recipe, reused=False)
    assert made is not None
    return made


def live_iso(artifacts: LiveArtifacts) -> Path:
    """The framework's live medium, made when first asked for, without a boot loader.

    QEMU is given kernel and initrd directly. Label and places of the files are Kairos's: COS_LIVE, /rootfs.squashfs,
    /boot/kernel, /boot/initrd.
    """
    if artifacts.iso.exists():
        return artifacts.iso
    # A graft is PATH=FILE, so the files are named from their own folder, whose path may have a "=" of its own.
    grafts = [
        f"rootfs.squashfs={artifacts.rootfs.name}",
        f"boot/kernel={artifacts.kernel.name}",
        f"boot/initrd={artifacts.initrd.name}",
    ]
    fresh = artifacts.iso.with_name(f".new-{os.getpid()}-live.iso")
    argv: list[str | Path] = [
        *iso_tool(),
        "-quiet",
        "-V",
        "COS_LIVE",
        "-r",
        "-J",
        "-graft-points",
        "-o",
        fresh.name,
        *grafts,
    ]
    try:
        with step("Writing the live medium"), space_for(artifacts.iso.name, artifacts.iso.parent):
            process.run(argv, timeout=_TIMEOUT, cwd=artifacts.iso.parent)
        fresh.rename(artifacts.iso)
    finally:
        fresh.unlink(missing_ok=True)
    return artifacts.iso


def _standing(folder: Path, manifest: Digest, recipe: str, *, reused: bool = True) -> LiveArtifacts | None:
    try:
        record = json.loads((folder / "artifacts.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    if record.get("recipe") != recipe:
        return None
    bare = folder / "vmlinux"
    return LiveArtifacts(
        folder=folder,
        manifest=manifest,
        kernel_release=record["kernel_release"],
        kernel=folder / "vmlinuz",
        bare_kernel=bare if bare.exists() else None,
        initrd=folder / "initrd",
        rootfs=folder / "rootfs.squashfs",
        fast_initrd=folder / "fast-initrd",
        iso=folder / "live.iso",
        reused=reused,
    )


def _recipe(harness: Path) -> str:
    state = hashlib.sha256(f"{_RECIPE} {_SQFSTAR} {MODULES}".encode())
    state.update(init_script(harness))
    state.update(busybox().read_bytes())
    return state.hexdigest()


@contextmanager
def _fresh_folder(into: Path, final: Path) -> Iterator[Path]:
    _remove_dead(into)
    made = Path(tempfile.mkdtemp(prefix=f".new-{os.getpid()}-", dir=into))
    try:
        yield made
        made.chmod(0o755)
        shutil.rmtree(final, ignore_errors=True)  # an older recipe's
        made.rename(final)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _remove_dead(into: Path) -> None:
    for path in into.glob(".new-*-*"):
        owner = path.name.split("-")[1]
        if owner.isdigit() and not process.alive(int(owner)):
            shutil.rmtree(path, ignore_errors=True)


def _rootfs(layout: Path, manifest: Digest, target: Path) -> int:
    argv: list[str | Path] = [find("sqfstar", "squashfs-tools"), *_SQFSTAR, target]

    def feed(stdin: IO[bytes]) -> None:
        _widen(stdin)
        flatten(layout, manifest, stdin, folders=NODE_FOLDERS)

    done = process.pipe(argv, feed, timeout=_TIMEOUT)
    odd = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith(_HARMLESS)]
    if odd or not target.exists():
        raise ToolError(f"sqfstar did not take the image {manifest} as it is", hint="\n".join(odd[:10]))
    return target.stat().st_size


def _widen(stdin: IO[bytes]) -> None:
    import fcntl

    try:
        fcntl.fcntl(stdin.fileno(), fcntl.F_SETPIPE_SZ, 1 << 20)
    except (PermissionError, io.UnsupportedOperation):
        return  # a user over the pipe limit: the usual size is slower, not wrong


def _boot_files(folder: Path, harness: Path) -> str:
    with tempfile.TemporaryDirectory(dir=folder) as name:
        tree = Path(name) / "root"
        rootfs = folder / "rootfs.squashfs"
        _extract(rootfs, tree, ["boot", "usr/lib/modules/*/modules.dep", "usr/lib/modules/*/modules.builtin"])
        kernel, initrd = _inside(tree, "boot/vmlinuz"), _inside(tree, "boot/initrd")
        shutil.move(kernel, folder / "vmlinuz")
        shutil.move(initrd, folder / "initrd")
        (folder / "initrd").chmod(0o644)
        require_whole_initrd((folder / "initrd").read_bytes())
        if (bare := bare_kernel((folder / "vmlinuz").read_bytes())) is not None:
            (folder / "vmlinux").write_bytes(bare)
        base = _module_folder(tree)
        wanted = [f"usr/lib/modules/{base.name}/{path}" for path in module_files(base, MODULES)]
        if wanted:
            _extract(rootfs, tree, wanted)
        packed = fast_initrd(init_script(harness), busybox().read_bytes(), modules(base, MODULES))
        (folder / "fast-initrd").write_bytes(packed)
        return base.name


def _extract(rootfs: Path, tree: Path, paths: list[str]) -> None:
    argv: list[str | Path] = [
        find("unsquashfs", "squashfs-tools"),
        "-no-progress",
        "-no-xattrs",
        "-force",
        "-dest",
        tree,
        rootfs,
        *paths,
    ]
    process.run(argv, timeout=_TIMEOUT)


def _inside(tree: Path, name: str) -> Path:
    """The regular file that a path of the image leads to, symbolic links followed within the image."""
    path = tree / name
    for _ in range(8):
        if not path.is_symlink():
            break
        target = path.readlink()
        base = tree if target.is_absolute() else path.parent
        path = base / str(target).lstrip("/")
        if ".." in path.relative_to(tree).parts:
            path = Path(os.path.normpath(path))
    if path.is_symlink() or not path.is_relative_to(tree) or not path.is_file():
        raise NotBootableError(
            f"the image has no /{name}", hint="The framework's init stage makes kernel and initrd; see the base layer."
        )
    return path


def _module_folder(tree: Path) -> Path:
    found = sorted((tree / "usr/lib/modules").glob("*/modules.dep"))
    if len(found) != 1:
        names = ", ".join(path.parent.name for path in found) or "none"
        raise NotBootableError(f"the image must have exactly one kernel in /usr/lib/modules, found: {names}")
    return found[0].parent
