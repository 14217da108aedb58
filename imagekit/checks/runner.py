"""Run the suites of an image's layers against a running machine and give every expected check an outcome.

pytest runs in a process of its own: a hang can be killed, and what happened until then is on disk.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.log import step
from imagekit.base.process import ProcessTimeoutError, now, run
from imagekit.base.reason import reasons, summary
from imagekit.base.text import one_line
from imagekit.checks.judged import Judged, keep_judged, read_judged
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.selection import ALL, Selection
from imagekit.checks.session import SESSION_VARIABLE, CheckMeta, Event, Muted, Session, read_events
from imagekit.checks.suitehash import suite_hash
from imagekit.checks.suites import known_suites, require_suites
from imagekit.checks.telling import Teller
from imagekit.checks.tlspeer import Peers
from imagekit.fixtures.network import FixtureNetwork
from imagekit.machine.interface import BootPath, Machine, Start

_COLLECT_SECONDS = 120.0
_PYTEST_USAGE = 4  # https://docs.pytest.org/en/stable/reference/exit-codes.html
_PYTEST_BROKE = (3, _PYTEST_USAGE)
_STOPPED = "not run: an earlier check did not pass (--fail-fast)"


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

    `mutes` are the checks that only warn for a time, by somebody's word, `selection` says which to run.
    """

    checks_root: Path
    images_root: Path
    out: Path
    family: str = "debian"
    profile: tuple[Path, ...] = ()
    mutes: tuple[Muted, ...] = ()
    selection: Selection = ALL


@dataclass(slots=True)
class _Account:
    """What the events say, check by check, in the order of collection."""

    expected: dict[str, CheckMeta] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    ended: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: list[dict[str, Any]] = field(default_factory=list)


def collect_checks(
    layers: Sequence[str], suites: Suites, *, boot_path: BootPath, today: date | None = None
) -> tuple[CheckMeta, ...]:
    """The checks that will run on this boot path, without a machine; for the lint before a boot.

    Raises `EmptySuiteError` naming a layer without checks and `BrokenCheckError` when a check file is wrong.
    """
    session = _session("local://", False, layers, suites, boot_path, today, 60.0)
    _pytest(session, suites, ("--collect-only",), _COLLECT_SECONDS)
    account = _read(session)
    if account.broken:
        first = account.broken[0]
        told = broken_file(str(first["message"]))
        raise BrokenCheckError(f"check file {first['id']} cannot be loaded ({told[-1]})", hint="\n".join(told[:-1]))
    _require_checks(layers, suites, account)
    return tuple(account.expected.values())


def broken_file(message: str) -> list[str]:
    """What pytest says of a file that it cannot load, without its own calls: Python's words, the error itself last."""
    told = [line[1:].strip() for line in message.splitlines() if line.startswith("E ")]
    return [line for line in told if line] or [one_line(message, 300)]


