"""Stacks of layers put together at random, and the root file systems that containerd makes of them."""

from __future__ import annotations

import io
import os
import random
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from imagekit.base.process import ProcessError, run
from imagekit.oci.errors import ImageContentError
from imagekit.oci.flatten import flatten
from tests.support.layout import directory, hard_link, layer, layout, member, symlink

Tree = dict[str, "Seen"] | None  # None: refused
_NAMES = ("a", "b", "d")
_DEEP = 3
_GONE = b"\0"  # what the witness writes for an overlayfs whiteout


class Seen(NamedTuple):
    """A path of a root file system; `data` is the content of a file, or where a link leads."""

    kind: str
    mode: int
    uid: int
    data: str
    same: tuple[str, ...]  # all paths of the same file


def stack(dice: random.Random) -> list[bytes]:
    """Up to three layers over a few names, so that they meet."""
    return [layer(*(_entry(dice) for _ in range(dice.randrange(1, 7)))) for _ in range(dice.randrange(1, 4))]


def _path(dice: random.Random) -> str:
    return "/".join(dice.choice(_NAMES) for _ in range(dice.randrange(1, _DEEP + 1)))


def _entry(dice: random.Random) -> tuple[tarfile.TarInfo, bytes]:
    path = _path(dice)
    name = dice.choice((path, path, path, path, f"/{path}", f"./{path}", f"{path}/"))
    made = dice.choice((_file, _file, _folder, _folder, _link, _hard, _gone, _opaque))(dice, name, path)
    made[0].uid = dice.choice((0, 0, 7))
    return made


def _file(dice: random.Random, name: str, _: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name.rstrip("/"), dice.randbytes(3).hex().encode(), mode=dice.choice((0o644, 0o4755)))


def _folder(dice: random.Random, name: str, _: str) -> tuple[tarfile.TarInfo, bytes]:
    return directory(dice.choice((name, name, name, "/", "./")), mode=dice.choice((0o755, 0o700)))


def _link(dice: random.Random, name: str, _: str) -> tuple[tarfile.TarInfo, bytes]:
    return symlink(name.rstrip("/"), dice.choice(("", "/", "../", "../../")) + _path(dice))


def _hard(dice: random.Random, name: str, _: str) -> tuple[tarfile.TarInfo, bytes]:
    return hard_link(name.rstrip("/"), dice.choice(("", "/")) + _path(dice))


def _gone(dice: random.Random, name: str, path: str) -> tuple[tarfile.TarInfo, bytes]:
    folder, _, last = path.rpartition("/")
    return member(f"{folder}/.wh.{last}".lstrip("/"))


def _opaque(dice: random.Random, name: str, path: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(f"{path}/.wh..wh..opq")


def naive(program: Path, layers: Sequence[bytes], folder: Path) -> tuple[Tree, str]:
    """What containerd leaves where all layers are unpacked into one folder, or why it refuses."""
    why = _applied(program, "apply", layers, folder)
    return (None if why else seen([folder])), why


def overlaid(program: Path, layers: Sequence[bytes], folder: Path) -> tuple[Tree, str]:
    """What a container sees with containerd's overlayfs snapshotter, its folders merged as the kernel merges them."""
    why = _applied(program, "overlay", layers, folder)
    return (None if why else seen([folder / str(number) for number in range(len(layers))])), why


def ours(layers: Sequence[bytes], folder: Path) -> tuple[Tree, str]:
    """What imagekit makes of the layers, or why it refuses."""
    folder.mkdir()
    sink = io.BytesIO()
    try:
        flatten(folder, layout(folder, layers), sink)
    except ImageContentError as error:
        return None, str(error)
    sink.seek(0)
    found: dict[str, Seen] = {}
    names: dict[str, list[str]] = {}
    with tarfile.open(fileobj=sink) as archive:
        for each in archive:
            names.setdefault(each.linkname if each.islnk() else each.name, []).append(each.name)
            stream = archive.extractfile(each) if each.isreg() or each.islnk() else None
            data = each.linkname if each.issym() else stream.read().decode() if stream is not None else ""
            kind = "0" if each.islnk() else each.type.decode()
            found[each.name] = Seen(kind, 0o777 if each.issym() else each.mode, each.uid, data, (each.name,))
    for same in names.values():
        for name in same:
            found[name] = found[name]._replace(same=tuple(sorted(same)))
    return found, ""


def _applied(program: Path, how: str, layers: Sequence[bytes], folder: Path) -> str:
    folder.mkdir()
    stdin = b"".join(len(data).to_bytes(8, "big") + data for data in layers)
    try:
        run([program, how, folder], timeout=60, stdin=stdin)
    except ProcessError as error:
        return error.stderr.strip() or "no words"
    return ""


def seen(folders: Sequence[Path]) -> dict[str, Seen]:
    """The merged view of folders, lowest first."""
    places: dict[str, Path] = {}
    for folder in folders:
        reported = folder.with_name(f"{folder.name}.opaque")
        _merge(folder, "", places, set(reported.read_text().splitlines()) if reported.exists() else set())
    inodes: dict[tuple[int, int], list[str]] = {}
    for path, place in sorted(places.items()):
        found = place.lstat()
        inodes.setdefault((found.st_dev, found.st_ino), []).append(path)
    return {path: _seen(path, place, inodes) for path, place in places.items()}


def _merge(folder: Path, prefix: str, places: dict[str, Path], opaque: set[str]) -> None:
    if not prefix and str(folder) in opaque:
        places.clear()
    for place in folder.iterdir():
        path, found = f"{prefix}{place.name}", place.lstat()
        is_folder = stat.S_ISDIR(found.st_mode)
        lower = places.get(path)
        if not is_folder or str(place) in opaque or (lower is not None and not stat.S_ISDIR(lower.lstat().st_mode)):
            for below in [each for each in places if each == path or each.startswith(f"{path}/")]:
                del places[below]
        if stat.S_ISREG(found.st_mode) and place.read_bytes() == _GONE:
            continue
        places[path] = place
        if is_folder:
            _merge(place, f"{path}/", places, opaque)


def _seen(path: str, place: Path, inodes: dict[tuple[int, int], list[str]]) -> Seen:
    found = place.lstat()
    same = tuple(inodes[found.st_dev, found.st_ino])
    if stat.S_ISLNK(found.st_mode):
        return Seen("2", 0o777, found.st_uid, str(os.readlink(place)), (path,))  # noqa: PTH115 - keeps a last slash
    if stat.S_ISDIR(found.st_mode):
        return Seen("5", found.st_mode & 0o7777, found.st_uid, "", (path,))
    return Seen("0", found.st_mode & 0o7777, found.st_uid, place.read_text(), same)
