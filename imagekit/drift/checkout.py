"""A checkout beside the project's own, in which locks are tried: the project itself is never changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from imagekit.base.errors import ImagekitError, ToolError
from imagekit.base.filelock import try_lock
from imagekit.base.files import write_whole
from imagekit.base.git import Git
from imagekit.config.load import Project, load_project

_WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "imagekit drift", "EMAIL": "drift@imagekit.invalid"}.items()
}
_FOLDERS = ("images/", "cloud-config/", "vm-harness/")
_MOST = 1 << 20  # bytes of a file elsewhere: settings, policy, a key


@dataclass(frozen=True, slots=True)
class Checkout:
    """The folder, which is the project as it stood when the night began, with the project's own work folder.

    `tree` is git's id of all that: what is in no commit yet is in what is pinned, so it is in what is held against it.
    """

    root: Path
    git: Git
    tree: str

    def project(self, files: Mapping[PurePosixPath, str]) -> Project:
        """The project with other content in some files, built from what is locked and nothing else."""
        self._reset(self.tree)
        self._put(files)
        return replace(load_project(self.root), locked=True)

    def branch(self, name: str, files: Mapping[PurePosixPath, str], message: str) -> str:
        """Commit this content on a branch, in place of what an earlier night left there; returns the commit's id.

        Nothing else is in it: what is in no commit is not this command's to commit.
        """
        self._reset("HEAD")
        self._put(files)
        self.git("add", "--", *map(str, files))
        self.git("commit", "-q", "--no-verify", "--no-gpg-sign", "-m", message, env=_WHO)
        commit = self.git.text("rev-parse", "HEAD")
        self.git("branch", "-f", name, commit)
        return commit

    def _reset(self, tree: str) -> None:
        self.git("read-tree", "-u", "--reset", tree)
        self.git("clean", "-q", "-f", "-d", "-e", ".imagekit")

    def _put(self, files: Mapping[PurePosixPath, str]) -> None:
        for path, text in files.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.root / path, text)


@contextmanager
def checkout(project: Project, folder: Path) -> Iterator[Checkout]:
    """A detached worktree for the block; what a killed night left in the folder is removed first.

    Raises `ToolError` while another night has it.
    """
    git = Git(project.root)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as stream:
        if not try_lock(stream):
            raise ToolError(
                f"another night goes on in {folder.parent}", hint="Wait for its end; two would build in one checkout."
            )
        _remove(git, folder)
        git("worktree", "prune")
        git("worktree", "add", "-q", "--detach", str(folder), "HEAD")
        root = folder / _place(git)
        try:
            (root / ".imagekit").symlink_to(project.work.resolve(), target_is_directory=True)
            yield Checkout(root, Git(root), _tree_of(git))
        finally:
            _remove(git, folder)


def _place(git: Git) -> str:
    """Where in its repository the project is; empty where it is all of it."""
    return git.text("rev-parse", "--show-prefix")


def _is_input(root: Path, path: str) -> bool:
    """Whether a new file may be what an image is made of or tested by; a disk that was written here is not."""
    return path.startswith(_FOLDERS) or (root / path).lstat().st_size <= _MOST


def _tree_of(git: Git) -> str:
    """The project's files as they stand, but for those that git ignores, as a tree; its own index stays as it is."""
    with TemporaryDirectory() as folder:
        env = {"GIT_INDEX_FILE": str(Path(folder, "index")), "GIT_LITERAL_PATHSPECS": "1"}
        git("read-tree", "HEAD", env=env)
        git("add", "--update", env=env)
        listed = git("ls-files", "-z", "--others", "--exclude-standard", "--exclude=/.imagekit", env=env).stdout
        if new := [path for path in listed.split("\0") if path and _is_input(git.root, path)]:
            git("add", "--pathspec-from-file=-", "--pathspec-file-nul", env=env, stdin="\0".join(new).encode())
        return git("write-tree", env=env).stdout.strip()


def _remove(git: Git, folder: Path) -> None:
    # The link first: nothing that removes the folder may follow it into the work folder.
    with suppress(FileNotFoundError, OSError):
        (folder / _place(git) / ".imagekit").unlink()
    with suppress(ImagekitError):
        git("worktree", "remove", "--force", str(folder))
    if folder.exists():
        shutil.rmtree(folder)
