"""`imagekit test --watch`: a machine that is tested again and again while a person works."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.base.errors import ConfigError
from imagekit.cli.app import App
from imagekit.cli.screen import finish, say
from imagekit.cli.test import entered

if TYPE_CHECKING:
    from imagekit.app.interface import Booted
    from imagekit.app.options import Options
    from imagekit.checks.outcome import SuiteResult

_EVERY = 0.5  # seconds between looks where no machine is kept


def watch_image(app: App, name: str, options: Options, hours: float) -> int:
    """Test, and again whenever what the image is made of changes, until Enter or Ctrl-C; the last exit code.

    Raises `ConfigError` for what cannot be watched.
    """
    from imagekit.app.run import run_image
    from imagekit.app.watching import snapshot

    if options.lifecycle is not None or not options.boot_paths:
        raise ConfigError(
            "scenarios are not watched", hint="--watch is for checks: leave --lifecycle and --scenario out."
        )
    if options.suites:
        raise ConfigError(
            f"suite {options.suites[0].name} wants servers beside the node, and is not watched",
            hint=f"`imagekit test {name} --suite {options.suites[0].name} --keep`, then `imagekit check`.",
        )
    person = sys.stdin.isatty()
    ended = entered if person else lambda: False
    while True:
        again: list[bool] = []
        before = snapshot(app.root)
        keep = partial(_keep, app, hours, ended, again, before)
        try:
            finished = run_image(app.read_again(), name, replace(options, keep=keep))
        except ConfigError as error:  # of the project's files, which are being worked on
            say(f"{error}\n{error.hint}", err=True)
            if not _until_changed(app.root, before, ended):
                return error.exit_code
            continue
        if again == [True]:
            say("\nWhat the machine is made of has changed: once more.", err=True)
            continue
        code = finish(finished)
        if again or not _until_changed(app.root, before, ended):  # no machine came up
            return code


def _keep(
    app: App,
    hours: float,
    ended: Callable[[], bool],
    again: list[bool],
    before: Mapping[str, tuple[int, int]],
    machine: Booted,
    found: SuiteResult,
) -> None:
    """Watch on a machine that is kept; `again` gets whether a new one is wanted."""
    from imagekit.app.again import check_kept
    from imagekit.app.keptmachine import hold
    from imagekit.app.watching import Watch, failing_of
    from imagekit.plan.resolve import make_plan

    kept = machine.kept()
    watch = Watch(
        root=app.root,
        layers=app.project.image(kept.image).layers,
        boot_path=kept.boot_path,
        check=lambda selection: check_kept(app.read_again(), kept.image, kept.boot_path, selection)[1],
        same=lambda: make_plan(app.read_again(), kept.image).version == kept.version,
        seen=before,
        failing=failing_of(found),
    )
    say(
        f"{found.said}. Watching {app.root}: a changed check is run on this machine, "
        f"a changed image is built and booted. {'Enter or ' if sys.stdin.isatty() else ''}Ctrl-C ends it.",
        err=True,
    )

    def over() -> bool:
        if watch.look():
            again.append(True)
        return bool(again) or ended()

    why = hold(app.work, kept, timedelta(hours=hours), over)
    again += [] if again else [False]
    if why:
        say(why, err=True)


def _until_changed(root: Path, before: Mapping[str, tuple[int, int]], ended: Callable[[], bool]) -> bool:
    """Whether a file was changed; False when the person had enough."""
    from imagekit.app.watching import snapshot

    say("Watching: once more as soon as a file changes. Ctrl-C ends it.", err=True)
    while snapshot(root) == before:
        if ended():
            return False
        time.sleep(_EVERY)
    return True
