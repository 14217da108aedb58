"""Ledgers with a trust file beside them, in real git repositories, whose keys come and go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from imagekit.base.git import Git
from imagekit.oci.reference import Digest
from imagekit.release.ledger.chain import Chain, file_hash
from imagekit.release.ledger.judge import TrustJudge
from imagekit.release.ledger.past import GitPast
from imagekit.release.ledger.record import Action, Record
from imagekit.release.ledger.store import LedgerStore
from imagekit.trust.sign.native import public_key_pem
from imagekit.trust.sign.trust import load_trust
from tests.support.images import key, signer
from tests.support.project import commit, git

BEGIN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_DATE = "2026-11-22T12:00:00+00:00"


@dataclass
class Ledger:
    """A checkout with a trust file; each record is one commit."""

    root: Path
    keys: dict[str, dict[str, object]] = field(default_factory=dict)

    def trust(self, name: str, **fields: object) -> None:
        """Trust the test key of that name to promote, with these fields; committed."""
        pem = public_key_pem(key(name).public_key()).decode()
        self.keys[name] = {"id": name, "pem": pem, "purposes": ["promote"], **fields}
        self.write_trust()
        self.commit(f"trust: {name} {sorted(fields)}")

    def forget(self, name: str) -> None:
        """Take a key out of the trust file; committed."""
        del self.keys[name]
        self.write_trust()
        self.commit(f"trust: no {name}")

    def write_trust(self) -> None:
        """Write the trust file, and commit nothing."""
        text = yaml.safe_dump({"version": 1, "keys": list(self.keys.values())})
        (self.root / "trust.yaml").write_text(text)

    def commit(self, message: str) -> str:
        """Commit all."""
        commit(self.root, message, _DATE)
        return git(self.root, "rev-parse", "HEAD").strip()

    def files(self) -> dict[str, bytes]:
        """The records as they lie there, in order."""
        return {path.name: path.read_bytes() for path in sorted((self.root / "ledger").glob("*.json"))}

    def made(self, by: str, *, channel: str = "dev", **fields: object) -> tuple[str, bytes]:
        """The next record, signed by the test key of that name."""
        files = list(self.files().values())
        number = len(files) + 1
        record = Record(
            sequence=number,
            previous=file_hash(files[-1]) if files else "",
            action=Action.PROMOTE,
            at=BEGIN + timedelta(minutes=number),
            actor="ann@example.org",
            image="node",
            version=f"v{number}",
            digest=Digest.of(b"%d" % number),
            reference="host/imagekit/dev/node",
            channel=channel,
        )
        record = replace(record, **fields)  # type: ignore[arg-type]  # tests name fields freely
        return record.file_name, signer(by).sign(record.statement().stamped(record.at))

    def add(self, by: str, *, channel: str = "dev", **fields: object) -> str:
        """Write the next record and commit it; returns the commit."""
        name, data = self.made(by, channel=channel, **fields)
        path = self.root / "ledger" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return self.commit(f"record {name}")

    def read(self, *, past: bool = True) -> Chain:
        """The chain, as everybody reads it; without `past` as if the ledger had a repository of its own."""
        return LedgerStore(self.root).chain(self.judge(past=past))

    def judge(self, *, past: bool = True) -> TrustJudge:
        """By the trust file as it is now."""
        return TrustJudge(load_trust(self.root), GitPast(Git(self.root)) if past else None)


def open_ledger(root: Path, trusted: Sequence[str] = ("ours",)) -> Ledger:
    """An empty ledger that trusts these keys."""
    root.mkdir(parents=True)
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.email", "ann@example.org")
    git(root, "config", "user.name", "Ann")
    made = Ledger(root)
    for name in trusted:
        made.trust(name)
    return made
