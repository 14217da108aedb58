"""What a decision was made by: the digests of policy, trust file and waivers, and whether git has them as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.git import FATAL, Git
from imagekit.oci.reference import Digest
from imagekit.release.ledger.record import Pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """`entries` goes into the record, a name and a digest each; `uncommitted` names files that HEAD has otherwise."""

    entries: Pairs = ()
    uncommitted: tuple[str, ...] = ()

    def require_committed(self) -> None:
        """Raise `ConfigError` when somebody's uncommitted words would decide."""
        if self.uncommitted:
            raise ConfigError(
                f"{', '.join(self.uncommitted[:5])}: not as git's HEAD has it; decisions are made by what is committed",
                hint="Commit it (and have it reviewed), or drop it: `git status` shows the changes.",
            )


def read_basis(root: Path, names: Iterable[str], more: Pairs = ()) -> Basis:
    """The basis that some files of a project make; `names` are paths from its root, absent ones too."""
    git, entries, uncommitted = Git(root), [], []
    for name in dict.fromkeys(names):
        path = root / name
        data = path.read_bytes() if path.is_file() else None
        if data is not None:
            entries.append((name, str(Digest.of(data))))
        if data != _committed(git, name):
            uncommitted.append(name)
    return Basis(entries=(*entries, *more, *_head(git)), uncommitted=tuple(uncommitted))


def _committed(git: Git, name: str) -> bytes | None:
    try:
        found = git("cat-file", "blob", f"HEAD:./{name}", ok=(0, FATAL))
    except ConfigError:  # a project outside git has nothing committed
        return None
    return found.raw if found.returncode == 0 else None


def _head(git: Git) -> Pairs:
    try:
        found = git("rev-parse", "--verify", "-q", "HEAD", ok=(0, 1, FATAL))
    except ConfigError:
        return ()
    return (("git commit", found.stdout.strip()),) if found.returncode == 0 else ()
