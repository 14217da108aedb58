"""Which checks a run is about and where they lie, and the errors of suites that prove nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagekit.base.errors import ConfigError, ToolError
from imagekit.checks.selection import ALL, Selection
from imagekit.checks.session import Muted


class EmptySuiteError(ConfigError):
    """A layer of the image has no check to run."""


class SuiteError(ToolError):
    """The process that runs the checks broke down before it could say anything."""


class BrokenCheckError(SuiteError):
    """A check file is wrong: it cannot be loaded, or a check lacks its docstring or mark. Whoever wrote it mends it."""

    exit_code = ConfigError.exit_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Suites:
    """Where the parts are: checks, the images' folder, a folder for what a run leaves, the cloud-config files.

    `mutes` are the checks that only warn for a time, by somebody's word, `selection` says which to run. `image_layers`
    are the layers of the image, where the checks are not those of all of them.
    """

    checks_root: Path
    images_root: Path
    out: Path
    family: str = "debian"
    profile: tuple[Path, ...] = ()
    mutes: tuple[Muted, ...] = ()
    selection: Selection = ALL
    image_layers: tuple[str, ...] = ()


def empty_suite(layer: str, folder: Path) -> EmptySuiteError:
    """The error for a layer whose folder has no check for this boot path."""
    return EmptySuiteError(
        f"layer {layer} collected no check: nothing would be proven about it",
        hint=f"Add test_*.py with at least one check for this boot path to {folder}.",
    )
