"""dnf as a resolver: its own solver on an empty root and repositories that the project names.

The lock holds all that a stage needs, whether the base image brings it or not: a base is named by its digest, and what
it has is not installed again.
"""

from __future__ import annotations

import shutil
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError

from imagekit.base.errors import ToolError
from imagekit.base.files import sha256_of
from imagekit.base.log import step
from imagekit.base.process import Completed, ProcessError, run
from imagekit.base.reason import summary
from imagekit.config.packagelock import LockedPackage, ordered
from imagekit.packages.interface import Ask, Keep, MirrorError, ResolveError

_TIMEOUT = 1800.0
_KEPT = "imagekit-kept"
_QUERY = r"%{NAME}\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\t%{ARCH}\n"
_PIECE = 1 << 20
# What dnf says of files that are not the ones in its list, or that it could not get.
_MIRROR_FAULTS = ("checksum doesn't match", "incorrect checksum", "Cannot download", "No more mirrors to try")
ARCHES = {"amd64": "x86_64", "arm64": "aarch64"}


@dataclass(slots=True)
class Dnf:
    """See `imagekit.packages.interface.Manager`; `repositories` has the address of each by its id."""

    folder: Path
    arch: str
    repositories: Mapping[str, str]
    suffix: str = "rpm"

    def resolve(self, asks: Sequence[Ask], keep: Keep) -> tuple[LockedPackage, ...]:
        """Everything the stages install; see the interface. The files are fetched on the way, for their checksums."""
        self._prepare(keep)
        kept = {(each.name, each.version, each.arch): each for each in keep.packages}
        files = self.folder / "files"
        files.mkdir(exist_ok=True)
        below: dict[str, set[Path]] = {"": set()}
        asked: dict[str, list[str]] = {"": []}
        rows: list[tuple[str, Path]] = []
        for ask in asks:
            asked[ask.stage] = [*asked[ask.on], *ask.packages]
            found = self._downloaded(ask.stage, asked[ask.stage], files) if ask.packages else below[ask.on]
            rows += [(ask.stage, path) for path in sorted(found - below[ask.on])]
            below[ask.stage] = found | below[ask.on]
        places = dict(self._places())
        return ordered([self._row(stage, path, places, kept) for stage, path in rows], asked)

    def security(self, packages: Sequence[LockedPackage]) -> tuple[str, ...]:
        """Names of those that an advisory of kind security is about; holds after `resolve`."""
        reported = self._dnf("updateinfo", "list", "--all", "--security").stdout
        advised = {line.split()[-1] for line in reported.splitlines() if len(line.split()) >= 3}
        if not advised:
            raise MirrorError(
                "none of the repositories says which versions are security updates (updateinfo)",
                hint="Move packages by name with `--only`.",
            )
        newest = {line.split("\t")[0]: line.split("\t")[1] for line in self._newest() if "\t" in line}
        return tuple(sorted({each.name for each in packages if newest.get(each.name, "") in advised}))

    def fetch(self, packages: Sequence[LockedPackage], into: Path) -> Mapping[str, str]:
        """Get files: those that resolving brought, else from the repository that the lock names."""
        brought, failed = self.folder / "files", dict[str, str]()
        for package in packages:
            target, own = into / package.sha256, brought / Path(package.path).name
            if own.is_file() and sha256_of(own) == package.sha256:
                shutil.copyfile(own, target)
            elif (base := self.repositories.get(package.origin)) is not None:
                failed[package.sha256] = _read(f"{base.rstrip('/')}/{package.path}", target)
        return {sha256: why for sha256, why in failed.items() if why}

    def index(self, folder: Path, files: Sequence[tuple[str, LockedPackage]]) -> None:
        """``repodata``, without databases and times."""
        del files
        argv: list[str | Path] = [
            "createrepo_c",
            "--quiet",
            "--no-database",
            "--set-timestamp-to-revision",
            "--revision=1",
            folder,
        ]
        try:
            run(argv, timeout=_TIMEOUT)
        except ProcessError as error:
            raise ToolError(f"createrepo_c made no repository: {summary(error.stderr)}") from None

    def _prepare(self, keep: Keep) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("root", "repos"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
            (self.folder / name).mkdir()
        entries = [_entry(name, address.replace("{arch}", ARCHES[self.arch])) for name, address in self._addresses()]
        if keep.repository is not None:
            # Of the packages that stand in it no other version counts, newer ones neither.
            entries.append(_entry(_KEPT, f"file://{keep.repository}") + "priority=1\n")
        (self.folder / "repos/imagekit.repo").write_text("\n".join(entries))
        (self.folder / "dnf.conf").write_text(
            f"[main]\nreposdir={self.folder / 'repos'}\ncachedir={self.folder / 'cache'}\n"
            f"persistdir={self.folder / 'persist'}\nlogdir={self.folder / 'log'}\nvarsdir=/nonexistent\n"
            "install_weak_deps=False\nmodule_platform_id=platform:el9\nskip_if_unavailable=False\nmetadata_expire=0\n"
        )
        with step("Lists of packages"):
            try:
                self._dnf("makecache", "--refresh")
            except ProcessError as error:
                raise MirrorError(
                    f"the mirror does not serve whole lists of packages: {summary(error.stderr or error.stdout)}",
                    hint="This is the mirror, not the distribution: try again, or another one (`rpm_repositories`).",
                ) from None

    def _addresses(self) -> Iterator[tuple[str, str]]:
        yield from sorted(self.repositories.items())

    def _downloaded(self, stage: str, packages: Sequence[str], files: Path) -> set[Path]:
        """The files of packages and of all that they need."""
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="new-") as new:
            try:
                self._dnf("download", "--resolve", "--alldeps", "--destdir", new, *packages)
            except ProcessError as error:
                text = summary(error.stderr or error.stdout)
                if any(words in error.stderr for words in _MIRROR_FAULTS):
                    raise MirrorError(f"{stage}: the mirror does not serve what its lists name: {text}") from None
                raise ResolveError(
                    f"{stage}: {text}",
                    hint="Correct `packages` in the layer.yaml; with `--only`, name what stands in the way too.",
                ) from None
            found = sorted(Path(new).glob("*.rpm"))
            self._require_whole(stage, found)
            for path in found:
                path.replace(files / path.name)
        return {files / path.name for path in found}

    def _require_whole(self, stage: str, files: Sequence[Path]) -> None:
        """Each file's own sums; of a repository in a folder dnf compares nothing with its list."""
        for path in files:
            try:
                run(["rpmkeys", "--checksig", "--nosignature", path], timeout=60)
            except ProcessError as error:
                raise MirrorError(
                    f"{stage}: the mirror serves a damaged {path.name}: {summary(error.stderr or error.stdout)}"
                ) from None

    def _places(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """File name to repository and path in it."""
        form = "%{repoid}\t%{relativepath}"
        for line in self._dnf("repoquery", "--qf", form).stdout.splitlines():
            repository, tab, path = line.partition("\t")
            if tab and repository != _KEPT:
                yield Path(path).name, (repository, path)

    def _newest(self) -> list[str]:
        form = "%{name}\t%{name}-%{evr}.%{arch}"
        return self._dnf("repoquery", "--latest-limit=1", "--qf", form).stdout.splitlines()

    def _row(
        self,
        stage: str,
        path: Path,
        places: Mapping[str, tuple[str, str]],
        kept: Mapping[tuple[str, str, str], LockedPackage],
    ) -> LockedPackage:
        name, version, arch = run(["rpm", "-qp", "--nosignature", "--qf", _QUERY, path], timeout=60).stdout.split()
        version = version.removeprefix("0:")
        repository, place = places.get(path.name, ("", ""))
        if not repository:
            for each in kept.values():
                if each[1:4] == (name, version, arch):
                    return each._replace(stage=stage)
        size, origin = path.stat().st_size, repository or "unknown"
        return LockedPackage(stage, name, version, arch, sha256_of(path), size, origin, place or path.name)

    def _dnf(self, *words: str) -> Completed:
        argv = ["dnf", "-q", "-y", "-c", str(self.folder / "dnf.conf"), f"--installroot={self.folder / 'root'}"]
        # No other plugin: `local` makes what any dnf of this machine has fetched a repository of its own.
        argv += ["--disableplugin=*", "--enableplugin=download"]
        argv += ["--releasever=9", f"--forcearch={ARCHES[self.arch]}", *words]
        return run(argv, timeout=_TIMEOUT)


def _entry(name: str, address: str) -> str:
    return f"[{name}]\nname={name}\nbaseurl={address}\nenabled=1\ngpgcheck=0\nmodule_hotfixes=1\n"


def _read(address: str, target: Path) -> str:
    """A file of a mirror; what could not be read is not there afterwards. Why, where it is not simply gone."""
    try:
        with urllib.request.urlopen(address, timeout=60) as answer, target.open("wb") as stream:
            shutil.copyfileobj(answer, stream, _PIECE)
    except (URLError, OSError, ValueError) as error:
        target.unlink(missing_ok=True)
        return "" if isinstance(error, HTTPError) and error.code == HTTPStatus.NOT_FOUND else str(error)
    return ""
