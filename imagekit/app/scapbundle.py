"""OpenSCAP and SCAP content for a node: Debian packages, fetched for a release and packed; nothing is installed.

They come from the mirror that the base of images is made from, in the versions that it has on the day.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from imagekit.base import process
from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.files import write_whole
from imagekit.build.mirror import debian_mirror
from imagekit.checks.scap.content import ScapContent
from imagekit.checks.scap.scan import DATASTREAM
from imagekit.checks.scap.xccdf import profiles_of
from imagekit.config.load import Project
from imagekit.config.model import Arch
from imagekit.config.packagelock import LockedPackage
from imagekit.packages.apt import Apt
from imagekit.packages.aptsource import AptSource, archives_of
from imagekit.packages.interface import Ask, Keep, MirrorError, ResolveError
from imagekit.packages.store import Store
from imagekit.plan.asks import distro_file

BY_HAND = "docs/hardening.md says how to run OpenSCAP on a node by hand."
_SECONDS = 120.0
_ARCH = Arch.AMD64  # the harness has machines of no other, see imagekit.plan.matrix
Files = Sequence[tuple[LockedPackage, Path]]


class ContentMissingError(ToolError):
    """There is no SCAP content for an image, or it could not be had: its nodes are not judged, so nothing passed."""


def fetched(project: Project, packages: Sequence[str], release: str) -> Files:
    """Packages of a release with all that they need, each with its file."""
    spec, mirror = distro_file(project), debian_mirror(project.settings.debian_mirror)
    pockets = [each.replace(spec.suite, release, 1) for each in spec.pockets] if release == spec.suite else []
    lines = [line.split() for line in mirror.sources((release, *pockets), spec.components)]
    sources = [AptSource(uri=words[1], suite=words[2], components=spec.components) for words in lines]
    apt = Apt(
        project.work / "packages" / f"scap-{release}",
        _ARCH.value,
        (*sources, *archives_of(project.root, project.settings)),
    )
    store = Store(project.work)
    try:
        found = apt.resolve([Ask("scap", "", tuple(packages))], Keep())
        store.fill(found, [("the mirror", apt.fetch)])
    except (MirrorError, ResolveError) as error:
        raise ContentMissingError(
            f"{', '.join(packages)} of {release} cannot be had: {error}; nothing was judged",
            hint=f"{error.hint} Looked for in {', '.join(sorted({each.uri for each in sources}))}. {BY_HAND}",
        ) from None
    return tuple((each, store.path(each.sha256)) for each in found)


def packed(project: Project, declared: ScapContent, scanner: Files, content: Files) -> Path:
    """The archive for the node: program, loader, libraries, data stream; kept by what it is made of."""
    files = [each.sha256 for each, _ in (*scanner, *content)]
    key = hashlib.sha256("\n".join([*files, declared.datastream, declared.profile]).encode()).hexdigest()
    final = project.work / "packages" / "scap" / f"{key[:32]}.tar.gz"
    if final.exists():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix=".part-") as name:
        folder = Path(name)
        for kind, packages in (("scanner", scanner), ("content", content)):
            (folder / kind).mkdir()
            for _, file in packages:
                process.run(["dpkg-deb", "--extract", file, folder / kind], timeout=_SECONDS)
        datastream = folder / "content" / declared.datastream.lstrip("/")
        _require_profile(datastream, declared, versions(content, declared.content))
        write_whole(final, _archive(folder / "scanner", datastream))
    return final


def _require_profile(datastream: Path, declared: ScapContent, packages: str) -> None:
    if not datastream.is_file():
        there = sorted(path.name for path in datastream.parent.glob("*-ds.xml"))
        raise ContentMissingError(
            f"{packages} has no data stream {declared.datastream}: nothing was judged",
            hint=f"It has there: {', '.join(there) or 'none'}. A newer release may have it: `content_from`. {BY_HAND}",
        )
    known = profiles_of(datastream)
    if declared.profile not in known:
        raise ConfigError(
            f"{declared.datastream} of {packages} has no profile {declared.profile}",
            hint=f"It has: {', '.join(known)}.",
        )


def _archive(root: Path, datastream: Path) -> bytes:
    """gzipped tar: ``oscap``, ``ld.so`` and ``lib`` out of unpacked packages, and the data stream."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path in sorted(root.glob("usr/lib/*-linux-gnu*/*.so*")):
            _add(tar, path, "ld.so" if path.match("ld-linux*.so.*") else f"lib/{path.name}")
        _add(tar, root / "usr/bin/oscap", "oscap")
        _add(tar, datastream, DATASTREAM)
    return gzip.compress(raw.getvalue(), compresslevel=6, mtime=0)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    """A file, or a link to another one in its folder."""
    member = tarfile.TarInfo(name)
    member.mode = 0o755
    if path.is_symlink():
        member.type, member.linkname = tarfile.SYMTYPE, path.readlink().name
        tar.addfile(member)
        return
    data = path.read_bytes()
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def versions(packages: Files, asked: Sequence[str]) -> str:
    return ", ".join(f"{each.name} {each.version}" for each, _ in packages if each.name in asked)
