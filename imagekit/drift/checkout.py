"""A checkout of the commit beside the project's own, in which locks are tried: the project itself is never changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from imagekit.base.errors import ImagekitError
from imagekit.base.files import write_whole
from imagekit.base.git import Git
from imagekit.config.load import Project, load_project

_WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "imagekit drift", "EMAIL": "drift@imagekit.invalid"}.items()
}


@dataclass(frozen=True, slots=True)
class Checkout:
    """The folder, which is the project as it is committed, with the project's own work folder."""

    root: Path
    git: Git

    def project(self, files: Mapping[PurePosixPath, str]) -> Project:
        """The project with other content in some files, built from what is locked and nothing else."""
        self.git("checkout", "-q", "--force", "HEAD", "--", ".")
        self.git("clean", "-q", "-f", "-d", "-e", ".imagekit")
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.root / path, text)
        return replace(load_project(self.root), locked=True)

    def branch(self, name: str, files: Mapping[PurePosixPath, str], message: str) -> str:
        """Commit this content on a branch, in place of what an earlier night left there; returns the commit's id."""
        self.project(files)
        self.git("add", "--", *map(str, files))
        self.git("commit", "-q", "--no-verify", "--no-gpg-sign", "-m", message, env=_WHO)
        commit = self.git.text("rev-parse", "HEAD")
        self.git("branch", "-f", name, commit)
        return commit


@contextmanager
def checkout(project: Project, folder: Path) -> Iterator[Checkout]:
    """A detached worktree of HEAD for the block; what a killed night left in the folder is removed first."""
    git = Git(project.root)
    _remove(git, folder)
    git("worktree", "prune")
    folder.parent.mkdir(parents=True, exist_ok=True)
    git("worktree", "add", "-q", "--detach", str(folder), "HEAD")
    try:
        (folder / ".imagekit").symlink_to(project.work.resolve(), target_is_directory=True)
        yield Checkout(folder, Git(folder))
    finally:
        _remove(git, folder)


def _remove(git: Git, folder: Path) -> None:
    # The link first: nothing that removes the folder may follow it into the work folder.
    with suppress(FileNotFoundError, OSError):
        (folder / ".imagekit").unlink()
    with suppress(ImagekitError):
        git("worktree", "remove", "--force", str(folder))
    if folder.exists():
        shutil.rmtree(folder)
