"""The revision of the sources, from git; no clock is read."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.git import git_argv, git_environment
from imagekit.base.process import Completed, ProcessError, ProgramMissingError, run
from imagekit.base.text import one_line
from imagekit.plan.model import Source

_DAY = 86_400
_SECONDS = re.compile(r"[0-9]{1,11}")  # up to the year 5138
_UNSEEN = re.compile(r"(^|[/ ])(__pycache__/|\.DS_Store\b)")  # as in `imagekit.base.tree`: no build sees them


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Where an image's inputs stand in a project: paths under its root, and what images.lock holds of them.

    `dated` are those whose last change dates the image, `lock` the file that is shared with other images and `locked`
    the digests in it that this image uses; `committed` is all that has to be in a commit for the source to be clean.
    """

    dated: tuple[str, ...]
    committed: tuple[str, ...]
    lock: str = ""
    locked: tuple[str, ...] = ()


class _History:
    """The history of a checkout, and the commits whose parents a shallow clone left out; none in a full clone."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def boundaries(self) -> frozenset[str]:
        shallow = Path(_git(self.root, "rev-parse", "--path-format=absolute", "--git-path", "shallow").rstrip("\n"))
        return frozenset(shallow.read_text().split()) if shallow.exists() else frozenset()


def read_source(root: Path, inputs: Inputs) -> Source:
    """The last commit that touched an image's inputs, and the day (UTC) of the last change that the image shows.

    Uncommitted changes mark the revision with ``-dirty``. Where there is no git history, SOURCE_DATE_EPOCH from the
    environment stands in; raises `ConfigError` when there is neither, and when a shallow clone cuts the history off
    before a commit that is asked for.
    """
    history = _History(root)
    try:
        revision, _ = _last_commit(history, inputs.committed)
        date = max(_last_commit(history, inputs.dated)[1], *_locked_on(history, inputs))
        _require_line_ends(root, inputs.committed)
        # What is ignored is in no commit, and in the image as everything else that lies there.
        status = _git(root, "status", "--porcelain", "--ignored=matching", "--", *inputs.committed)
    except ProgramMissingError:
        return _from_environment(root, "git is not installed", "Install git")
    except ProcessError as error:
        _require_commit(root)
        if (root / ".git").exists() or "not a git repository" not in error.stderr:
            reported = next((line for line in error.stderr.splitlines() if line.startswith("fatal: ")), error.hint)
            return _from_environment(root, f"git could not tell ({one_line(reported)})", _repair(root))
        return _from_environment(root, "not a git checkout", "Work in a git checkout")
    changed = [line for line in status.splitlines() if not _UNSEEN.search(line)]
    return Source(revision=revision + ("-dirty" if changed else ""), date=_day(date))


def _require_line_ends(root: Path, paths: Sequence[str]) -> None:
    """Refuse a checkout whose files have other line ends than their commit: another image, and scripts that do not run.

    git calls it clean (gitattributes(5), core.autocrlf); it is what Git for Windows makes, and what WSL then sees.
    """
    for line in _git(root, "ls-files", "--eol", "-z", "--", *paths).split("\0"):
        reported, _, name = line.partition("\t")
        if reported.startswith("i/lf ") and " w/crlf " in reported and "eol=crlf" not in reported:
            raise ConfigError(
                f"{root / name}: its lines end with CR LF, and in its commit with LF (core.autocrlf): version and "
                "digests would differ from those of other clones, and scripts do not run",
                hint="`git config core.autocrlf false`, then `git rm -r -q --cached . && git reset -q --hard`, which "
                "drops what is not committed; or a file .gitattributes with the line `* text eol=lf`.",
            )


def _day(seconds: int) -> int:
    return seconds - seconds % _DAY


def _locked_on(history: _History, inputs: Inputs) -> list[int]:
    """When each digest that the image uses came into images.lock: that of another image changes no date here."""
    dates = [0]
    for digest in inputs.locked:
        # git-log(1), -S: commits that change how often the string is there.
        scope = ["--no-textconv", f"-S{digest}", "--", inputs.lock]
        found = _git(history.root, "log", "-1", "--format=%H %ct", *scope).split()
        if found:
            _require_no_boundary(history, found[0], [inputs.lock])
            dates.append(int(found[1]))
    return dates


def _git(root: Path, *arguments: str) -> str:
    return _asked(root, *arguments).stdout


def _asked(root: Path, *arguments: str, ok: Sequence[int] = (0,)) -> Completed:
    return run(git_argv(*arguments), timeout=20, cwd=root, env=git_environment(), ok=ok)


def _last_commit(history: _History, paths: Sequence[str]) -> tuple[str, int]:
    for scope in (paths, ()):
        found = _git(history.root, "log", "-1", "--format=%H %ct", *(["--", *scope] if scope else [])).split()
        if found:
            _require_no_boundary(history, found[0], scope)
            return found[0], int(found[1])
    raise ConfigError(f"{history.root}: the git repository has no commit yet", hint="Commit once, then plan again.")


def _repair(root: Path) -> str:
    """A partial clone asks its remote for what it lacks (`git clone --filter`, partialclone in git's documentation)."""
    try:
        partial = _asked(root, "config", "--get-regexp", r"^remote\..*\.promisor$", ok=(0, 1, 128)).stdout
    except ProcessError:
        partial = ""
    return "Reach the remote of this partial clone, or clone it whole" if partial else "Repair the checkout (git fsck)"


def _require_commit(root: Path) -> None:
    """Name a git checkout that has no commit, where git itself only fails."""
    try:
        inside = _asked(root, "rev-parse", "--is-inside-work-tree", ok=(0, 128))
        born = _asked(root, "rev-parse", "-q", "--verify", "HEAD", ok=(0, 1, 128))
    except (ProcessError, ProgramMissingError):
        return
    if inside.returncode == 0 and born.returncode != 0:
        raise ConfigError(f"{root}: the git repository has no commit yet", hint="Commit once, then plan again.")


def _require_no_boundary(history: _History, commit: str, scope: Sequence[str]) -> None:
    """Refuse a commit that only looks as if it touched the paths, because a shallow clone has nothing below it.

    git shows such a boundary (gitrepository-layout(5), `shallow`) as if it had made every file. What was found above
    it is what a full clone finds; and with no path asked for, the newest commit is the newest in either.
    """
    if not scope or commit not in history.boundaries:
        return
    if "\nparent " not in _git(history.root, "cat-file", "commit", commit).partition("\n\n")[0]:
        return  # the first commit of all: git lists it although nothing is below it
    raise ConfigError(
        f"{history.root}: a shallow clone, whose history ends at {commit[:12]}, before the last change of "
        f"{', '.join(scope)}: version and digests would differ from those of a full clone",
        hint="Complete it: git fetch --unshallow (in GitHub Actions: fetch-depth: 0 of actions/checkout).",
    )


def _from_environment(root: Path, why: str, remedy: str) -> Source:
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not _SECONDS.fullmatch(text):
        said = f", and SOURCE_DATE_EPOCH={text[:40]} is no number of seconds" if text else ""
        raise ConfigError(
            f"{root}: {why}, so the sources have no date{said}",
            hint=f"{remedy}, or set SOURCE_DATE_EPOCH to the sources' date in seconds since 1970.",
        )
    return Source(revision="unknown", date=_day(int(text)))