def run_suites(
    machine: Machine,
    layers: Sequence[str],
    suites: Suites,
    *,
    deadline_seconds: float = 300.0,
    check_seconds: float = 60.0,
    workers: int = 0,
    today: date | None = None,
    peers: Peers | None = None,
    judged: Path | None = None,
    network: FixtureNetwork | None = None,
) -> SuiteResult:
    """Run every check of `layers` against `machine` over its one SSH connection.

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
    session = replace(session, start=str(machine.boot.start), network=network)
    seconds = machine.boot.scaled(deadline_seconds)
    return run_session(session, suites, deadline_seconds=seconds, workers=workers, judged=judged)


def run_session(
    session: Session, suites: Suites, *, deadline_seconds: float, workers: int = 0, judged: Path | None = None
) -> SuiteResult:
    """As `run_suites`, for any host that testinfra can name."""
    began = now()
    late = ""
    with step(f"Checking {', '.join(session.layers)}") as current:
        try:
            _pytest(session, suites, _spread(workers), deadline_seconds)
        except ProcessTimeoutError:
            late = f"killed: the suites did not end within {deadline_seconds:.0f} s"
        account = _read(session)
        if late and not account.expected:
            raise SuiteError(late, hint="Not even the collection of the checks came to its end.")
        _require_checks(session.layers, suites, account)
        result = SuiteResult(
            suite_hash=suite_hash(session.layers, suites.checks_root),
            checks=_results(
                account,
                late or (_STOPPED if suites.selection.fail_fast else ""),
                read_judged(judged) if session.start == Start.FORK else None,
            ),
            seconds=round(now() - began, 3),
            selection=suites.selection.said,
        )
        if judged is not None and session.start == Start.COLD:
            keep_judged(judged, account.expected.values(), result.checks, f"the cold boot of {session.today}")
        current.note, current.failed = result.said, not result.passed
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
    )


def _pytest(session: Session, suites: Suites, extra: Sequence[str], seconds: float) -> None:
    out = Path(session.events).parent
    folders = [suites.checks_root / layer for layer in session.layers]
    for layer, folder in zip(session.layers, folders, strict=True):
        if not folder.is_dir():
            raise _empty(layer, folder)
    session.write(out / "session.json")
    # pytest splits its arguments at "::" and "[", and fills in variables in --rootdir: it is told names of layers only.
    done = run(
        (sys.executable, "-P", "-m", "pytest", *_options(), *extra, *suites.selection.arguments, *session.layers),
        timeout=seconds,
        env=_environment(out / "session.json"),
        cwd=suites.checks_root,
        on_line=Teller(Path(session.events)),
        ok=range(256),
    )
    (out / "pytest.log").write_text(done.stdout + done.stderr)
    if done.returncode in _PYTEST_BROKE or done.returncode > 128:
        output = done.stdout + done.stderr
        why = next(iter(reasons(output)), "")
        kind = BrokenCheckError if why and done.returncode == _PYTEST_USAGE else SuiteError
        raise kind(
            f"the checks did not run: {one_line(why, 400)}" if why else f"pytest broke (exit status {done.returncode})",
            hint=f"{'' if why else summary(output)}\nAll that pytest wrote: {out / 'pytest.log'}".strip(),
        )


def _spread(workers: int) -> tuple[str, ...]:
    return ("-p", "xdist.plugin", "-p", "xdist.looponfail", "-n", str(workers)) if workers else ()


def _options() -> tuple[str, ...]:
    return (
        *("-p", "imagekit.checks.plugin", "-p", "no:cacheprovider"),
        *("-c", os.devnull, "--rootdir", ".", "--import-mode=importlib", "--continue-on-collection-errors"),
        # Else every folder above the checks is collected as a parent of theirs, and -k matches its name.
        *("--confcutdir", "."),
        *("--strict-markers", "-W", "error", "-v", "--tb=short", "--color=no", "--no-header"),
    )


def _environment(session_file: Path) -> dict[str, str]:
    package_root = os.fspath(Path(__file__).resolve().parents[2])
    # A list with ":" between its items cannot name such a folder; there the installed package is found as it is here.
    path = {} if os.pathsep in package_root else {"PYTHONPATH": package_root}
    return {
        SESSION_VARIABLE: os.fspath(session_file),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **path,
    }


def _read(session: Session) -> _Account:
    account = _Account()
    for event in read_events(Path(session.events)):
        name = event.pop("event")
        match Event(name):
            case Event.COLLECTED:
                account.expected.setdefault(event["id"], CheckMeta.of_event(event))
            case Event.BROKEN:
                account.broken.append(event)
            case Event.STARTED:
                account.started.append(event["id"])
            case Event.ENDED:
                _end(account, event)
    return account


def _end(account: _Account, event: dict[str, Any]) -> None:
    """A check that passed and then failed to clean up is errored: the worse word stays."""
    earlier = account.ended.get(event["id"])
    if earlier is None or earlier["outcome"] == Outcome.PASSED:
        account.ended[event["id"]] = event


def _require_checks(layers: Sequence[str], suites: Suites, account: _Account) -> None:
    if suites.selection.partial:
        _require_each_suite(layers, suites, account)
        if not account.expected and not account.broken:
            raise EmptySuiteError(
                f"no check is selected by {suites.selection.said}",
                hint="`imagekit check list` shows every check; -k takes parts of their names, with and, or, not.",
            )
        return
    alive = {check.layer for check in account.expected.values()} | {_layer_of(each["id"]) for each in account.broken}
    for layer in layers:
        if layer not in alive:
            raise _empty(layer, suites.checks_root / layer)


def _require_each_suite(layers: Sequence[str], suites: Suites, account: _Account) -> None:
    """A suite that was asked for by name and of which nothing is run would pass by being silent."""
    require_suites(suites.selection.suites, known_suites(layers, suites.checks_root))
    alive = {name for check in account.expected.values() for name in check.suites}
    for name in suites.selection.suites:
        if name not in alive and not account.broken:
            raise EmptySuiteError(
                f"no check of suite {name} is to be run here",
                hint="Its checks may be for other boot paths (--boot), or -k and --failed leave none of it.",
            )


def _empty(layer: str, folder: Path) -> EmptySuiteError:
    return EmptySuiteError(
        f"layer {layer} collected no check: nothing would be proven about it",
        hint=f"Add test_*.py with at least one check for this boot path to {folder}.",
    )


def _layer_of(node_id: str) -> str:
    return node_id.partition("/")[0]


def _results(account: _Account, late: str, judged: Judged | None = None) -> tuple[CheckResult, ...]:
    broken = tuple(_broken(each) for each in account.broken)
    return broken + tuple(
        judged.result(meta) if meta.cold and judged is not None else _result(meta, account, late)
        for meta in account.expected.values()
    )


def _broken(event: dict[str, Any]) -> CheckResult:
    return CheckResult(
        id=event["id"],
        layer=_layer_of(event["id"]),
        title="the check file loads",
        outcome=Outcome.ERRORED,
        seconds=0.0,
        message="the check file cannot be loaded",
        details=event["message"],
        runbook="harness",
    )


def _result(meta: CheckMeta, account: _Account, late: str) -> CheckResult:
    ended = account.ended.get(meta.id)
    if ended is not None:
        outcome, message = Outcome(ended["outcome"]), ended["message"]
    elif meta.id in account.started:
        outcome, message = Outcome.ERRORED, late or "began and never ended: the process died"
    else:
        outcome, message = Outcome.MISSING, late or "collected and never run"
    return CheckResult(
        id=meta.id,
        layer=meta.layer,
        title=meta.title,
        outcome=outcome,
        seconds=ended["seconds"] if ended else 0.0,
        required=meta.required,
        message=message,
        details=ended["details"] if ended else "",
        runbook=meta.runbook,
        ticket=meta.ticket,
        expires=meta.expires,
        owner=meta.owner,
        muted_by=meta.muted_by,
        suites=meta.suites,
    )
