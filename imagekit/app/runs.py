"""The folders of runs: one for each, named by its time, holding the result file and its views."""

from __future__ import annotations

import json
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.base.process import alive, start_time
from imagekit.report.result import FILE_NAME, RunResult

PAGE, JUNIT = "report.html", "junit.xml"
_OWNER = "owner.json"


def new_run(work: Path) -> tuple[str, Path]:
    """A fresh run id (UTC time and four random hex digits) and its folder."""
    run_id = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    folder = work / "runs" / run_id
    folder.mkdir(parents=True)
    (folder / _OWNER).write_text(json.dumps({"pid": os.getpid(), "started": start_time(os.getpid())}))
    return run_id, folder


def abandoned_runs(work: Path) -> list[Path]:
    """Folders of runs that ended without a result: their process is dead."""
    return [path for path in sorted((work / "runs").glob("*")) if not (path / FILE_NAME).exists() and not _owned(path)]


def running_runs(work: Path) -> list[Path]:
    """Folders of runs that go on: their process lives and has left no result yet, or keeps a machine."""
    return [path for path in sorted((work / "runs").glob("*")) if not (path / FILE_NAME).exists() and _owned(path)]


def _owned(folder: Path) -> bool:
    try:
        owner = json.loads((folder / _OWNER).read_text())
        return alive(int(owner["pid"]), started=float(owner["started"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


def kept_runs(work: Path) -> list[Path]:
    """Folders of runs that have a result, newest first."""
    return sorted((path.parent for path in (work / "runs").glob(f"*/{FILE_NAME}")), reverse=True)


def find_run(work: Path, run_id: str | None) -> Path:
    """The folder of a run (a unique beginning of its id is enough), or of the last one; raises `ConfigError`."""
    runs = kept_runs(work)
    if not runs:
        raise ConfigError("no run has been recorded here yet", hint="`imagekit run IMAGE` makes one.")
    if run_id is None:
        return runs[0]
    found = [folder for folder in runs if folder.name.startswith(run_id)]
    if len(found) != 1:
        raise ConfigError(
            f"{'no run' if not found else f'{len(found)} runs'} with an id that begins with {run_id!r}",
            hint="`imagekit report --list` shows the runs that are kept.",
        )
    return found[0]


def write_views(result: RunResult, folder: Path) -> Path:
    """Make JUnit and the page of a result, with the runbook's words on what failed; returns the page."""
    from imagekit.report.html import write_html
    from imagekit.report.junit import write_junit

    write_junit(result, folder / JUNIT)
    return write_html(result, folder / PAGE, _runbook(result, project_of(folder)))


def project_of(run_folder: Path) -> Path:
    """The project that a run's folder belongs to: ``ROOT/.imagekit/runs/ID``."""
    return run_folder.parents[2]


def _runbook(result: RunResult, root: Path) -> str:
    """The page that the failure card names; empty when it names none, or none that is there."""
    from imagekit.config.engine import located
    from imagekit.report.card import card_of

    card = card_of(result)
    name = card.first.page.removeprefix("docs/runbook/") if card else ""
    path = located(root, "docs/runbook") / name
    return path.read_text(errors="replace") if name and path.is_file() else ""
