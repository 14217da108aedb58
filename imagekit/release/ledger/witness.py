"""What outside the checked-out files knows of the ledger: git's own history, the remote, and what this clone saw last.

`git revert` of a decision takes record, channel file and denial away together, and what is left agrees with itself. The
history still has what was there; so has the remote's branch when the history itself was cut.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import Field, TypeAdapter

from imagekit.base.git import FATAL, Git
from imagekit.config.model import Frozen
from imagekit.release.ledger.chain import Chain, Verified
from imagekit.release.ledger.grown import grown_otherwise
from imagekit.release.ledger.judge import claimed
from imagekit.release.ledger.record import Action, LedgerError, number_of, record_of

FOLDER = PurePosixPath("ledger")
YANKS = PurePosixPath("yanks")
_REMEMBERED = "imagekit-ledger-head.json"
_FEW = 50  # folders of a side branch, or of a ledger that was cut: each costs a process
logger = logging.getLogger(__name__)


class _Kept(Frozen):
    """What a clone remembers of a branch, in a file of its .git folder; whoever may write there owns the clone."""

    records: int = Field(ge=0)
    head: str
    commit: str = Field(pattern=r"^[0-9a-f]{40,64}$")
    fingerprint: str


_ALL_KEPT = TypeAdapter(dict[str, _Kept])


@dataclass(frozen=True, slots=True)
class Lost:
    """A file that the ledger had and has not any more; `where` is the commit or the branch that has it."""

    path: str
    blob: str
    where: str

    @property
    def number(self) -> int:
        """The number of the record that is lost; 0 for a denial."""
        return number_of(PurePosixPath(self.path).name)


def lost_files(git: Git, branches: list[str], since: str = "") -> list[Lost]:
    """Records and denials that some commit of the history, or one of `branches`, has and HEAD has not.

    At `since`, a commit that HEAD follows, nothing was lost; the history before it is not looked through again.
    """
    now = git.tree("HEAD", str(FOLDER), str(YANKS))
    found = [each for each in _ever(git, since) if now.get(each.path) != each.blob]
    for branch in [*([since] if since else []), *branches]:
        theirs = git.tree(branch, str(FOLDER), str(YANKS))
        found += [Lost(path, blob, branch) for path, blob in theirs.items() if now.get(path) != blob]
    return [each for each in dict.fromkeys(found) if each.path.endswith(".json")]


def _ever(git: Git, since: str) -> list[Lost]:
    """Everything that was ever in the ledger, but for what a folder that only grew has still; merges included.

    git tells it by comparing the folders of all commits two by two, which takes 9 CPU seconds for 10,000 records. Where
    all but a few of the ledger's folders are beginnings of today's, only those few are looked into.
    """
    found: list[Lost] = []
    others = grown_otherwise(git, FOLDER, since)
    for tree, commit in others[:_FEW]:
        found += [Lost(f"{FOLDER}/{path}", blob, _named(commit)) for path, blob in git.tree(tree).items()]
    return [*found, *_added(git, since, [YANKS, *([FOLDER] if len(others) > _FEW else [])])]


def _added(git: Git, since: str, folders: list[PurePosixPath]) -> list[Lost]:
    """What any commit added to folders (git-log(1), ``-m``)."""
    log = git(
        *("log", "-m", "--full-history", "--format=%x00%H", "--raw", "--no-renames", "--no-abbrev"),
        *("--diff-filter=AMT", f"{since}..HEAD" if since else "HEAD", "--", *map(str, folders)),
    ).stdout
    found = []
    for part in log.split("\0")[1:]:
        commit, *lines = part.splitlines()
        for line in filter(None, lines):
            fields, _, path = line.partition("\t")
            found.append(Lost(path, fields.split()[3], _named(commit)))
    return found


def _named(commit: str) -> str:
    return f"commit {commit[:12]}"


def require_nothing_lost(git: Git, chain: Chain, branches: list[str], since: str = "") -> None:
    """Raise `LedgerError` naming what was taken out of the ledger, unless a later record stands for it."""
    if git.text("rev-parse", "--is-shallow-repository") == "true":
        raise LedgerError(
            f"{git.root} is a shallow clone: nothing tells whether the end of the ledger is missing",
            hint="`git fetch --unshallow`; in GitHub Actions `fetch-depth: 0` of actions/checkout.",
        )
    missing = lost_files(git, branches, since)
    contents = git.blobs([each.blob for each in missing])
    open_ = [each for each, data in zip(missing, contents, strict=True) if not _stood_for(each, data, chain)]
    if open_:
        raise _cut_off(git, chain, open_)
    _require_denials(git, chain)


def _stood_for(lost: Lost, data: bytes, chain: Chain) -> bool:
    record = None
    with suppress(LedgerError):
        said = claimed(data) if lost.number else None
        record = record_of(said) if said is not None else None
    return any(entry.stands_for(data, record) for entry in chain.entries)


def _cut_off(git: Git, chain: Chain, missing: list[Lost]) -> LedgerError:
    first = min(missing, key=lambda each: (each.number or 1 << 60, each.path))
    names = ", ".join(sorted({each.path for each in missing})[:5])
    return LedgerError(
        f"the ledger of {git.root} was cut: {first.where} has {names}, the files here have not "
        f"({len(chain.entries)} records are left)",
        hint="Bring them back: `git pull` where the remote is ahead, `git revert` of the commit that took them away. "
        "Only if they are to stay away: `imagekit ledger seal`.",
    )


def _require_denials(git: Git, chain: Chain) -> None:
    files = git.tree("HEAD", str(YANKS))
    for record in chain.records:
        path = str(YANKS / f"{record.digest.hex}.json")
        if record.action is Action.YANK and path not in files:
            raise LedgerError(
                f"record {record.sequence} yanks {record.version} and its denial {path} is gone",
                hint=f"`git log --diff-filter=D -- {path}` names the commit that took it; revert that one.",
            )


def remote_branches(git: Git, remote: str, branch: str) -> list[str]:
    """The remote's branch as this clone last saw it: that of `remote`, or the one that the branch here follows."""
    name = branch.removeprefix("refs/heads/")
    followed = git("rev-parse", "--symbolic-full-name", "@{upstream}", ok=(0, FATAL))
    asked = [f"refs/remotes/{remote}/{name}"] if remote else []
    asked += (
        [followed.stdout.strip()] if followed.returncode == 0 and followed.stdout.startswith("refs/remotes/") else []
    )
    there = (git("rev-parse", "--verify", "-q", each, ok=(0, 1, FATAL)) for each in dict.fromkeys(asked))
    return [each for each, done in zip(dict.fromkeys(asked), there, strict=True) if done.returncode == 0]


