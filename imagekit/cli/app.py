"""What every command gets: the project, read when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from imagekit.config.load import Project


@dataclass
class App:
    """The invocation: where the project is and how much to tell."""

    root: Path
    verbose: bool = False
    quiet: bool = False
    locked: bool | None = None

    @cached_property
    def project(self) -> Project:
        """The project's configuration; raises `ConfigError`."""
        import os
        from dataclasses import replace

        from imagekit.config.load import load_project
        from imagekit.config.lockmode import is_locked

        return replace(load_project(self.root), locked=is_locked(self.locked, os.environ))

    def read_again(self) -> Project:
        """The configuration as its files are now; raises `ConfigError`."""
        self.__dict__.pop("project", None)
        return self.project

    @property
    def work(self) -> Path:
        """The folder of everything imagekit makes, made when missing."""
        folder = self.root / ".imagekit"
        folder.mkdir(exist_ok=True)
        return folder

    def image_name(self, name: str | None) -> str:
        """The named image, or the only one there is."""
        if name is not None:
            self.project.image(name)
            return name
        from imagekit.base.errors import ConfigError

        names = sorted(self.project.images)
        if len(names) == 1:
            return names[0]
        raise ConfigError("which image?", hint=f"Name one of: {', '.join(names)}.")
