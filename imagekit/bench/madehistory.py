"""A made-up year of a fleet: nodes, channels and a signed ledger in a Git repository, written in one go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from imagekit.base.git import git_argv, git_environment
from imagekit.base.process import run
from imagekit.oci.reference import Digest
from imagekit.release.channel.history import after, anchor_of
from imagekit.release.channel.model import ChannelFile, to_yaml
from imagekit.release.ledger.chain import Chain, ChainEntry, file_hash
from imagekit.release.ledger.record import Action, Record
from imagekit.trust.sign.interface import Signer

IMAGE = "node"
BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
CHANNELS = ("dev", "staging", "prod")
_IMAGES = """\
version: 1
images:
  node:
    family: debian
    base: {distro: trixie}
    kairos_init: {standin: images/kairos-init-standin}
    layers: [base]
"""
_POLICY = "version: 1\npublish: {}\nchannels:\n" + "".join(f"  {name}: {{}}\n" for name in CHANNELS)


@dataclass
class MadeHistory:
    """The files as they stand while the history is written; the same seed gives the same fleet."""

    root: Path
    signer: Signer
    nodes: int
    rng: random.Random = field(default_factory=lambda: random.Random(17))
    pins: dict[int, str] = field(default_factory=dict)
    entries: list[ChainEntry] = field(default_factory=list)
    channels: dict[str, ChannelFile] = field(default_factory=dict)

    def write(self, days: int) -> int:
        """A repository with so many days: two changes of the fleet a day, a promotion every other one."""
        return self._write(self._commits(days))

    def write_ledger(self, records: int) -> int:
        """A repository of a ledger alone: one record a commit, and with the last the channel files."""
        return self._write(self._records(records))

    def _write(self, commits: Iterator[tuple[datetime, dict[str, bytes]]]) -> int:
        run(["git", "init", "-q", "-b", "main", self.root], timeout=30)
        stream, count = [b"reset refs/heads/main\n\n"], 0
        for at, files in commits:
            count += 1
            stamp = int(at.timestamp())
            head = f"commit refs/heads/main\ncommitter Bench <bench@example.org> {stamp} +0000\ndata 6\nchange\n"
            stream.append(head.encode())
            for path, data in files.items():
                stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data))
        run(
            git_argv("fast-import", "--quiet", "--force"),
            timeout=300,
            cwd=self.root,
            env=git_environment(),
            stdin=b"".join(stream),
        )
        run(git_argv("reset", "-q", "--hard", "main"), timeout=120, cwd=self.root, env=git_environment())
        return count

    def _commits(self, days: int) -> Iterator[tuple[datetime, dict[str, bytes]]]:
        first = {
            "images/images.yaml": _IMAGES.encode(),
            "policy.yaml": _POLICY.encode(),
            "fleet/all.yaml": self.fleet(),
        }
        yield BEGIN, {**first, ".gitignore": b".imagekit/\n"}
        for day in range(days):
            for hour in (9, 15):
                node = self.rng.randrange(self.nodes)
                if node in self.pins:
                    del self.pins[node]
                else:
                    self.pins[node] = str(Digest.of(b"%d" % self.rng.randrange(50)))
                yield BEGIN + timedelta(days=day, hours=hour), {"fleet/all.yaml": self.fleet()}
            if day % 2 == 0:
                at = BEGIN + timedelta(days=day, hours=18)
                yield at, self.promotion(CHANNELS[(day // 2) % len(CHANNELS)], at)

    def _records(self, count: int) -> Iterator[tuple[datetime, dict[str, bytes]]]:
        base = {"images/images.yaml": _IMAGES.encode(), "policy.yaml": _POLICY.encode(), ".gitignore": b".imagekit/\n"}
        yield BEGIN, base
        for number in range(count):
            at = BEGIN + timedelta(hours=number + 1)
            record = self.record(CHANNELS[number % len(CHANNELS)], at)
            yield at, {**record, **(self.channel_files() if number == count - 1 else {})}

    def fleet(self) -> bytes:
        """The fleet file: one entry a node, as a file of 500 nodes that differ has them."""
        lines = ["version: 1", "nodes:"]
        for number in range(self.nodes):
            pinned = self.pins.get(number)
            what = f'digest: "{pinned}"' if pinned else f"channel: {CHANNELS[number % len(CHANNELS)]}"
            lines.append(f"  w{number}: {{image: {IMAGE}, {what}}}")
        return ("\n".join(lines) + "\n").encode()

    def promotion(self, channel: str, at: datetime) -> dict[str, bytes]:
        """A signed record, and every channel file as it is after it."""
        return {**self.record(channel, at), **self.channel_files()}

    def record(self, channel: str, at: datetime) -> dict[str, bytes]:
        """A signed record of a promotion."""
        number = len(self.entries) + 1
        digest = Digest.of(b"version %d" % number)
        record = Record(
            sequence=number,
            previous=self.entries[-1].hash if self.entries else "",
            action=Action.PROMOTE,
            at=at,
            actor="bench@example.org",
            image=IMAGE,
            version=f"v{number}",
            digest=digest,
            reference=f"registry.example/{channel}/{IMAGE}@{digest}",
            channel=channel,
            reason="bench",
        )
        data = self.signer.sign(record.statement().stamped(at))
        entry = ChainEntry(record, file_hash(data))
        self.entries.append(entry)
        before = self.channels.get(channel)
        pointer = after(before.images.get(IMAGE) if before else None, entry)
        self.channels[channel] = ChannelFile(channel=channel, images={IMAGE: pointer})
        return {f"ledger/{record.file_name}": data}

    def channel_files(self) -> dict[str, bytes]:
        """Every channel file as it is after the last record."""
        anchor = anchor_of(Chain(tuple(self.entries)))
        return {
            f"channels/{name}.yaml": to_yaml(file.model_copy(update={"ledger": anchor}))
            for name, file in self.channels.items()
        }
