"""Small Debian packages and an archive of them, made with dpkg's own tools, for a solver that is the real one."""

from __future__ import annotations

import hashlib
import re
import tempfile
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from imagekit.base.process import run
from imagekit.packages.aptsource import AptSource


@dataclass
class Archive:
    """A flat mirror below `root`, without signature; `suites` are its folders."""

    root: Path
    label: str = "Debian"
    packages: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, suite: str, name: str, version: str, *, depends: str = "", source: str = "", extra: str = "") -> Path:
        """Put a package of this version into a suite, beside those that are there."""
        data, control = _built(name, version, depends, extra)
        pool = self.root / "pool/main" / (source or name)[0] / (source or name)
        pool.mkdir(parents=True, exist_ok=True)
        target = pool / f"{name}_{version.rpartition(':')[2]}_amd64.deb"
        target.write_bytes(data)
        path = target.relative_to(self.root).as_posix()
        self.packages[suite, f"{name} {version}"] = (
            f"{control}\nFilename: {path}\nSize: {target.stat().st_size}\n"
            f"SHA256: {hashlib.sha256(target.read_bytes()).hexdigest()}\n"
        )
        self.index(suite)
        return target

    def drop(self, suite: str, name: str, version: str) -> None:
        """Take a package out of a suite and out of the pool, as mirrors do with what was replaced."""
        stanza = self.packages.pop((suite, f"{name} {version}"))
        found = re.search(r"^Filename: (\S+)", stanza, re.M)
        assert found is not None
        (self.root / found[1]).unlink()
        self.index(suite)

    def index(self, suite: str) -> None:
        """Write the lists of a suite anew."""
        folder = self.root / "dists" / suite
        (folder / "main/binary-amd64").mkdir(parents=True, exist_ok=True)
        listing = "\n".join(text for (where, _), text in sorted(self.packages.items()) if where == suite).encode()
        (folder / "main/binary-amd64/Packages").write_bytes(listing)
        (folder / "Release").write_text(
            f"Origin: Debian\nLabel: {self.label}\nSuite: {suite}\nCodename: {suite}\nComponents: main\n"
            "Architectures: amd64\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n"
            f" {hashlib.sha256(listing).hexdigest()} {len(listing)} main/binary-amd64/Packages\n"
        )

    def source(self, suite: str) -> AptSource:
        """How a resolver is told of a suite."""
        return AptSource(uri=f"file:{self.root}", suite=suite, components=("main",), trusted=True)


@cache
def _built(name: str, version: str, depends: str, extra: str) -> tuple[bytes, str]:
    """A package, and what dpkg says of it: the same each time, for its files have a fixed date."""
    with tempfile.TemporaryDirectory() as folder:
        file = deb(Path(folder), name, version, depends=depends, extra=extra)
        return file.read_bytes(), run(["dpkg-deb", "--field", file], timeout=20).stdout.strip()


def deb(folder: Path, name: str, version: str, *, depends: str = "", extra: str = "") -> Path:
    """A package with one file, whose content is its version."""
    root = folder / f"{name}_{version.rpartition(':')[2]}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "usr/share" / name).mkdir(parents=True)
    (root / "usr/share" / name / "version").write_text(version)
    control = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: Test <test@example.org>\n"
    control += f"Depends: {depends}\n" if depends else ""
    control += f"{extra}\n" if extra else ""
    (root / "DEBIAN/control").write_text(f"{control}Description: test\n")
    target = folder / f"{root.name}_amd64.deb"
    env = {"SOURCE_DATE_EPOCH": "1"}
    run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", root, target], timeout=20, env=env)
    return target
