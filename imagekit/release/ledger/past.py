"""The trust files that git keeps: whether a record was in the ledger when the key that signed it lost its trust.

Taking trust away is a commit, and that commit has a tree. What was in the ledger of that tree was there before; what
came later, or on another branch and was merged, is not in it, whatever date it bears.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from imagekit.base.errors import ImagekitError
from imagekit.base.git import FATAL, Git
from imagekit.config.load import parse_text
from imagekit.release.ledger.judge import Judged, judged_by
from imagekit.trust.sign.trust import TRUST_FILE, TrustStore, read_trust_text
from imagekit.trust.sign.trustfile import TrustFile

FOLDER = "ledger"


@dataclass(slots=True)
class GitPast:
    """The history of the trust file in the repository that holds the ledger, too; read when it is first asked for."""

    git: Git
    _changes: list[tuple[str, list[str]]] | None = field(default=None, init=False)
    _stores: dict[str, TrustStore | None] = field(default_factory=dict, init=False)
    _trees: dict[str, dict[str, str]] = field(default_factory=dict, init=False)

    def judged(self, name: str, bundle: bytes) -> Judged:
        """Good when some commit took the trust away that the record has, and every one that did had the record already.

        A commit on a side branch that takes trust away a second time helps nobody: the first one does not have it.
        """
        best = Judged(statement=None, problem="no trust file in git's history trusts its key")
        blob, taken = self._id(bundle), []
        for commit, parents in self._history():
            if not self._by(commit, bundle).problem:
                continue
            found = [said for each in parents if not (said := self._by(each, bundle)).problem]
            known = any(self._by(each, bundle).known for each in [commit, *parents])
            if known and best.statement is None:
                best = Judged(statement=None, problem=best.problem, known=True)
            if found:
                taken.append(commit)
                best = found[0]
        for commit in taken:
            if self._tree(commit).get(f"{FOLDER}/{name}") != blob:
                problem = f"it was not there yet when commit {commit[:12]} took the trust in its key away"
                return Judged(statement=None, problem=problem, known=False)
        return best

    def _history(self) -> list[tuple[str, list[str]]]:
        """Commits that changed the trust file or a key file of it, on any branch that was merged, with their parents.

        HEAD comes last: what is in the working tree and not committed counts as following it.
        """
        if self._changes is None:
            trust = self._log(str(TRUST_FILE))
            self._changes = self._log(str(TRUST_FILE), *sorted(self._key_files([commit for commit, _ in trust])))
            self._changes.append(("", [self.git.text("rev-parse", "HEAD")]))
        return self._changes

    def _log(self, *paths: str) -> list[tuple[str, list[str]]]:
        lines = self.git.text("log", "--full-history", "--format=%H %P", "HEAD", "--", *paths).splitlines()
        return [(line.split()[0], line.split()[1:]) for line in lines]

    def _key_files(self, commits: Iterable[str]) -> set[str]:
        """The key files that the trust files of these commits name: another key in one of them ends trust, too."""
        found: set[str] = set()
        for commit in commits:
            with suppress(ImagekitError, OSError, UnicodeDecodeError):
                file = parse_text(TrustFile, self._file(commit)(str(TRUST_FILE)).decode(), TRUST_FILE)
                found |= {key.public_key for key in file.keys if key.public_key is not None}
        return found

    def _by(self, commit: str, bundle: bytes) -> Judged:
        if commit not in self._stores:
            self._stores[commit] = self._store(commit)
        store = self._stores[commit]
        return Judged(statement=None, problem="no trust file") if store is None else judged_by(store, bundle)

    def _store(self, commit: str) -> TrustStore | None:
        """The trust file as a commit has it; None when there is none, or none that can be read."""
        try:
            return read_trust_text(self._file(commit)(str(TRUST_FILE)).decode(), self.git.root, self._file(commit))
        except (ImagekitError, OSError, UnicodeDecodeError):
            return None

    def _file(self, commit: str) -> Callable[[str], bytes]:
        def read(path: str) -> bytes:
            if not commit:
                return Path(self.git.root, path).read_bytes()
            found = self.git("cat-file", "blob", f"{commit}:./{path}", ok=(0, FATAL))
            if found.returncode:
                raise FileNotFoundError(2, "not in that commit", path)
            return found.raw

        return read

    def _id(self, data: bytes) -> str:
        """git's name for a content."""
        return self.git("hash-object", "--stdin", stdin=data).stdout.strip()

    def _tree(self, commit: str) -> dict[str, str]:
        if commit not in self._trees:
            self._trees[commit] = self.git.tree(commit or "HEAD", FOLDER)
        return self._trees[commit]
