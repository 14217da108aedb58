"""The name of what was run: a hash over the check files of an image's layers and the code that runs them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

_OWN = (
    "plugin.py",
    "answers.py",
    "batched.py",
    "declaration.py",
    "facts.py",
    "facts.sh",
    "tlspeer.py",
    "session.py",
    "declared.py",
    "suites.py",
    "named.py",
    "directory.py",
    "role.py",
    "joincause.py",
    "until.py",
)


def suite_hash(layers: Sequence[str], checks_root: Path) -> str:
    """64 hex digits over path and content of the layers' check files, files shared beside them, and the runner's."""
    state = hashlib.sha256()
    for name, path in _files(layers, checks_root):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        state.update(f"{name}\0{content}\n".encode())
    return state.hexdigest()


def _files(layers: Sequence[str], root: Path) -> Iterator[tuple[str, Path]]:
    here = Path(__file__).parent
    yield from ((f"imagekit/{name}", here / name) for name in _OWN)
    for folder in ("hardening", "scap"):
        parts = (path for path in (here / folder).iterdir() if path.suffix in (".py", ".sh"))
        yield from ((f"imagekit/{folder}/{path.name}", path) for path in sorted(parts))
    shared = (path for path in root.iterdir() if path.is_file()) if root.is_dir() else iter(())
    suites = (path for layer in layers for path in (root / layer).rglob("*"))
    for path in sorted({*shared, *suites}):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(root).as_posix(), path
