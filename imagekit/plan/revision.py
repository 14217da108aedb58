"""The revision of the sources, from git; no clock is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.process import ProcessError, ProgramMissingError, run
from imagekit.plan.model import Source

# Under sudo the checkout belongs to somebody else, and git would refuse to read it; it is only read here.
_TRUST = ("-c", "safe.directory=*")


def read_source(root: Path, *, bottom: Sequence[str], everything: Sequence[str]) -> Source:
    """The last commits that touched `bottom` and `everything` (paths under `root`).

    Uncommitted changes mark the revision with ``-dirty``. Where there is no git history, SOURCE_DATE_EPOCH from the
    environment stands in; raises `ConfigError` when there is neither.
    """
    try:
        revision, date = _last_commit(root, everything)
        _, epoch = _last_commit(root, bottom)
        status = run(["git", *_TRUST, "status", "--porcelain", "--", *everything], timeout=20, cwd=root).stdout
    except (ProcessError, ProgramMissingError):
        return _from_environment(root)
    return Source(revision=revision + ("-dirty" if status.strip() else ""), date=date, epoch=epoch)


def _last_commit(root: Path, paths: Sequence[str]) -> tuple[str, int]:
    for scope in (["--", *paths], []):
        found = run(["git", *_TRUST, "log", "-1", "--format=%H %ct", *scope], timeout=20, cwd=root).stdout.split()
        if found:
            return found[0], int(found[1])
    raise ConfigError(f"{root}: the git repository has no commit yet", hint="Commit once, then plan again.")


def _from_environment(root: Path) -> Source:
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text.isdigit():
        raise ConfigError(
            f"{root}: not a git checkout, so the sources have no date",
            hint="Work in a git checkout, or set SOURCE_DATE_EPOCH to the sources' date in seconds since 1970.",
        )
    return Source(revision="unknown", date=int(text), epoch=int(text))
