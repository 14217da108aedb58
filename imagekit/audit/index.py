"""The index: what every commit of the history changed for every node and channel, in SQLite.

It is a cache of Git and holds nothing that Git has not: a damaged one, or one of another format, is made anew. Only
changes are kept, so that it grows with the number of commits and not with nodes times commits. What was indexed is
never read again; only the commits that are new are.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from imagekit.audit.clocks import SKEW
from imagekit.audit.fleetreader import FleetReader, problem_of, read_channel_file, read_fleet_files
from imagekit.audit.gitlog import Entry, entries, first_parents, follows, head_of, require_whole
from imagekit.audit.model import FOREVER, Assignment, Pointed
from imagekit.base.errors import ImagekitError, ToolError
from imagekit.base.git import FATAL, Git
from imagekit.base.log import step

FORMAT = "1"
EVERY = "*"  # stands for nodes that nobody knows, while fleet files cannot be read; no node is called so
_BATCH = 200  # commits whose files are in memory at a time
_WAIT = 60.0  # seconds that another process may hold the index
_SCHEMA = Path(__file__).with_name("schema.sql.txt")
_NODE = ("image", "channel", "digest", "cluster", "address", "retiring", "problem")
_POINTER = ("digest", "version", "reference", "record", "record_hash", "problem")
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Brought:
    """What bringing the index up to date came to; `rewritten` is the commit that it had and the history has not."""

    branch: str
    head: str
    commits: int
    rewritten: str = ""


@contextmanager
def open_index(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, made when it is missing, of another format, or damaged; raises `ToolError` when it cannot be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    base = _connected(path)
    try:
        yield base
    except sqlite3.DatabaseError as error:
        raise ToolError(
            f"{path}: {error}", hint="It is a cache of Git's history: remove it, and the next question makes it anew."
        ) from None
    finally:
        base.close()


def _connected(path: Path) -> sqlite3.Connection:
    for fresh in (False, True):
        if fresh:
            logger.warning("%s is damaged or of another format and is made anew", path)
            path.unlink(missing_ok=True)
        base = sqlite3.connect(path, timeout=_WAIT, isolation_level=None)
        try:
            base.executescript(_SCHEMA.read_text())
            made = base.execute("INSERT OR IGNORE INTO state VALUES ('format', ?)", (FORMAT,)).rowcount
            found = base.execute("SELECT value FROM state WHERE key = 'format'").fetchone()
            if made == 1 or found == (FORMAT,):
                return base
        except sqlite3.OperationalError as error:
            base.close()
            if "locked" in str(error) or "disk" in str(error):
                raise ToolError(f"{path}: {error}", hint="Is another process indexing, or the disk full?") from None
            continue
        except sqlite3.DatabaseError:
            pass
        base.close()
    raise ToolError(f"{path} cannot be made", hint="Remove it, and look at the rights of its folder.")


def bring_up(base: sqlite3.Connection, git: Git, reader: FleetReader = read_fleet_files, *, now: int = 0) -> Brought:
    """Index what the history has gained; raises `HistoryError` for a shallow clone or none at all.

    Where the history was rewritten, or its first parents changed, the index is made anew and the commit that is lost
    is remembered.
    """
    require_whole(git)
    branch, head = head_of(git)
    base.execute("BEGIN IMMEDIATE")
    try:
        known = _state(base, f"head {branch}") if _state(base, "branch") == branch else ""
        rewritten = ""
        if known != head:
            rewritten = known if known and not follows(git, known, head) else ""
            count = _extend(base, git, known, head, reader, now or int(time.time()), lost=rewritten)
            _keep(base, "branch", branch)
            _keep(base, f"head {branch}", head)
        else:
            count = 0
        base.execute("COMMIT")
    except BaseException:
        base.execute("ROLLBACK")
        raise
    return Brought(branch, head, count, rewritten)


def _extend(
    base: sqlite3.Connection, git: Git, known: str, head: str, reader: FleetReader, now: int, *, lost: str
) -> int:
    news = first_parents(git, head, known if known and not lost else "")
    if known and not lost and not _continues(git, known, news[0][0] if news else head):
        news = first_parents(git, head)
        known = ""
    if not known or lost:
        for table in ("commits", "nodes", "pointers"):
            base.execute(f"DELETE FROM {table}")
    with step("Reading the history of fleet and channels") as reading:
        _Writer(base, git, reader, now).write(news)
        reading.note = f"{len(news)} commits"
    if lost:
        _remember_lost(base, git, lost, head, now)
    return len(news)


def _remember_lost(base: sqlite3.Connection, git: Git, lost: str, head: str, now: int) -> None:
    """Between where the two histories part (0: nowhere any more) and what is the head now, Git's word is in doubt."""
    parted = git("merge-base", lost, head, ok=(0, 1, FATAL)).stdout.strip()
    number = "(SELECT coalesce(max(seq), 0) FROM commits WHERE id = ?)"
    base.execute(
        f"INSERT OR REPLACE INTO lost_heads VALUES (?, ?, {number}, (SELECT coalesce(max(seq), 0) FROM commits))",
        (lost, now, parted),
    )


