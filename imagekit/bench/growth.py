"""How the cost of planning grows with the images that share their layers, and that of a ledger with its records."""

from __future__ import annotations

import copy
import shutil
import sys
from pathlib import Path

import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from imagekit.app.context import open_release_context
from imagekit.base.git import git_argv, git_environment
from imagekit.base.log import step
from imagekit.base.process import run
from imagekit.bench.cost import cost, cost_of
from imagekit.bench.madehistory import MadeHistory
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.subject import BenchSubject, program
from imagekit.config.load import IMAGES_FILE, load_project
from imagekit.trust.sign.keys import KeyStore

_SIZES = (30, 300)
_RECORDS = (1_000, 10_000)
_ROUNDS = 3
_TIMEOUT = 300.0
_WHO = {f"GIT_{role}_{key}": "bench" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}


def measure(bench: BenchSubject) -> list[Row]:
    """CPU seconds of `plan --all` for images of the same layers, at two sizes, beside a Python that does nothing."""
    bare = median(cost_of([sys.executable, "-c", "pass"], timeout=_TIMEOUT).cpu_seconds for _ in range(_ROUNDS))
    return [
        *(_row(bench, count, bare) for count in _SIZES),
        *(row for count in _RECORDS for row in ledger_rows(bench.scratch / f"ledger-{count}", count)),
    ]


def ledger_rows(root: Path, count: int) -> list[Row]:
    """CPU seconds of reading a ledger whole, in a clone that never did and in one that did, git included.

    The reference is what nothing can be faster than that verifies every record: so many signatures by `cryptography`.
    """
    store = KeyStore(root / ".imagekit" / "keys", environ={})
    with step(f"Making a ledger of {count} records"):
        MadeHistory(root, store.signer(), nodes=0).write_ledger(count)
    floor = _signatures(count)
    first, again = _read_ledger(root), median(_read_ledger(root) for _ in range(_ROUNDS))
    named = f"{count} signatures verified"
    goal = Goal(limit=2.0, bound=Bound.VALUE) if count == _RECORDS[-1] else None
    return [
        Row(
            name=f"ledger of {count} records, first read in a clone",
            measured=first,
            unit="CPU s",
            against=named,
            reference=floor,
        ),
        Row(
            name=f"ledger of {count} records, read again",
            measured=again,
            unit="CPU s",
            against=named,
            reference=floor,
            goal=goal,
        ),
    ]


def _read_ledger(root: Path) -> float:
    project = load_project(root)
    with cost() as taken, open_release_context(project, decides=False) as context:
        context.chain()
    return taken.cpu_seconds


def _signatures(count: int) -> float:
    key, kind = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(hashes.SHA256())
    data = bytes(1500)  # as large as a record
    signature, public = key.sign(data, kind), key.public_key()
    with cost() as taken:
        for _ in range(count):
            public.verify(signature, data, kind)
    return taken.cpu_seconds


def _row(bench: BenchSubject, count: int, bare: float) -> Row:
    root = bench.scratch / f"growth-{count}"
    _write_project(bench, root, count)
    argv: list[str | Path] = [program(), "--project", root, "plan", "--all", "--json"]
    spent = median(cost_of(argv, timeout=_TIMEOUT).cpu_seconds for _ in range(_ROUNDS))
    return Row(
        name=f"plan --all of {count} images",
        measured=spent,
        unit="CPU s",
        against="python -c pass",
        reference=bare,
        goal=Goal(limit=2.0, bound=Bound.VALUE) if count == _SIZES[-1] else None,
    )


def _write_project(bench: BenchSubject, root: Path, count: int) -> None:
    """The project's own sources, with its image declared under many names, in a repository of one commit."""
    own = bench.project.root
    for name in ("images", "cloud-config"):
        shutil.copytree(own / name, root / name, symlinks=True)
    declared = yaml.safe_load((own / IMAGES_FILE).read_text())
    image = declared["images"][bench.name]
    declared["images"] = {f"node-{number:03}": copy.deepcopy(image) for number in range(count)}
    (root / IMAGES_FILE).write_text(yaml.dump(declared, Dumper=_Plain))
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "bench")):
        run(git_argv(*words), timeout=60, cwd=root, env={**git_environment(), **_WHO})


class _Plain(yaml.SafeDumper):
    """Writes each value out: imagekit's files have no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True
