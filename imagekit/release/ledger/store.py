"""The git repository that holds the ledger and the channel files: read from the working tree, written by one commit.

The commit is made beside the working tree and the branch moves only from where it stood (and, with `push`, only after
the remote took it), so two writers never both win, and a killed one leaves nothing half-written. One that is killed
after the branch moved leaves a note of its commit, by which the next one brings the working tree up to it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from imagekit.base.errors import ConfigError, RefusedError, ToolError
from imagekit.base.filelock import try_lock
from imagekit.base.git import FATAL, Git
from imagekit.base.process import Completed
from imagekit.base.space import lack_of_space, space_for
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.release.ledger.chain import Chain, read_chain, read_claims
from imagekit.release.ledger.judge import Judge
from imagekit.release.ledger.witness import (
    FOLDER,
    Lost,
    lost_files,
    recall,
    remember,
    remote_branches,
    require_nothing_lost,
)
from imagekit.release.ledger.worktree import WorkTree

_LARGEST = 4 << 20
_HEADS = "refs/heads/"


class LedgerBusyError(RefusedError):
    """Somebody else wrote to the ledger meanwhile, or is doing so."""


@dataclass(frozen=True, slots=True)
class LedgerStore:
    """A checkout of the ledger's repository; `push` names the remote that each commit must reach, or is empty.

    `branch` is the one branch of the remote that decisions go to; empty for the remote's own default.
    """

    root: Path
    push: str = ""
    branch: str = ""

    def chain(self, judge: Judge, *, fresh: bool = False) -> Chain:
        """Every record of the branch that is checked out; of what this clone verified before only the hashes are
        checked, unless `fresh` is wanted.

        Raises `LedgerError` where the chain is broken, or where git or the remote knows of more than is there.
        """
        here, head, folder = self._checked_out(), self._head(), self._git_folder()
        known = None if fresh else recall(folder, here, judge.fingerprint)
        if known is not None and not self.contains(known.commit):
            known = None
        chain = read_chain(self._files(head), judge, known)
        branches = remote_branches(self.git, self.push, here)
        require_nothing_lost(self.git, chain, branches, known.commit if known is not None else "")
        remember(folder, here, chain, commit=head, fingerprint=judge.fingerprint)
        return chain

    def claims(self, judge: Judge) -> Chain:
        """What can be read of a ledger that does not verify, with what was taken out of it; see `read_claims`."""
        files = dict(self._files())
        lost = [each for each in self.lost() if PurePosixPath(each.path).parent == FOLDER]
        for each, data in zip(lost, self.git.blobs([each.blob for each in lost]), strict=True):
            files.setdefault(PurePosixPath(each.path).name, data)
        return read_claims(files.items(), judge)

    def records(self, commit: str) -> list[tuple[str, bytes]]:
        """Name and content of the records that a commit has."""
        return list(self._files(commit))

    def resolve(self, name: str) -> str:
        """The commit that a branch or revision names; raises `ConfigError`."""
        found = self._git("rev-parse", "--verify", "-q", "--end-of-options", f"{name}^{{commit}}", ok=(0, 1, FATAL))
        if found.returncode:
            raise ConfigError(f"{self.root}: no branch or commit {name!r}", hint="`git fetch`, and `git branch -a`.")
        return found.stdout.strip()

    def contains(self, commit: str) -> bool:
        """Whether HEAD follows a commit, or is it."""
        return self._git("merge-base", "--is-ancestor", commit, "HEAD", ok=(0, 1, FATAL)).returncode == 0

    def changed_since(self, commit: str) -> list[str]:
        """The files that HEAD changed since it parted from a commit."""
        return self._tree.names(f"{commit}...HEAD")

    def lost(self) -> list[Lost]:
        """Records and denials that git or the remote knows and the files here have not."""
        return lost_files(self.git, remote_branches(self.git, self.push, self._checked_out()))

    def read(self, path: PurePosixPath, *, commit: str = "HEAD") -> bytes | None:
        """A file as the branch (or `commit`) has it; None when it has none."""
        found = self._git("cat-file", "blob", f"{commit}:{path}", ok=(0, FATAL))
        return found.raw if found.returncode == 0 else None

    def listed(self, folder: PurePosixPath) -> list[PurePosixPath]:
        """The plain files below a folder, as the branch has them."""
        return [PurePosixPath(path) for path in self.git.tree("HEAD", str(folder))]

    @property
    def _tree(self) -> WorkTree:
        return WorkTree(self.git)

    @property
    def git(self) -> Git:
        """git in this checkout."""
        return Git(self.root)

    @property
    def person(self) -> str:
        """Who git says is working here; empty when it does not know."""
        return self._git("config", "user.email", ok=(0, 1)).stdout.strip()

    @contextmanager
    def locked(self, *, seconds: float = 60.0) -> Iterator[None]:
        """Hold the ledger against other writers on this machine; raises `LedgerBusyError` after `seconds`."""
        path = self._git_folder() / "imagekit-ledger.lock"
        with path.open("a") as stream:
            try:
                wait_until(lambda: try_lock(stream), Deadline.after(seconds), what="the ledger's lock")
            except DeadlineError:
                raise LedgerBusyError(
                    f"another process works on the ledger {self.root}", hint=f"`fuser {path}` tells which one it is."
                ) from None
            if self.push:
                self._branch()
            self._catch_up()
            yield

    def commit(self, files: Mapping[PurePosixPath, bytes | None], message: str, *, onto: str = "") -> str:
        """Write files (None removes one) as one commit on the branch that is checked out; returns its id.

        With `onto`, another commit, its files are taken for all else, and it becomes the second parent.
        Other changes of the working tree stay as they are. Raises `LedgerBusyError` when the branch moved meanwhile or
        the remote refused, `ConfigError` when one of the files has changes that are not committed.
        """
        with space_for("a record of the ledger", self.root):
            return self._committed(files, message, onto)

    def _committed(self, files: Mapping[PurePosixPath, bytes | None], message: str, onto: str) -> str:
        self._tree.require_clean(str(path) for path in files)
        branch, parent = self._branch(), self._head()
        fresh = self._commit_object(files, message, parent, onto)
        if onto:
            self._tree.require_clean(self._tree.names(f"{parent}..{fresh}"))
        self._announce(fresh)
        if self.push:
            self._push(fresh, branch)
        moved = self._git("update-ref", "-m", message.splitlines()[0], branch, fresh, parent, ok=(0, 1, FATAL))
        if lack_of_space(moved.stderr):
            raise ToolError(f"git update-ref in {self.root}: {moved.stderr.strip()[-300:]}")
        if moved.returncode:
            self._pending.unlink()
            raise LedgerBusyError(
                f"{branch} of {self.root} moved while this commit was made", hint="Run the same command again."
            )
        self._tree.spread(fresh, self._tree.changed(fresh, "d"), self._tree.changed(fresh, "D"))
        self._pending.unlink()
        return fresh

    def _branch(self) -> str:
        """The branch that moves; with `push` it is the one that all clones share, so that two never both win."""
        here = self._checked_out()
        if not here:
            raise ConfigError(f"{self.root}: no branch is checked out", hint="`git switch` to the ledger's branch.")
        if not self.push:
            return here
        shared = _HEADS + self.branch if self.branch else self._default()
        if here != shared:
            raise LedgerBusyError(
                f"decisions go to {shared.removeprefix(_HEADS)} of {self.push}, and {here.removeprefix(_HEADS)} is "
                f"checked out in {self.root}",
                hint=f"`git switch {shared.removeprefix(_HEADS)}`, or name another one as `ledger_branch`.",
            )
        return here

    def _default(self) -> str:
        """The remote's own branch (git-ls-remote(1), ``--symref``)."""
        reported = self._git("ls-remote", "--symref", self.push, "HEAD").stdout.splitlines()
        named = [line.split()[1] for line in reported if line.startswith("ref: ")]
        if not named:
            raise ConfigError(f"{self.push} does not say which branch is its default", hint="Name it: `ledger_branch`.")
        return named[0]

    @property
    def _pending(self) -> Path:
        """Names the commit that the branch is about to have, until the working tree has it, too."""
        return self._git_folder() / "imagekit-pending"

    def _catch_up(self) -> None:
        """Finish what a process left that was killed between branch and working tree; what was edited since stays."""
        pending = self._pending
        if not pending.exists():
            return
        commit = pending.read_text().strip()
        self._take_over(commit)
        if commit == self._head():
            written, gone = self._tree.changed(commit, "d"), self._tree.changed(commit, "D")
            self._tree.spread(commit, self._tree.untouched(written, commit), self._tree.untouched(gone, commit))
        pending.unlink()

    def _take_over(self, commit: str) -> None:
        """Move the branch to a commit that the remote took from a process that ended before it could."""
        if not (commit and self.push):
            return
        branch, parent = self._git("symbolic-ref", "HEAD").stdout.strip(), self._head()
        theirs = self._git("ls-remote", self.push, branch).stdout.partition("\t")[0]
        if theirs == commit and self._git("rev-parse", f"{commit}^").stdout.strip() == parent:
            self._git("update-ref", "-m", "imagekit: as the remote", branch, commit, parent)

    def _announce(self, commit: str) -> None:
        try:
            self._pending.write_text(commit)
        except OSError:
            self._pending.unlink(missing_ok=True)
            raise

    def _commit_object(self, files: Mapping[PurePosixPath, bytes | None], message: str, parent: str, onto: str) -> str:
        index = self._git_folder() / f"imagekit-index-{secrets.token_hex(6)}"
        own = {"GIT_INDEX_FILE": str(index)}
        try:
            self._git("read-tree", onto or parent, env=own)
            kept = {path: data for path, data in files.items() if data is not None}
            lines = [f"100644 {blob}\t{path}" for path, blob in zip(kept, self.git.write(kept.values()), strict=True)]
            # git-update-index(1), --index-info: mode 0 takes a path out, also one that is not there.
            lines += [f"0 {'0' * len(parent)}\t{path}" for path in files if path not in kept]
            self._git("update-index", "-z", "--index-info", stdin="\0".join([*lines, ""]).encode(), env=own)
            tree = self._git("write-tree", env=own).stdout.strip()
        finally:
            index.unlink(missing_ok=True)
        parents = ["-p", parent, *(["-p", onto] if onto else [])]
        return self._git("commit-tree", tree, *parents, stdin=message.encode(), env=self._who()).stdout.strip()

    def _push(self, commit: str, branch: str) -> None:
        done = self._git("push", "-q", self.push, f"{commit}:{branch}", ok=(0, 1, FATAL))
        if done.returncode:
            self._pending.unlink()
            raise LedgerBusyError(
                f"{self.push} did not take the commit for {branch}: {done.stderr.strip()[-300:]}",
                hint="`git pull` (somebody else decided first), look at what changed, and run the same command again.",
            )

    def _files(self, commit: str = "HEAD") -> Iterator[tuple[str, bytes]]:
        listed = {path: blob for path, blob in self.git.tree(commit, str(FOLDER)).items() if path.endswith(".json")}
        contents = self.git.blobs(list(listed.values()))
        for path, data in zip(listed, contents, strict=True):
            if PurePosixPath(path).parent != FOLDER:
                continue
            if len(data) > _LARGEST:
                raise ConfigError(f"{path} has {len(data)} bytes; no record is so large")
            yield PurePosixPath(path).name, data

    def _head(self) -> str:
        found = self._git("rev-parse", "--verify", "-q", "HEAD", ok=(0, 1, FATAL))
        if found.returncode:
            raise ConfigError(f"{self.root}: the git repository has no commit yet", hint="Commit once.")
        return found.stdout.strip()

    def _git_folder(self) -> Path:
        usual = self.root / ".git"
        if usual.is_dir() and (usual / "HEAD").is_file():
            return usual  # as git answers for the top of a checkout; it is asked for each record several times
        found = Path(self._git("rev-parse", "--git-dir").stdout.strip())
        return found if found.is_absolute() else self.root / found

    def _who(self) -> dict[str, str]:
        """A name for the commit where git has none; the record says who decided, and is signed."""
        if self.person:
            return {}
        return {f"GIT_{role}_{key}": "imagekit" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}

    def _checked_out(self) -> str:
        """The branch that is checked out, with ``refs/heads/``; empty for a detached HEAD."""
        return self._git("symbolic-ref", "-q", "HEAD", ok=(0, 1, FATAL)).stdout.strip()

    def _git(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        ok: tuple[int, ...] = (0,),
    ) -> Completed:
        return self.git(*arguments, env=env, stdin=stdin, ok=ok)
