"""Two images layer by layer, down to the byte: which file of which layer differs, and in what.

An inventory says what two images hold; this says why their digests differ, times and order of a tar included. Layers of
one digest are not read. Of files that differ in content the first place is named: line and both lines for text, else
the offset.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from imagekit.base.process import ProcessError, ProcessTimeoutError, run
from imagekit.base.text import one_line
from imagekit.oci.layout import Layer, layers, small_json, unpacked
from imagekit.oci.reference import Digest
from imagekit.oci.tarstream import Source, TarMember, entries

_LARGEST = 64 << 20  # bytes of a file whose content is compared; of a larger one only the hashes are told
_MOST = 200  # files of one layer whose content is compared
_CHUNK = 1 << 20  # bytes that are looked at for a NUL, which no text has
_SHOWN = 100  # characters of a line
_DIFFOSCOPE = ["diffoscope", "--no-progress", "--text", "-", "--max-text-report-size", "4000"]
_EXPLAINED = 3  # files of one layer that diffoscope is asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image in an OCI layout; `names` are those of its layers from the bottom, where they are known."""

    layout: Path
    manifest: Digest
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """One path of one layer: in what it differs, as sentences; `explained` is what diffoscope says of its content."""

    path: str
    texts: tuple[str, ...]
    explained: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerChange:
    """One layer that is not the same blob; without members the tar or its packing differs in another way, `note`."""

    layer: str
    before: str
    after: str
    members: tuple[MemberChange, ...] = ()
    note: str = ""


@dataclass(slots=True)
class _Member:
    """What is compared of a member, and its place in the tar."""

    entry: TarMember
    sha256: str = ""
    place: int = 0


@dataclass(slots=True)
class _Read:
    members: dict[str, _Member] = field(default_factory=dict)
    tar: str = ""


def layer_changes(a: Image, b: Image) -> tuple[LayerChange, ...]:
    """Every layer that differs, by position; raises `ImageContentError` for a blob that is not what its digest says."""
    found = list(_of_configuration(a, b))
    pairs = zip_longest(layers(a.layout, a.manifest), layers(b.layout, b.manifest))
    for number, (one, two) in enumerate(pairs):
        name = _name(a, b, number)
        if one is None or two is None:
            digest = str((one or two).digest)
            note = "only in the second image" if one is None else "only in the first image"
            found.append(LayerChange(layer=name, before=digest if one else "", after=digest if two else "", note=note))
        elif one.digest != two.digest:
            found.append(_compared(a, b, one, two, name))
    return tuple(found)


def _name(a: Image, b: Image, number: int) -> str:
    names = b.names or a.names
    return f"{number + 1} ({names[number]})" if number < len(names) else f"{number + 1}"


def _of_configuration(a: Image, b: Image) -> Iterator[LayerChange]:
    """Labels, environment, times: what the configuration says beside its layers."""
    one, two = (_configuration(each) for each in (a, b))
    texts = [
        f"{key}: {one_line(str(one.get(key, 'nothing')), _SHOWN)} to {one_line(str(two.get(key, 'nothing')), _SHOWN)}"
        for key in sorted({*one, *two})
        if one.get(key) != two.get(key)
    ]
    if texts:
        yield LayerChange(
            layer="configuration",
            before=str(a.manifest),
            after=str(b.manifest),
            members=tuple(MemberChange(path=text.partition(": ")[0], texts=(text,)) for text in texts),
        )


def _configuration(image: Image) -> dict[str, Any]:
    digest = Digest(str(small_json(image.layout, image.manifest)["config"]["digest"]))
    data = small_json(image.layout, digest)
    inner = data.pop("config", None) or {}
    labels = {f"label {key}": value for key, value in (inner.pop("Labels", None) or {}).items()}
    data.pop("rootfs", None)  # the layers themselves
    steps = data.pop("history", None) or []
    history = {f"step {number}": str(each.get("created_by", "")) for number, each in enumerate(steps, 1)}
    times = {"times of the steps": ", ".join(sorted({str(each.get("created", "none")) for each in steps}))}
    return {**data, **{f"config {key}": value for key, value in inner.items()}, **labels, **history, **times}


def _compared(a: Image, b: Image, one: Layer, two: Layer, name: str) -> LayerChange:
    was, now = _members(a.layout, one), _members(b.layout, two)
    paths = {**was.members, **now.members}
    texts = {path: list(_texts(was.members.get(path), now.members.get(path))) for path in paths}
    differing = {path: said for path, said in texts.items() if said}
    members = _with_content(a, b, one, two, was, now, differing)
    note = "" if members else _unseen(was, now)
    return LayerChange(layer=name, before=str(one.digest), after=str(two.digest), members=members, note=note)


def _unseen(was: _Read, now: _Read) -> str:
    if list(was.members) != list(now.members):
        return "the same files in another order"
    return "the same tar, packed in another way" if was.tar == now.tar else "the same files; the tar's headers differ"