def forget_lost(base: sqlite3.Connection) -> int:
    """Somebody looked at the rewritten history and takes it: how many lost heads are forgotten."""
    return base.execute("DELETE FROM lost_heads").rowcount


def lost_heads(base: sqlite3.Connection) -> list[tuple[str, int, int, int]]:
    """Commits that this clone indexed and the history has not any more: when that was seen, and which numbers it is
    about (more than the first, at most the second)."""
    return list(base.execute("SELECT id, seen, after, upto FROM lost_heads ORDER BY seen, id"))


def _continues(git: Git, known: str, first: str) -> bool:
    """Whether the first new commit has the last known one as its first parent; a root has none."""
    return git("rev-parse", "--verify", "-q", f"{first}^1", ok=(0, 1, FATAL)).stdout.strip() == known


def _state(base: sqlite3.Connection, key: str) -> str:
    found = base.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
    return str(found[0]) if found else ""


def _keep(base: sqlite3.Connection, key: str, value: str) -> None:
    base.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, value))


class _Writer:
    """Writes commits after the last one that is there; the files as they stood there are read from Git once."""

    def __init__(self, base: sqlite3.Connection, git: Git, reader: FleetReader, now: int) -> None:
        self._base, self._git, self._reader, self._now = base, git, reader, now
        self._fleet: dict[str, str] = {}  # path -> object id
        self._contents: dict[str, bytes] = {}
        self._nodes: dict[str, Assignment] = dict(_last_nodes(base))
        self._pointers: dict[tuple[str, str], Pointed] = dict(_last_pointers(base))

    def write(self, commits: list[tuple[str, int]]) -> None:
        """Bounds and changes of some commits that follow the last one."""
        last = self._base.execute("SELECT seq, id FROM commits ORDER BY seq DESC LIMIT 1").fetchone()
        if last is not None:
            self._fleet = self._git.tree(last[1], "fleet")
            self._fill([*self._fleet.values()])
        seq = last[0] if last else 0
        rest = iter(commits)
        while batch := list(islice(rest, _BATCH)):
            numbers = {commit: number for number, (commit, _) in enumerate(batch, start=seq + 1)}
            for commit, committed in batch:
                self._bound(numbers[commit], commit, committed)
            seq += len(batch)
            changed = list(entries(self._git, [commit for commit, _ in batch]))
            self._fill([blob for each in changed for blob in each.changed.values() if blob])
            for each in changed:
                self._change(numbers[each.id], each)
            wanted = set(self._fleet.values())
            self._contents = {blob: data for blob, data in self._contents.items() if blob in wanted}

    def _fill(self, blobs: list[str]) -> None:
        missing = [blob for blob in dict.fromkeys(blobs) if blob not in self._contents]
        self._contents.update(zip(missing, self._git.blobs(missing), strict=True))

    def _bound(self, seq: int, commit: str, committed: int) -> None:
        """As `imagekit.audit.clocks.bounds`, one commit after another."""
        before = self._base.execute(
            "SELECT low, (SELECT max(high) FROM commits WHERE high < ?) FROM commits WHERE seq = ?", (FOREVER, seq - 1)
        ).fetchone() or (0, 0)
        if committed > self._now + SKEW:
            row = (seq, commit, committed, before[0], FOREVER)
        else:
            high = max(committed, before[1] or 0)
            self._base.execute("UPDATE commits SET low = ? WHERE low > ?", (committed, committed))
            self._base.execute("UPDATE commits SET high = ? WHERE high = ?", (high, FOREVER))
            row = (seq, commit, committed, committed, high)
        self._base.execute("INSERT INTO commits VALUES (?, ?, ?, ?, ?)", row)

    def _change(self, seq: int, entry: Entry) -> None:
        fleet = {path: blob for path, blob in entry.changed.items() if path.startswith("fleet/")}
        for path, blob in fleet.items():
            if blob:
                self._fleet[path] = blob
            else:
                self._fleet.pop(path, None)
        if fleet:
            self._store_nodes(seq, self._read_fleet())
        for path, blob in entry.changed.items():
            if path.startswith("channels/") and path.endswith(".yaml") and path.count("/") == 1:
                self._store_channel(seq, path, self._contents[blob] if blob else None)

    def _read_fleet(self) -> dict[str, Assignment]:
        try:
            return dict(self._reader({path: self._contents[blob] for path, blob in self._fleet.items()}))
        except ImagekitError as error:
            return dict.fromkeys([*self._nodes, EVERY], Assignment(problem=problem_of(error)))

    def _store_nodes(self, seq: int, now: dict[str, Assignment]) -> None:
        for node in self._nodes.keys() | now.keys():
            was, found = self._nodes.get(node), now.get(node)
            if was == found:
                continue
            values = [getattr(found or Assignment(), name) for name in _NODE]
            row = (node, seq, int(found is None), *values)
            self._base.execute(f"INSERT OR REPLACE INTO nodes VALUES ({','.join('?' * len(row))})", row)
        self._nodes = now

    def _store_channel(self, seq: int, path: str, data: bytes | None) -> None:
        channel = path.removeprefix("channels/").removesuffix(".yaml")
        ours = {image: pointer for (name, image), pointer in self._pointers.items() if name == channel}
        try:
            now = read_channel_file(path, data)[1] if data is not None else {}
        except ImagekitError as error:
            now = dict.fromkeys(ours, Pointed(problem=problem_of(error)))
        for image in ours.keys() | now.keys():
            found = now.get(image)
            if ours.get(image) == found:
                continue
            values = [getattr(found or Pointed(), name) for name in _POINTER]
            row = (channel, image, seq, int(found is None), *values)
            self._base.execute(f"INSERT OR REPLACE INTO pointers VALUES ({','.join('?' * len(row))})", row)
            if found is None:
                self._pointers.pop((channel, image), None)
            else:
                self._pointers[(channel, image)] = found


def _last_nodes(base: sqlite3.Connection) -> Iterator[tuple[str, Assignment]]:
    """Every node as the last commit has it."""
    asked = f"SELECT node, gone, {', '.join(_NODE)}, max(seq) FROM nodes GROUP BY node"
    for node, gone, *values, _ in base.execute(asked):
        if not gone:
            yield node, Assignment(**dict(zip(_NODE, values, strict=True)))


def _last_pointers(base: sqlite3.Connection) -> Iterator[tuple[tuple[str, str], Pointed]]:
    asked = f"SELECT channel, image, gone, {', '.join(_POINTER)}, max(seq) FROM pointers GROUP BY channel, image"
    for channel, image, gone, *values, _ in base.execute(asked):
        if not gone:
            yield (channel, image), Pointed(**dict(zip(_POINTER, values, strict=True)))
