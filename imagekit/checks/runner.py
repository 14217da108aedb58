"""Run the suites of an image's layers against a running machine and give every expected check an outcome.

pytest runs in a process of its own: a hang can be killed, and what happened until then is on disk.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlencode

from imagekit.base.log import step
from imagekit.base.process import ProcessTimeoutError, now
from imagekit.base.text import one_line
from imagekit.checks.account import read_account, require_checks, results_of
from imagekit.checks.bootcost import BootCost
from imagekit.checks.checkprocess import run_pytest
from imagekit.checks.judged import NOT_ON_FORKS, keep_judged, read_judged
from imagekit.checks.outcome import SuiteResult
from imagekit.checks.request import BrokenCheckError, SuiteError, Suites
from imagekit.checks.scap.model import Evaluation
from imagekit.checks.session import CheckMeta, Session
from imagekit.checks.suitehash import suite_hash
from imagekit.checks.tlspeer import Peers
from imagekit.checks.wellformed import FOLDER
from imagekit.fixtures.network import FixtureNetwork
from imagekit.machine.interface import BootPath, Machine, Start
from imagekit.machine.libvirt.agent import GuestAgent

_COLLECT_SECONDS = 120.0
_NO_MARK = re.compile(r"'(\w+)' not found in `markers`")
_STOPPED = "not run: an earlier check did not pass (--fail-fast)"


def collect_checks(
    layers: Sequence[str], suites: Suites, *, boot_path: BootPath, today: date | None = None
) -> tuple[CheckMeta, ...]:
    """The checks that will run on this boot path, without a machine; for the lint before a boot.

    Raises `EmptySuiteError` naming a layer without checks and `BrokenCheckError` when a check file is wrong.
    """
    session = _session("local://", False, layers, suites, boot_path, today, 60.0)
    run_pytest(session, suites, ("--collect-only",), _COLLECT_SECONDS)
    account = read_account(session)
    if account.broken:
        first = account.broken[0]
        # Where the files lie that were read is nobody's business: a project's own beside imagekit's, in one folder.
        message = str(first["message"]).replace(os.fspath(suites.checks_root), FOLDER)
        reported = broken_file(message)
        raise BrokenCheckError(
            f"check file {_place(suites.checks_root, str(first['id']), message)} cannot be loaded ({reported[-1]})",
            hint="\n".join(reported[:-1]),
        )
    require_checks(layers, suites, account)
    return tuple(account.expected.values())


def _place(folder: Path, file: str, message: str) -> str:
    """A check file with the last of its lines that Python or pytest names; of an unknown mark, where that stands."""
    lines = re.findall(rf'{re.escape(file)}(?:", line |:)(\d+)', message)
    if mark := _NO_MARK.search(message):
        code = (folder / file).read_text().splitlines()
        lines = [str(number) for number, line in enumerate(code, start=1) if f"mark.{mark[1]}" in line][:1]
    return f"{FOLDER}/{file}" + (f":{lines[-1]}" if lines else "")


def broken_file(message: str) -> list[str]:
    """What pytest says of a file that it cannot load, without its own calls: Python's words, the error itself last."""
    if mark := _NO_MARK.search(message):
        return [f"no mark is called {mark[1]!r}; docs/checks.md has those there are"]
    reported = [line[1:].strip() for line in message.splitlines() if line.startswith("E ")]
    # Carets point at nothing once the lines are put in order.
    return [line for line in reported if line.strip("^~ ")] or [one_line(message, 300)]


