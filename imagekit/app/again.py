"""Checks once more: those that a person names, on a machine that is kept; those that did not pass in the last run."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from imagekit.app.keptmachine import KeptMachine, kept_machine
from imagekit.app.stillfailing import failing_on, note_failing
from imagekit.app.target import Target, suites_of, with_suite
from imagekit.base.errors import ConfigError
from imagekit.base.log import note
from imagekit.checks.named import named_suites
from imagekit.checks.outcome import Outcome, SuiteResult
from imagekit.checks.runner import host_session, run_session
from imagekit.checks.selection import Selection
from imagekit.config.load import Project
from imagekit.machine.interface import BootPath, Start
from imagekit.plan.resolve import make_plan

_SECONDS = 300.0
_CHECK_SECONDS = 60.0


def check_kept(
    project: Project, image: str | None, boot_path: BootPath | None, selection: Selection
) -> tuple[KeptMachine, SuiteResult]:
    """Run checks as they stand now on a kept machine; it is no test result: nothing is kept or published.

    Raises `ConfigError` when no machine is kept, and what `run_session` raises.
    """
    machine = kept_machine(project.work, image, boot_path)
    if machine is None:
        name = image or "IMAGE"
        raise ConfigError(
            f"no machine{f' of {image}' if image else ''} is kept now",
            hint=f"`imagekit test {name} --keep` keeps one; `imagekit test {name} -k EXPR` boots one for it.",
        )
    folder = Path(machine.folder) / f"again-{secrets.token_hex(4)}"
    target = Target(project=project, name=machine.image, run_id=machine.run_id, folder=folder, selection=selection)
    if machine.suite:
        target = with_suite(target, named_suites(project.harness)[machine.suite])
    _say_if_older(project, machine)
    suites = suites_of(target, machine.boot_path)
    scanned = ""
    if target.suite is not None and target.suite.scap:
        from imagekit.app import scap

        scanned = os.fspath(scap.judged(target, target.suite, machine, folder.resolve(), pace=machine.pace))
    host = f"ssh://{machine.alias}?" + urlencode({"ssh_config": os.fspath(machine.ssh_config)})
    session = host_session(
        host, target.checked, suites, machine.boot_path, _CHECK_SECONDS * machine.pace, machine.peers
    )
    session = replace(
        session,
        start=str(machine.start),
        cost=machine.cost,
        network=machine.network,
        agent=machine.agent,
        scap=scanned,
    )
    # Of a cold boot nothing more is kept: somebody may have worked on the machine since.
    judged = Path(machine.judged) if machine.judged and machine.start is Start.FORK else None
    found = run_session(session, suites, deadline_seconds=_SECONDS * machine.pace, judged=judged)
    note_failing(machine, found)
    return machine, found


def failed_before(project: Project, image: str, machine: KeptMachine | None = None) -> Selection:
    """What did not pass on a kept machine, else in the last run of an image.

    Raises `ConfigError` where there was none, or all passed.
    """
    from imagekit.app.runs import kept_runs
    from imagekit.report.result import read_result

    if machine is not None:
        return failing_on(machine)
    for folder in kept_runs(project.work):
        result = read_result(folder)
        if result.image != image or result.suites is None or result.trial:
            continue
        bad = tuple(check.id for check in result.suites.checks if check.outcome is not Outcome.PASSED)
        if not bad:
            raise ConfigError(
                f"in run {result.run_id}, the last one of {image}, every check passed", hint="Select with -k EXPR."
            )
        return Selection(ids=bad)
    raise ConfigError(f"no run of {image} with checks is kept here", hint=f"`imagekit test {image}` makes one.")


def _say_if_older(project: Project, machine: KeptMachine) -> None:
    """An image that was changed since is not on the machine: said, for what is found there is about the old one."""
    if make_plan(project, machine.image).version != machine.version:
        note(f"the machine runs {machine.image} {machine.version}; its files have changed since")
