"""Whether a folder only grew: which commits have one that is no beginning of what it is today.

git lists a folder by name, and records are numbered: in a ledger that only grew the folder of every commit is, byte for
byte, the beginning of today's. Its id is the hash of that beginning, so that no old folder has to be read.
https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
"""

from __future__ import annotations

from hashlib import sha1, sha256
from pathlib import PurePosixPath

from imagekit.base.git import Git


def grown_otherwise(git: Git, folder: PurePosixPath, since: str = "") -> list[tuple[str, str]]:
    """The ids of a folder, in the commits from `since` to HEAD, that are no beginnings of HEAD's, the oldest first.

    Each comes with the first commit that has it.
    """
    commits = git.text("rev-list", f"{since}..HEAD" if since else "HEAD").split()
    asked = "".join(f"{commit}:{folder}\n" for commit in ("HEAD", *commits)).encode()
    reported = git(
        "cat-file", "--batch-check=%(objecttype) %(objectname) %(objectsize)", stdin=asked
    ).stdout.splitlines()
    head, *others = (line.split() if line.startswith("tree ") else [] for line in reported)
    sizes: dict[str, int] = {}
    first: dict[str, str] = {}
    for commit, found in zip(reversed(commits), reversed(others), strict=True):
        if found:
            sizes[found[1]] = int(found[2])
            first.setdefault(found[1], commit)
    today = git.objects([head[1]])[0][2] if head else b""
    return [(tree, commit) for tree, commit in first.items() if not _begins(today, tree, sizes[tree])]


def _begins(today: bytes, tree: str, size: int) -> bool:
    """Whether the first `size` bytes of a folder's content are the folder with the id `tree`."""
    hashed = sha1(usedforsecurity=False) if len(tree) == 40 else sha256()  # as git names it, whatever that is worth
    hashed.update(b"tree %d\0" % size)
    hashed.update(memoryview(today)[:size])
    return size <= len(today) and hashed.hexdigest() == tree