def _members(layout: Path, layer: Layer) -> _Read:
    found, whole = _Read(), hashlib.sha256()
    with closing(unpacked(layout, layer)) as chunks:
        source = Source(_hashed(chunks, whole.update))
        with closing(entries(source)) as walk:  # type: ignore[type-var]  # a generator has close
            for place, entry in enumerate(walk):
                state = hashlib.sha256()
                source.copy(entry.size, state.update)
                source.copy(entry.padded - entry.size, lambda _: None)
                found.members[entry.path] = _Member(entry, state.hexdigest() if entry.size else "", place)
    found.tar = whole.hexdigest()
    return found


def _hashed(chunks: Iterator[bytes], update: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        update(chunk)
        yield chunk


def _texts(was: _Member | None, now: _Member | None) -> Iterator[str]:
    if was is None or now is None:
        yield "only in the second image" if was is None else "only in the first image"
        return
    one, two = was.entry, now.entry
    for name, old, new in (
        ("kind", one.kind.decode("ascii", "replace"), two.kind.decode("ascii", "replace")),
        ("mode", f"{one.mode:04o}", f"{two.mode:04o}"),
        ("owner", f"{one.uid}:{one.gid}", f"{two.uid}:{two.gid}"),
        ("mtime", str(one.mtime), str(two.mtime)),
        ("target", one.link, two.link),
        ("device", str(one.device), str(two.device)),
        ("size", str(one.size), str(two.size)),
    ):
        if old != new:
            yield f"{name} {one_line(old, _SHOWN) or 'none'} to {one_line(new, _SHOWN) or 'none'}"
    for key in sorted({*one.xattrs, *two.xattrs}):
        if one.xattrs.get(key) != two.xattrs.get(key):
            yield f"attribute {key} differs"
    if was.sha256 != now.sha256:
        yield "content"


def _with_content(
    a: Image, b: Image, one: Layer, two: Layer, was: _Read, now: _Read, differing: Mapping[str, Sequence[str]]
) -> tuple[MemberChange, ...]:
    wanted = [
        path
        for path, said in sorted(differing.items())
        if "content" in said and max(was.members[path].entry.size, now.members[path].entry.size) <= _LARGEST
    ][:_MOST]
    with tempfile.TemporaryDirectory(prefix="imagekit-diff-") as scratch:
        sides = [Path(scratch) / side for side in ("a", "b")]
        names = {path: f"{number}" for number, path in enumerate(wanted)}
        for image, layer, folder in ((a, one, sides[0]), (b, two, sides[1])):
            folder.mkdir()
            if names:
                _extract(image.layout, layer, names, folder)
        found = []
        for path, said in sorted(differing.items()):
            texts = list(said)
            explained: tuple[str, ...] = ()
            if path in names:
                old, new = (folder / names[path] for folder in sides)
                texts[texts.index("content")] = first_difference(old, new)
                if int(names[path]) < _EXPLAINED:
                    explained = _explained(old, new)
            found.append(MemberChange(path=path, texts=tuple(texts), explained=explained))
        return tuple(found)


def _extract(layout: Path, layer: Layer, names: Mapping[str, str], folder: Path) -> None:
    with closing(unpacked(layout, layer)) as chunks:
        source = Source(chunks)
        with closing(entries(source)) as walk:  # type: ignore[type-var]  # a generator has close
            for entry in walk:
                if entry.path in names:
                    with (folder / names[entry.path]).open("wb") as stream:
                        source.copy(entry.size, stream.write)
                else:
                    source.copy(entry.size, lambda _: None)
                source.copy(entry.padded - entry.size, lambda _: None)


def first_difference(a: Path, b: Path) -> str:
    """Where two files begin to differ: line and both lines for text, else the offset in bytes (from 0)."""
    one, two = a.read_bytes(), b.read_bytes()
    offset = _offset(one, two)
    try:
        texts = one.decode(), two.decode()
    except UnicodeDecodeError:
        texts = None
    if texts is None or "\0" in texts[0][:_CHUNK] + texts[1][:_CHUNK]:
        return f"content from byte {offset} (0x{offset:x})"
    line = one[:offset].count(b"\n")
    shown = [[*text.splitlines(), ""][line : line + 1] for text in texts]
    old, new = (one_line(each[0], _SHOWN) if each else "nothing" for each in shown)
    return f"content from line {line + 1}: {old!r} to {new!r}"


def _offset(one: bytes, two: bytes) -> int:
    """The first byte that differs: by halves, which compares in C and not byte by byte."""
    same, most = 0, min(len(one), len(two))
    while same < most:
        middle = (same + most + 1) // 2
        if one[same:middle] == two[same:middle]:
            same = middle
        else:
            most = middle - 1
    return same


def _explained(a: Path, b: Path) -> tuple[str, ...]:
    """What diffoscope says of two files; nothing where it is not installed or takes too long."""
    if shutil.which(_DIFFOSCOPE[0]) is None:
        return ()
    try:
        reported = run([*_DIFFOSCOPE, a, b], timeout=120, ok=(0, 1)).stdout
    except (ProcessError, ProcessTimeoutError) as error:
        return (f"diffoscope: {error}",)
    return tuple(one_line(line, _SHOWN * 2) for line in reported.splitlines()[:40])
