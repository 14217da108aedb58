"""A history made anew from the results that are kept, when the file is damaged or gone."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.history.add import add_night, add_run
from imagekit.history.model import Night
from imagekit.history.store import History
from imagekit.report.result import FILE_NAME, read_result

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Rebuilt:
    """What was found again; `unread` names results that cannot be read, `aside` where the damaged file is now."""

    runs: int = 0
    nights: int = 0
    unread: list[str] = field(default_factory=list)
    aside: Path | None = None


def rebuild(path: Path, results: Iterable[Path], nights: Iterable[Night] = ()) -> Rebuilt:
    """Put the file aside and make it anew; what only the file knew (answers of gates) is not found again.

    The new file stands in the old one's place only when it is whole.
    """
    done, beside = Rebuilt(), path.with_name(f"{path.name}.new")
    for leftover in (beside, beside.with_name(f"{beside.name}-journal")):
        leftover.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    with History(beside) as history:
        add_results(history, results, done)
        for night in nights:
            add_night(history, night)
            done.nights += 1
    if path.exists():
        done.aside = _free_name(path)
        path.rename(done.aside)
    # A journal of the damaged file must not be rolled back into the new one.
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    beside.rename(path)
    return done


def add_results(history: History, results: Iterable[Path], done: Rebuilt) -> None:
    """Add the results in these folders; one that cannot be read is named and passed over."""
    for folder in results:
        try:
            add_run(history, read_result(folder))
            done.runs += 1
        except (ConfigError, ValueError) as error:
            done.unread.append(f"{folder / FILE_NAME if folder.is_dir() else folder}: {error}")
            logger.warning("WARNING: not in the history: %s", error)


def _free_name(path: Path) -> Path:
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside
