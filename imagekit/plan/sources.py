"""What planning reads of a project, each thing once for all the images of one command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from imagekit.base.tree import folder_hash
from imagekit.config.load import Project
from imagekit.plan.model import Source
from imagekit.plan.revision import Inputs, read_source

V = TypeVar("V")


class Sources:
    """Folders, their hashes, revisions and authorities of one project.

    Images share nearly all of their layers: three hundred of them read no more files, and ask git no more often, than
    one. What is read is remembered for as long as this object lives, so it lives for one command.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._known: dict[tuple[object, ...], object] = {}

    def located(self, folder: str) -> Path:
        """The folder of this name that counts, see `imagekit.config.engine.located`."""
        return self._once(("located", folder), lambda: self.project.located(folder))

    def folder(self, name: str) -> str:
        """Hash of a folder, by its name in the project; raises `ConfigError` when it is not there."""
        return self._once(("folder", name), lambda: folder_hash(self.located(name)))

    def revision(self, inputs: Inputs) -> Source:
        """The last commit that touched these inputs; raises `ConfigError` as `read_source` does."""
        return self._once(("revision", inputs), lambda: read_source(self.project.root, inputs))

    def authorities(self, layer: str) -> dict[str, str]:
        """What a layer's certificates are once they are written anew; `ConfigError` for one that is not taken."""
        return self._once(("authorities", layer), lambda: self._authorities(layer))

    def _authorities(self, layer: str) -> dict[str, str]:
        patterns = self.project.layers[layer].present.certificates
        if not patterns:
            return {}
        from imagekit.config.authorities import content_id, read_authorities

        return {"authorities": content_id(read_authorities(self.located(f"images/{layer}"), patterns))}

    def _once(self, key: tuple[object, ...], read: Callable[[], V]) -> V:
        if key not in self._known:
            self._known[key] = read()
        return self._known[key]  # type: ignore[return-value]  # a key's first word says what it holds
