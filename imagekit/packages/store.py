"""The content-addressed store of packages, and the repositories that builds read, made of hard links into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from imagekit.base.files import sha256_of
from imagekit.base.log import step
from imagekit.base.space import space_for
from imagekit.config.packagelock import LockedPackage
from imagekit.packages.interface import Manager, MirrorError

Source = Callable[[Sequence[LockedPackage], Path], Mapping[str, str]]  # see `Manager.fetch`
# Contexts of a build: the same whatever the umask, and whenever they were made.
_FILE_MODE, _FOLDER_MODE, _TIME = 0o644, 0o755, 1


class Store:
    """Files by SHA-256 below the project's work folder; each is hashed before it is used."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "packages"

    def path(self, sha256: str) -> Path:
        """Where the file of that checksum is, or would be."""
        return self.folder / "sha256" / sha256

    def missing(self, packages: Iterable[LockedPackage]) -> tuple[LockedPackage, ...]:
        """Those whose file is not here; one that is damaged is removed and counts as missing."""
        once = {package.sha256: package for package in packages}
        return tuple(package for package in once.values() if not self._whole(package))

    def fill(self, packages: Sequence[LockedPackage], sources: Sequence[tuple[str, Source]]) -> None:
        """Get what is missing from each source in turn, `(name, fetch)`; every file is held to its checksum.

        Raises `MirrorError` that names the packages which no source has as they were locked.
        """
        missing, wrong = self.missing(packages), dict[str, str]()
        for name, fetch in sources:
            if missing:
                need = sum(package.size for package in missing)
                with step(f"Packages from {name}: {len(missing)} files, {need / 1e6:.0f} MB"):
                    wrong |= self._take(missing, fetch, name, need)
                missing = self.missing(missing)
        if missing:
            raise _not_to_be_had(missing, wrong, [name for name, _ in sources])

    def repository(self, manager: Manager, packages: Sequence[LockedPackage]) -> Path:
        """A folder that is a repository of exactly these packages (all of them in the store); kept by its content."""
        name = hashlib.sha256("\n".join(sorted({each.sha256 for each in packages})).encode()).hexdigest()[:32]
        folder = self.folder / "repositories" / f"{manager.suffix}-{name}"
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(prefix=".part-", dir=folder.parent))
            try:
                self._link(manager, packages, partial)
                with suppress(OSError):  # another process was there first, with the same content
                    partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return folder

    def _link(self, manager: Manager, packages: Sequence[LockedPackage], folder: Path) -> None:
        once = {each.sha256: each for each in packages}
        # Two packages of one file name and other contents do not occur in one archive; the checksum keeps them apart.
        files = [(f"{each.sha256[:8]}-{Path(each.path).name}", each) for each in once.values()]
        links = {folder / name: each for name, each in files}
        for link, each in links.items():
            os.link(self.path(each.sha256), link)
            os.utime(link, (_TIME, _TIME))  # createrepo_c writes it into the list
        manager.index(folder, sorted(files))
        for path in (*folder.rglob("*"), folder):
            path.chmod(_FOLDER_MODE if path.is_dir() else _FILE_MODE)
            time = _TIME if path.is_dir() or path in links else _time_of(path)
            os.utime(path, (time, time))

    def _take(self, missing: Sequence[LockedPackage], fetch: Source, source: str, need: int) -> dict[str, str]:
        """Fetch into a folder beside and move what is as it should be; what came of the others, by wanted SHA-256."""
        target = self.folder / "sha256"
        target.mkdir(parents=True, exist_ok=True)
        wrong: dict[str, str] = {}
        with (
            space_for("packages", target, need),
            tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as beside,
        ):
            wrong |= {sha256: f"{source}: {why}" for sha256, why in fetch(missing, Path(beside)).items()}
            for package in missing:
                file = Path(beside) / package.sha256
                if not file.is_file():
                    continue
                found = sha256_of(file)
                if found == package.sha256:
                    file.replace(target / package.sha256)
                else:
                    wrong[package.sha256] = f"{source} serves {found[:16]} in its place"
        return wrong

    def _whole(self, package: LockedPackage) -> bool:
        file = self.path(package.sha256)
        if not file.is_file():
            return False
        if file.stat().st_size == package.size and sha256_of(file) == package.sha256:
            return True
        file.unlink(missing_ok=True)
        return False


def _time_of(index: Path) -> int:
    """A time that the content makes: BuildKit takes a file of one name, size and time for the one that it has."""
    return _TIME + int(sha256_of(index)[:7], 16)


def _not_to_be_had(missing: Sequence[LockedPackage], wrong: dict[str, str], sources: Sequence[str]) -> MirrorError:
    first = missing[0]
    reported = wrong.get(first.sha256, "none of them has it any more")
    more = f", and {len(missing) - 1} more" if len(missing) > 1 else ""
    return MirrorError(
        f"package {first.name} {first.version} ({first.arch}, sha256:{first.sha256[:16]}){more} cannot be had from "
        f"{', '.join(sources) or 'anywhere'}: {reported}",
        hint="A bundle in your registry keeps what mirrors drop (`imagekit lock --push`); or lock anew with "
        "`imagekit lock IMAGE --update` and look at what moves.",
    )