def recall(folder: Path, branch: str, fingerprint: str) -> Verified | None:
    """What this clone verified of a branch by the same trust file; None when it did not, or did not keep it."""
    kept = _kept(folder).get(branch)
    if not fingerprint or kept is None or kept.fingerprint != fingerprint:
        return None
    return Verified(records=kept.records, head=kept.head, commit=kept.commit)


def remember(folder: Path, branch: str, chain: Chain, *, commit: str, fingerprint: str) -> None:
    """Keep how long the ledger was in this clone, and say loudly when it was longer; what cannot be kept is not.

    A warning only: who resets a decision that was never shared does the same.
    """
    kept = _kept(folder)
    before = kept.get(branch)
    if before is not None and before.records and not _has(chain, before.records, before.head):
        logger.warning(
            "WARNING: this clone has seen %d records on %s, now there are %d: were decisions taken back?",
            *(before.records, branch.removeprefix("refs/heads/"), len(chain.entries)),
        )
    now = _Kept(records=len(chain.entries), head=chain.head, commit=commit, fingerprint=fingerprint)
    if before != now:
        with suppress(OSError):
            (folder / _REMEMBERED).write_bytes(_ALL_KEPT.dump_json({**kept, branch: now}))


def _kept(folder: Path) -> dict[str, _Kept]:
    try:
        return _ALL_KEPT.validate_json((folder / _REMEMBERED).read_bytes())
    except (OSError, ValueError):
        return {}


def _has(chain: Chain, records: int, head: str) -> bool:
    return records <= len(chain.entries) and chain.entries[records - 1].hash == head
