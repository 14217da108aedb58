"""Histories of fleet and channel files in real Git repositories, made in one go by git-fast-import(1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import yaml

from imagekit.base.process import run
from imagekit.oci.reference import Digest
from imagekit.release.channel.model import ChannelFile, Pointer, to_yaml
from tests.support.project import git

IMAGE = "node"


def digest(number: int) -> str:
    """The digest of a made-up version."""
    return str(Digest.of(b"version %d" % number))


def fleet_yaml(nodes: Mapping[str, Mapping[str, str]]) -> bytes:
    """A fleet file; a node without an image runs `IMAGE`."""
    entries = {name: {"image": IMAGE, **fields} for name, fields in nodes.items()}
    return yaml.safe_dump({"version": 1, "nodes": entries}, sort_keys=True).encode()


def channel_yaml(channel: str, number: int, *, record: int = 1, record_hash: str = "0" * 64) -> bytes:
    """A channel file that points at a made-up version."""
    pointer = Pointer(
        version=f"v{number}",
        digest=digest(number),
        reference=f"host/{channel}/{IMAGE}@{digest(number)}",
        since=datetime(2026, 1, 1, tzinfo=UTC),
        record=record,
        record_hash=record_hash,
    )
    return to_yaml(ChannelFile(channel=channel, images={IMAGE: pointer}))


@dataclass
class Made:
    """One commit to be: its files whole, its committer's time, and the commits that it merges (numbers, from 1)."""

    files: Mapping[str, bytes]
    at: int
    authored: int = 0
    merges: Sequence[int] = ()
    onto: int | None = None
    author: str = "Ann <ann@example.org>"
    subject: str = "a change"


@dataclass
class History:
    """Commits to be written; `add` returns the number of each."""

    root: Path
    commits: list[Made] = field(default_factory=list)

    def add(self, files: Mapping[str, bytes], at: int, **fields: object) -> int:
        """A commit after the last one of main, unless `onto` names another."""
        self.commits.append(Made(files, at, **fields))  # type: ignore[arg-type]  # tests name fields freely
        return len(self.commits)

    def write(self) -> Path:
        """Make the repository with main checked out; commits with `onto` are side branches and move nothing."""
        if not (self.root / ".git").is_dir():
            self.root.mkdir(parents=True, exist_ok=True)
            git(self.root, "init", "-q", "-b", "main")
        stream = b"".join(self._stream())
        run(["git", "fast-import", "--quiet", "--force"], timeout=120, cwd=self.root, stdin=stream)
        git(self.root, "reset", "-q", "--hard", "main")
        return self.root

    def _stream(self) -> list[bytes]:
        parts, last = [b"reset refs/heads/main\n\n"], 0
        for number, made in enumerate(self.commits, start=1):
            side = made.onto is not None
            ref = f"refs/heads/side-{number}" if side else "refs/heads/main"
            parent = made.onto if side else last
            who = made.author.encode()
            parts.append(
                b"commit %s\nmark :%d\nauthor %s %d +0000\ncommitter Merge <merge@example.org> %d +0000\n"
                % (ref.encode(), number, who, made.authored or made.at, made.at)
            )
            parts.append(b"data %d\n%s\n" % (len(made.subject.encode()), made.subject.encode()))
            parts.append(b"from :%d\n" % parent if parent else b"")
            parts += [b"merge :%d\n" % each for each in made.merges]
            parts.append(b"deleteall\n")
            for path, data in sorted(made.files.items()):
                parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
            last = last if side else number
        return parts
