"""The first-parent history of the fleet and channel files, read from Git in batches.

What is on the branch is what was merged into it, so a file is as the first-parent commit has it, from the time of that
commit (the merge) on. When the author wrote it is another time, and kept apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imagekit.audit.model import Change
from imagekit.base.errors import RefusedError
from imagekit.base.git import FATAL, Git

FOLDERS = ("fleet", "channels")
_FIELDS = "%x00%H%x1f%ct%x1f%at%x1f%an <%ae>%x1f%s"
_MOST_MERGED = 50  # commits of one merge that are named


class HistoryError(RefusedError):
    """Git's history cannot answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A commit of the first-parent history; `changed`: files that differ from its first parent, "" for gone."""

    id: str
    committed: int
    authored: int
    author: str
    subject: str
    changed: dict[str, str]


def require_whole(git: Git) -> None:
    """Raise `HistoryError` for a clone that has not all of the history."""
    if git.text("rev-parse", "--is-shallow-repository") == "true":
        raise HistoryError(
            f"{git.root} is a shallow clone: what was on a node before its first commit is not in it",
            hint="`git fetch --unshallow` completes it; in GitHub Actions `fetch-depth: 0` of actions/checkout.",
        )


def head_of(git: Git) -> tuple[str, str]:
    """The branch that is checked out (or ``HEAD`` for none) and its commit; raises `HistoryError` without a commit."""
    found = git("rev-parse", "--verify", "-q", "HEAD", ok=(0, 1, FATAL))
    if found.returncode:
        raise HistoryError(f"{git.root}: the git repository has no commit yet", hint="Commit the fleet files first.")
    branch = git("symbolic-ref", "-q", "--short", "HEAD", ok=(0, 1, FATAL)).stdout.strip()
    return branch or "HEAD", found.stdout.strip()


def first_parents(git: Git, head: str, since: str = "") -> list[tuple[str, int]]:
    """The first-parent history of `head` after `since`, the first one first: each commit with its committer's time."""
    what = f"{since}..{head}" if since else head
    lines = git.text("log", "--first-parent", "--reverse", "--format=%H %ct", what).splitlines()
    return [(commit, int(at)) for commit, at in (line.split() for line in lines)]


def follows(git: Git, commit: str, head: str) -> bool:
    """Whether `commit` is in the history of `head`; a commit that Git does not have is in none."""
    return git("merge-base", "--is-ancestor", commit, head, ok=(0, 1, FATAL)).returncode == 0


def entries(git: Git, commits: Sequence[str]) -> Iterator[Entry]:
    """Of some commits those that changed files of the fleet or of channels against their first parent."""
    if not commits:
        return
    log = git(
        *("log", "--no-walk=unsorted", "--stdin", "-m", "--first-parent", "--root", f"--format={_FIELDS}"),
        *("--raw", "--no-renames", "--no-abbrev", "--no-ext-diff", "-z", "--", *FOLDERS),
        stdin="".join(f"{each}\n" for each in commits).encode(),
    )
    yield from parse_log(log.stdout)


def parse_log(text: str) -> Iterator[Entry]:
    """Read what `entries` asks of git: fields that end with the first NUL, then pairs of mode line and path."""
    tokens = iter(text.split("\0"))
    current: Entry | None = None
    for token in tokens:
        if token.count("\x1f") >= 4:
            if current is not None:
                yield current
            current = _entry(token)
        elif token.lstrip("\n").startswith(":") and current is not None:
            fields = token.lstrip("\n").split()
            current.changed[next(tokens, "")] = fields[3] if fields[4] != "D" and fields[1] != "120000" else ""
    if current is not None:
        yield current


def _entry(token: str) -> Entry:
    commit, committed, authored, author, subject = token.split("\x1f", 4)
    return Entry(commit.strip(), int(committed), int(authored), author, subject.rstrip("\n"), {})


def changes_of(git: Git, commits: Sequence[str]) -> list[Change]:
    """Commits for people, in the order asked, and of each merge what came in with it."""
    if not commits:
        return []
    asked = "".join(f"{each}\n" for each in commits).encode()
    log = git("log", "--no-walk=unsorted", "--stdin", f"--format={_FIELDS}%x1f%P", stdin=asked).stdout
    found = {}
    for part in log.split("\0"):
        if part.strip():
            fields, _, parents = part.rstrip("\n").rpartition("\x1f")
            change = _change(_entry(fields))
            inside = _merged(git, change.commit, parents.split()[0]) if len(parents.split()) > 1 else ()
            found[change.commit] = replace(change, merged=inside)
    return [found[each] for each in commits]


def _merged(git: Git, merge: str, parent: str) -> tuple[Change, ...]:
    """The commits about fleet or channels that a merge brought to its first parent."""
    many = f"--max-count={_MOST_MERGED}"
    log = git("log", many, f"--format={_FIELDS}", f"{parent}..{merge}", "--", *FOLDERS).stdout
    found = (_change(_entry(each)) for each in log.split("\0") if each.strip())
    return tuple(each for each in found if each.commit != merge)


def _change(each: Entry) -> Change:
    return Change(
        commit=each.id, committed=each.committed, authored=each.authored, author=each.author, subject=each.subject
    )
