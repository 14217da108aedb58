"""Audits of a made-up fleet of 500 nodes over 400 days: the first index, what follows it, and a question."""

from __future__ import annotations

from pathlib import Path

from imagekit.audit.index import bring_up, open_index
from imagekit.base.git import Git
from imagekit.base.log import step
from imagekit.bench.cost import Cost, cost, cost_of
from imagekit.bench.madehistory import MadeHistory
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject, program
from imagekit.trust.sign.keys import KeyStore

_NODES, _DAYS = 500, 400
_ROUNDS, _TIMEOUT = 5, 120.0
_QUESTION = Goal(limit=1.0, bound=Bound.VALUE)
_LINEAR = Goal(limit=2.5)  # twice the commits, at most two and a half times the work


def measure(bench: BenchSubject) -> list[Row]:
    """CPU seconds: the index of all days against that of half of them, and questions through the command line."""
    half, _, _ = _indexed(bench.scratch / "half", _DAYS // 2)
    whole, commits, root = _indexed(bench.scratch / "whole", _DAYS)
    own: list[str | Path] = [program(), "--project", root, "audit", "--offline"]
    asked = {
        "audit --node --at": ["--node", "w250", "--at", "2025-09-01"],
        "audit --fleet --at": ["--fleet", "--at", "2025-09-01"],
    }
    with step("The first question, which reads ledger and history"):
        _answered([*own, *asked["audit --node --at"]])
    return [
        Row(
            name="audit, first index",
            measured=whole.cpu_seconds,
            unit="CPU s",
            against=f"{_DAYS // 2} days",
            reference=half.cpu_seconds,
            goal=_LINEAR,
            note=f"{commits} commits, {_NODES} nodes",
        ),
        *(
            Row(
                name=name,
                measured=median(_answered([*own, *words]).cpu_seconds for _ in range(_ROUNDS)),
                unit="CPU s",
                goal=_QUESTION,
                note=f"whole command, {_NODES} nodes, {_DAYS} days; median of {_ROUNDS}",
            )
            for name, words in asked.items()
        ),
    ]


def _indexed(folder: Path, days: int) -> tuple[Cost, int, Path]:
    root = folder / "project"
    work = root / ".imagekit"
    work.mkdir(parents=True)
    with step(f"Making {days} days of {_NODES} nodes"):
        commits = MadeHistory(root, KeyStore(work / "keys", environ={}).signer(), _NODES).write(days)
    with open_index(folder / "index.sqlite") as base, cost() as taken:
        bring_up(base, Git(root))
    return taken, commits, root


def _answered(argv: list[str | Path]) -> Cost:
    """Without a registry nothing is proven, so that the exit code is 1."""
    return cost_of(["sh", "-c", '"$@"; test $? -eq 1', "sh", *argv], timeout=_TIMEOUT)
