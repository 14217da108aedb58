"""The working tree beside a commit that was made without it: what changed, what was edited, what is brought there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imagekit.base.errors import ConfigError
from imagekit.base.git import FATAL, Git


@dataclass(frozen=True, slots=True)
class WorkTree:
    """The files of a checkout; what is edited there is never overwritten."""

    git: Git

    def names(self, what: str, kind: str = "") -> list[str]:
        """The files that differ between two commits, ``A..B``; `kind` is git's letter for what was done to them."""
        chosen = [f"--diff-filter={kind}"] if kind else []
        listed = self.git("diff", "-z", "--no-renames", "--no-ext-diff", "--name-only", *chosen, what, "--")
        return list(filter(None, listed.stdout.split("\0")))

    def changed(self, commit: str, kind: str) -> list[str]:
        """Files of a commit, by git's letter for what it did to them."""
        return self.names(f"{commit}^..{commit}", kind)

    def untouched(self, names: list[str], commit: str) -> list[str]:
        """Those that nobody edited since: absent, as the commit before has them, or half-written by a full disk."""
        return [name for name in names if self._same(name, f"{commit}^") or self._begun(name, commit)]

    def spread(self, commit: str, written: list[str], gone: list[str]) -> None:
        """Bring files of the working tree to what a commit says."""
        if written:
            self.git("checkout", "-q", commit, "--", *written)
        for name in gone:
            (self.git.root / name).unlink(missing_ok=True)
            self.git("rm", "-q", "--cached", "--ignore-unmatch", "--", name)

    def require_clean(self, asked: Iterable[str]) -> None:
        """Raise `ConfigError` for the first of these files that has changes which are not committed."""
        names = list(asked)
        if not names:
            return
        changed = self.git("status", "--porcelain", "--", *names).stdout.strip()
        if changed:
            raise ConfigError(
                f"{self.git.root}: changes that are not committed: {changed.splitlines()[0].strip()}",
                hint="Commit or drop them first; nothing was written.",
            )

    def _begun(self, name: str, commit: str) -> bool:
        path = self.git.root / name
        if not path.exists():
            return True
        whole = self.git("cat-file", "blob", f"{commit}:{name}", ok=(0, FATAL)).raw
        return whole.startswith(path.read_bytes())

    def _same(self, name: str, commit: str) -> bool:
        return self.git("diff", "--quiet", commit, "--", name, ok=(0, 1)).returncode == 0
