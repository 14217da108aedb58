"""The one place where git is started.

A folder may hold another's repository: nothing in it, nor in the machine's configuration, may name a program that git
then runs. git-config(1): `core.fsmonitor` and `core.hooksPath` name programs, `safe.bareRepository=explicit` keeps git
from taking a folder that merely looks like a bare repository (it can be part of a tree, configuration included),
`protocol.ext` runs what an address says, and replacement refs give other content for the same object id.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.process import Completed, ProcessError, run

FATAL = 128  # git's status for anything that it could not do
_SECONDS = 60.0  # wall time of one run: a commit of two small files, a push of it, a history of ten thousand commits
_SETTINGS = (
    "safe.directory=*",  # under sudo the checkout belongs to somebody else, and git would refuse to work in it
    "safe.bareRepository=explicit",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "protocol.ext.allow=never",
    "diff.external=",
    "commit.gpgSign=false",  # gpg.program: what is signed here is signed by imagekit itself
    "tag.gpgSign=false",
    "push.gpgSign=false",
    "log.showSignature=false",
    "advice.graftFileDeprecated=false",  # of GIT_GRAFT_FILE below
    "status.showUntrackedFiles=all",  # what git does not show is in the image all the same
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,  # as replaced objects: other parents than were committed
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


def git_argv(*arguments: str) -> list[str]:
    """The command line of a run of git that starts nothing by configuration."""
    return ["git", *(word for setting in _SETTINGS for word in ("-c", setting)), *arguments]


def git_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What `git_argv` needs beside it."""
    return {**_ENVIRONMENT, **(extra or {})}


@dataclass(frozen=True, slots=True)
class Git:
    """git in one checkout."""

    root: Path

    def __call__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        ok: tuple[int, ...] = (0,),
    ) -> Completed:
        """Run git; raises `ConfigError` where there is no repository, `ToolError` for a status that is not in `ok`."""
        try:
            done = run(
                git_argv(*arguments),
                timeout=_SECONDS,
                cwd=self.root,
                env=git_environment(env),
                stdin=stdin,
                ok=(*ok, FATAL),
            )
        except ProcessError as error:
            raise ToolError(str(error), hint=error.hint) from None
        if "not a git repository" in done.stderr:
            raise ConfigError(
                f"{self.root} is no git repository; channels and their ledger live in one",
                hint="`git init` and commit, or name another checkout as `ledger` in imagekit.yaml.",
            )
        if "cannot use bare repository" in done.stderr:
            raise ConfigError(
                f"{self.root} holds a bare repository, which may be part of somebody's tree; it is not used",
                hint="`ledger` in imagekit.yaml names a checkout, with a working tree.",
            )
        if done.returncode not in ok:
            raise ToolError(f"git {arguments[0]} in {self.root}: {done.stderr.strip()[-300:]}")
        return done

    def text(self, *arguments: str) -> str:
        """What a run printed, without white space around it."""
        return self(*arguments).stdout.strip()

    def blobs(self, ids: list[str]) -> list[bytes]:
        """The content of many files, byte for byte, by one process (git-cat-file(1), ``--batch``)."""
        found = self.objects(ids)
        for each, kind, _ in found:
            if kind != "blob":
                raise ToolError(f"git in {self.root} has no file {each}", hint="`git fsck` tells what is missing.")
        return [data for _, _, data in found]

    def objects(self, ids: list[str]) -> list[tuple[str, str, bytes]]:
        """Many objects of any kind: id, kind and the bytes that the id is the hash of."""
        if not ids:
            return []
        raw = self("cat-file", "--batch", stdin="".join(f"{each}\n" for each in ids).encode()).raw
        found, at = [], 0
        for each in ids:
            end = raw.index(b"\n", at)
            fields = raw[at:end].split()
            if len(fields) != 3:
                raise ToolError(f"git in {self.root} has no object {each}", hint="`git fsck` tells what is missing.")
            size = int(fields[2])
            found.append((each, fields[1].decode(), raw[end + 1 : end + 1 + size]))
            at = end + size + 2
        return found

    def write(self, contents: Iterable[bytes]) -> list[str]:
        """Ids of new objects with these contents, byte for byte, by one process for all of them."""
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number, data in enumerate(contents):
                paths.append(Path(folder, str(number)))
                paths[-1].write_bytes(data)
            listed = "".join(f"{path}\n" for path in paths).encode()
            return self("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=listed).stdout.split()

    def tree(self, commit: str, *folders: str) -> dict[str, str]:
        """Path and object id of every plain file below some folders, as a commit has them."""
        listed = self("ls-tree", "-r", "-z", "--full-tree", commit, *(f"{each}/" for each in folders)).stdout
        found = {}
        for line in filter(None, listed.split("\0")):
            head, _, path = line.partition("\t")
            mode, kind, blob = head.split()
            if kind == "blob" and mode != "120000":
                found[path] = blob
        return found
