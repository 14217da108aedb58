"""The git repository that holds the ledger and the channel files: read from the working tree, written by one commit.

The commit is made beside the working tree and the branch moves only from where it stood (and, with `push`, only after
the remote took it), so two writers never both win, and a killed one leaves nothing half-written. One that is killed
after the branch moved leaves a note of its commit, by which the next one brings the working tree up to it.
"""

from __future__ import annotations

import fcntl
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from imagekit.base.errors import ConfigError, RefusedError, ToolError
from imagekit.base.process import Completed, ProcessError, run
from imagekit.base.space import lack_of_room, room_for
from imagekit.base.waiting import Deadline, DeadlineError, wait_until
from imagekit.release.ledger.chain import Chain, read_chain
from imagekit.trust.sign.interface import Verifier

FOLDER = PurePosixPath("ledger")
_GIT = 60.0  # seconds; a commit of two small files, or a push of it
_LARGEST = 4 << 20
_FATAL = 128  # git's status for anything that it could not do


class LedgerBusyError(RefusedError):
    """Somebody else wrote to the ledger meanwhile, or is doing so."""


@dataclass(frozen=True, slots=True)
class LedgerStore:
    """A checkout of the ledger's repository; `push` names the remote that each commit must reach, or is empty."""

    root: Path
    push: str = ""

    def chain(self, verifier: Verifier) -> Chain:
        """Every record of the branch that is checked out; raises `LedgerError` where the chain is broken."""
        return read_chain(self._files(), verifier)

    def read(self, path: PurePosixPath) -> bytes | None:
        """A file as the branch has it; None when it has none."""
        found = self._git("cat-file", "blob", f"HEAD:{path}", ok=(0, _FATAL))
        return found.stdout.encode() if found.returncode == 0 else None

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
                wait_until(lambda: _taken(stream.fileno()), Deadline.after(seconds), what="the ledger's lock")
            except DeadlineError:
                raise LedgerBusyError(
                    f"another process works on the ledger {self.root}", hint=f"`fuser {path}` tells which one it is."
                ) from None
            self._catch_up()
            yield

    def commit(self, files: Mapping[PurePosixPath, bytes | None], message: str) -> str:
        """Write files (None removes one) as one commit on the branch that is checked out; returns its id.

        Other changes of the working tree stay as they are. Raises `LedgerBusyError` when the branch moved meanwhile or
        the remote refused, `ConfigError` when one of the files has changes that are not committed.
        """
        with room_for("a record of the ledger", self.root):
            return self._committed(files, message)

    def _committed(self, files: Mapping[PurePosixPath, bytes | None], message: str) -> str:
        self._demand_clean(files)
        branch, parent = self._git("symbolic-ref", "HEAD").stdout.strip(), self._head()
        fresh = self._commit_object(files, message, parent)
        self._announce(fresh)
        if self.push:
            self._push(fresh, branch)
        moved = self._git("update-ref", "-m", message.splitlines()[0], branch, fresh, parent, ok=(0, 1, _FATAL))
        if lack_of_room(moved.stderr):
            raise ToolError(f"git update-ref in {self.root}: {moved.stderr.strip()[-300:]}")
        if moved.returncode:
            self._pending.unlink()
            raise LedgerBusyError(
                f"{branch} of {self.root} moved while this commit was made", hint="Run the same command again."
            )
        self._spread(fresh, _names(files, gone=False), _names(files, gone=True))
        self._pending.unlink()
        return fresh

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
            written, gone = self._changed(commit, "d"), self._changed(commit, "D")
            self._spread(commit, self._untouched(written, commit), self._untouched(gone, commit))
        pending.unlink()

    def _take_over(self, commit: str) -> None:
        """Move the branch to a commit that the remote took from a process that ended before it could."""
        if not (commit and self.push):
            return
        branch, parent = self._git("symbolic-ref", "HEAD").stdout.strip(), self._head()
        theirs = self._git("ls-remote", self.push, branch).stdout.partition("\t")[0]
        if theirs == commit and self._git("rev-parse", f"{commit}^").stdout.strip() == parent:
            self._git("update-ref", "-m", "imagekit: as the remote", branch, commit, parent)

    def _changed(self, commit: str, kind: str) -> list[str]:
        """Files of a commit, by git's letter for what it did to them."""
        listed = self._git(
            "diff-tree", "-r", "-z", "--no-renames", "--name-only", f"--diff-filter={kind}", f"{commit}^!"
        )
        return list(filter(None, listed.stdout.split("\0")))

    def _untouched(self, names: list[str], commit: str) -> list[str]:
        """Those that nobody edited since: absent, as the commit before has them, or half-written by a full disk."""
        return [name for name in names if self._same(name, f"{commit}^") or self._begun(name, commit)]

    def _begun(self, name: str, commit: str) -> bool:
        path = self.root / name
        if not path.exists():
            return True
        whole = self._git("cat-file", "blob", f"{commit}:{name}", ok=(0, _FATAL)).stdout.encode()
        return whole.startswith(path.read_bytes())

    def _same(self, name: str, commit: str) -> bool:
        return self._git("diff", "--quiet", commit, "--", name, ok=(0, 1)).returncode == 0

    def _spread(self, commit: str, written: list[str], gone: list[str]) -> None:
        """Bring files of the working tree to what a commit says."""
        if written:
            self._git("checkout", "-q", commit, "--", *written)
        for name in gone:
            (self.root / name).unlink(missing_ok=True)
            self._git("rm", "-q", "--cached", "--ignore-unmatch", "--", name)

    def _announce(self, commit: str) -> None:
        try:
            self._pending.write_text(commit)
        except OSError:
            self._pending.unlink(missing_ok=True)
            raise

    def _commit_object(self, files: Mapping[PurePosixPath, bytes | None], message: str, parent: str) -> str:
        index = self._git_folder() / f"imagekit-index-{secrets.token_hex(6)}"
        own = {"GIT_INDEX_FILE": str(index)}
        try:
            self._git("read-tree", parent, env=own)
            for path, data in files.items():
                if data is None:
                    self._git("rm", "-q", "--cached", "--ignore-unmatch", "--", str(path), env=own)
                    continue
                blob = self._git("hash-object", "-w", "--stdin", stdin=data).stdout.strip()
                self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=own)
            tree = self._git("write-tree", env=own).stdout.strip()
        finally:
            index.unlink(missing_ok=True)
        return self._git("commit-tree", tree, "-p", parent, stdin=message.encode(), env=self._who()).stdout.strip()

    def _push(self, commit: str, branch: str) -> None:
        done = self._git("push", "-q", self.push, f"{commit}:{branch}", ok=(0, 1, _FATAL))
        if done.returncode:
            self._pending.unlink()
            raise LedgerBusyError(
                f"{self.push} did not take the commit for {branch}: {done.stderr.strip()[-300:]}",
                hint="`git pull` (somebody else decided first), look at what changed, and run the same command again.",
            )

    def _demand_clean(self, files: Mapping[PurePosixPath, bytes | None]) -> None:
        names = [str(path) for path in files]
        changed = self._git("status", "--porcelain", "--", *names).stdout.strip()
        if changed:
            raise ConfigError(
                f"{self.root}: changes that are not committed: {changed.splitlines()[0].strip()}",
                hint="Commit or drop them first; nothing was written.",
            )

    def _files(self) -> Iterator[tuple[str, bytes]]:
        listed = self._git("ls-tree", "-z", "HEAD", f"{FOLDER}/").stdout
        for line in filter(None, listed.split("\0")):
            head, _, path = line.partition("\t")
            mode, kind, blob = head.split()
            if kind != "blob" or mode == "120000" or not path.endswith(".json"):
                continue
            data = self._git("cat-file", "blob", blob).stdout.encode()
            if len(data) > _LARGEST:
                raise ConfigError(f"{path} has {len(data)} bytes; no record is so large")
            yield PurePosixPath(path).name, data

    def _head(self) -> str:
        found = self._git("rev-parse", "--verify", "-q", "HEAD", ok=(0, 1, _FATAL))
        if found.returncode:
            raise ConfigError(f"{self.root}: the git repository has no commit yet", hint="Commit once.")
        return found.stdout.strip()

    def _git_folder(self) -> Path:
        found = Path(self._git("rev-parse", "--git-dir").stdout.strip())
        return found if found.is_absolute() else self.root / found

    def _who(self) -> dict[str, str]:
        """A name for the commit where git has none; the record says who decided, and is signed."""
        if self.person:
            return {}
        return {f"GIT_{role}_{key}": "imagekit" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}

    def _git(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        ok: tuple[int, ...] = (0,),
    ) -> Completed:
        # Under sudo the checkout belongs to somebody else, and git would refuse to work in it.
        argv = ["git", "-c", "safe.directory=*", *arguments]
        try:
            done = run(argv, timeout=_GIT, cwd=self.root, env=env, stdin=stdin, ok=(*ok, _FATAL))
        except ProcessError as error:
            raise ToolError(str(error), hint=error.hint) from None
        if "not a git repository" in done.stderr:
            raise ConfigError(
                f"{self.root} is no git repository; channels and their ledger live in one",
                hint="`git init` and commit, or name another checkout as `ledger` in imagekit.yaml.",
            )
        if done.returncode not in ok:
            raise ToolError(f"git {arguments[0]} in {self.root}: {done.stderr.strip()[-300:]}")
        return done


def _names(files: Mapping[PurePosixPath, bytes | None], *, gone: bool) -> list[str]:
    return [str(path) for path, data in files.items() if (data is None) is gone]


def _taken(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