def run_suites(
    machine: Machine,
    layers: Sequence[str],
    suites: Suites,
    *,
    deadline_seconds: float = 300.0,
    check_seconds: float = 60.0,
    today: date | None = None,
    peers: Peers | None = None,
    judged: Path | None = None,
    network: FixtureNetwork | None = None,
    cost: BootCost | None = None,
    agent: GuestAgent | None = None,
    scap: Path | None = None,
) -> SuiteResult:
    """Run every check of `layers` against `machine` over its one SSH connection; `cost` is what its boot cost.

    `agent` is the line to its guest agent, `scap` the file with what OpenSCAP found on it.
    `peers` are test servers that run already, at the address where the guest finds them, `network` fixtures that do.
    `judged` keeps what checks judged of the cold boot, where the machine was saved or is a fork: there such a check is
    not run again.
    Both limits are for the node and the machine of reference. After `deadline_seconds` the process is killed: the
    running check is errored, the ones after it missing.
    Raises `EmptySuiteError` naming a layer without checks, `SuiteError` when pytest itself breaks.
    """
    host = f"ssh://{machine.ssh.alias}?" + urlencode({"ssh_config": os.fspath(machine.ssh.config)})
    session = _session(
        host, True, layers, suites, machine.boot.boot_path, today, machine.boot.scaled(check_seconds), peers
    )
    scanned = os.fspath(scap.resolve()) if scap is not None else ""
    session = replace(session, start=str(machine.boot.start), network=network, cost=cost, agent=agent, scap=scanned)
    seconds = machine.boot.scaled(deadline_seconds)
    return run_session(session, suites, deadline_seconds=seconds, judged=judged)


def run_session(
    session: Session, suites: Suites, *, deadline_seconds: float, judged: Path | None = None
) -> SuiteResult:
    """As `run_suites`, for any host that testinfra can name."""
    began = now()
    late = ""
    with step(f"Checking {', '.join(session.layers)}") as current:
        try:
            run_pytest(session, suites, (), deadline_seconds)
        except ProcessTimeoutError:
            late = f"killed: the suites did not end within {deadline_seconds:.0f} s"
        account = read_account(session)
        if late and not account.expected:
            raise SuiteError(late, hint="Not even the collection of the checks came to its end.")
        require_checks(session.layers, suites, account)
        result = SuiteResult(
            suite_hash=suite_hash(session.layers, suites.checks_root),
            checks=results_of(
                account,
                late or (_STOPPED if suites.selection.fail_fast else ""),
                read_judged(judged) if session.start == Start.FORK else None,
            ),
            seconds=round(now() - began, 3),
            selection=suites.selection.said,
            scans=(Evaluation.read(Path(session.scap)).scan,) if session.scap else (),
        )
        if judged is not None and session.start == Start.COLD:
            keep_judged(judged, account.expected.values(), result.checks, f"the cold boot of {session.today}")
        current.note = result.said
        # What only a cold boot can judge did not fail: whoever booted the fork decides what follows.
        current.failed = not result.checks or any(check.message != NOT_ON_FORKS for check in result.blocking)
    return result


def host_session(
    host: str,
    layers: Sequence[str],
    suites: Suites,
    boot_path: BootPath,
    check_seconds: float,
    peers: Peers | None = None,
) -> Session:
    """A session on a host by its testinfra URL, with a folder for what it leaves; for `run_session`."""
    return _session(host, True, layers, suites, boot_path, None, check_seconds, peers)


def _session(
    host: str,
    sudo: bool,
    layers: Sequence[str],
    suites: Suites,
    boot_path: BootPath,
    today: date | None,
    check_seconds: float,
    peers: Peers | None = None,
) -> Session:
    out = suites.out / "verify"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    return Session(
        host=host,
        sudo=sudo,
        boot_path=str(boot_path),
        layers=tuple(layers),
        checks_root=os.fspath(suites.checks_root.resolve()),
        images_root=os.fspath(suites.images_root.resolve()),
        events=os.fspath((out / "events.jsonl").resolve()),
        family=suites.family,
        check_seconds=check_seconds,
        today=(today or datetime.now(UTC).date()).isoformat(),
        peers=peers,
        profile=tuple(os.fspath(path.resolve()) for path in suites.profile),
        mutes=suites.mutes,
        ids=suites.selection.on(boot_path).ids,
        suites=suites.selection.suites,
        fail_fast=suites.selection.fail_fast,
        image_layers=suites.image_layers,
    )
