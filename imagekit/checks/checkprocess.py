"""The pytest process that runs or collects checks: its arguments, its environment, and how it broke."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from imagekit.base.process import run
from imagekit.base.reason import reasons, summary
from imagekit.base.text import one_line
from imagekit.checks.request import BrokenCheckError, SuiteError, Suites, empty_suite
from imagekit.checks.session import SESSION_VARIABLE, Session
from imagekit.checks.telling import Teller
from imagekit.checks.wellformed import FOLDER

_PYTEST_USAGE = 4  # https://docs.pytest.org/en/stable/reference/exit-codes.html
_PYTEST_BROKE = (3, _PYTEST_USAGE)


def run_pytest(session: Session, suites: Suites, extra: Sequence[str], seconds: float) -> None:
    """Run pytest on the layers of a session, `seconds` at most; what it writes is in ``pytest.log`` beside the events.

    Raises `EmptySuiteError` for a layer without a folder, `BrokenCheckError` for a check file that is wrong,
    `SuiteError` when pytest itself breaks, `ProcessTimeoutError` after `seconds`.
    """
    out = Path(session.events).parent
    folders = [suites.checks_root / layer for layer in session.layers]
    for layer, folder in zip(session.layers, folders, strict=True):
        if not folder.is_dir():
            raise empty_suite(layer, folder)
    session.write(out / "session.json")
    # pytest splits its arguments at "::" and "[", and fills in variables in --rootdir: it is told names of layers only.
    done = run(
        (sys.executable, "-P", "-m", "pytest", *_options(), *extra, *suites.selection.arguments, *session.layers),
        timeout=seconds,
        env=_environment(out / "session.json", session.engine),
        cwd=suites.checks_root,
        on_line=Teller(Path(session.events)),
        ok=range(256),
    )
    (out / "pytest.log").write_text(done.stdout + done.stderr)
    if done.returncode in _PYTEST_BROKE or done.returncode > 128:
        output = done.stdout + done.stderr
        why = _said(output)
        kind = BrokenCheckError if why and done.returncode == _PYTEST_USAGE else SuiteError
        raise kind(
            f"the checks did not run: {one_line(why, 400)}" if why else f"pytest broke (exit status {done.returncode})",
            hint=f"{'' if why else summary(output)}\nAll that pytest wrote: {out / 'pytest.log'}".strip(),
        )


def _said(output: str) -> str:
    """What pytest says of why it did not run: of a conftest.py its place, and the last error."""
    told = reasons(output)
    # What broke pytest itself is told last, after all that led to it.
    why = (told[-1] if "INTERNALERROR>" in output else told[0]) if told else ""
    why = re.sub(r"^(ERROR: |E\s+)", "", why)
    at = re.search(r"while loading conftest '.*?([^/']+/conftest\.py|conftest\.py)'", output)
    return f"{FOLDER}/{at[1]}: {why}" if at else why


def _options() -> tuple[str, ...]:
    return (
        *("-p", "imagekit.checks.wellformed", "-p", "imagekit.checks.plugin", "-p", "no:cacheprovider"),
        *("-c", os.devnull, "--rootdir", ".", "--import-mode=importlib", "--continue-on-collection-errors"),
        # Else every folder above the checks is collected as a parent of theirs, and -k matches its name.
        *("--confcutdir", "."),
        *("--strict-markers", "-W", "error", "-v", "--tb=short", "--color=no", "--no-header"),
    )


def _environment(session_file: Path, engine: str) -> dict[str, str]:
    package_root = os.fspath(Path(__file__).resolve().parents[2])
    # A list with ":" between its items cannot name such a folder; there the installed package is found as it is here.
    path = {} if os.pathsep in package_root else {"PYTHONPATH": package_root}
    return {
        SESSION_VARIABLE: os.fspath(session_file),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **({"DOCKER_HOST": engine} if engine else {}),
        **path,
    }
