"""The certificates of layers, checked and written anew, in folders that the build takes them from."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.config.load import Project
from imagekit.plan.model import Plan

if TYPE_CHECKING:  # with cryptography, which only a layer with certificates needs
    from imagekit.config.authorities import Authority


def authority_folders(project: Project, plans: Sequence[Plan]) -> dict[str, Path]:
    """A folder for each layer of the plans that declares certificates, one canonical PEM file for each of them.

    Raises `AuthorityError` for a certificate that is not taken, or not in force now.
    """
    layers = {layer for plan in plans for layer in project.image(plan.image).layers}
    return {
        layer: _written(project.work / "authorities", authorities)
        for layer, authorities in authorities_of(project, sorted(layers)).items()
    }


def authorities_of(
    project: Project, layers: Iterable[str], *, now: datetime | None = None
) -> dict[str, tuple[Authority, ...]]:
    """The authorities of those layers that declare some, held against the clock; raises `AuthorityError`."""
    instant = now or datetime.now(UTC)
    declared = {layer: patterns for layer in layers if (patterns := project.layers[layer].present.certificates)}
    if not declared:
        return {}
    from imagekit.config.authorities import read_authorities

    return {
        layer: read_authorities(project.located(f"images/{layer}"), patterns, now=instant)
        for layer, patterns in declared.items()
    }


def _written(into: Path, authorities: tuple[Authority, ...]) -> Path:
    from imagekit.config.authorities import content_id

    folder = into / content_id(authorities)[:32]
    if not folder.exists():
        into.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".part-", dir=into))
        for each in authorities:
            (partial / f"{each.name}.pem").write_bytes(each.pem)
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:  # another process was there first, with the same content
            shutil.rmtree(partial)
    return folder
