"""The checks of one boot path: held against what they will get, run on a machine, with what its boot left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path

from imagekit.app import scap
from imagekit.app.bootcost import boot_cost
from imagekit.app.interface import BootPathResult, Subject, Target
from imagekit.app.journals import keep_journal
from imagekit.app.target import suites_of as suites_of
from imagekit.base.log import step
from imagekit.checks.lint import Offer, lint, require_no_contradictions, require_pages
from imagekit.checks.outcome import CheckResult
from imagekit.checks.runner import collect_checks, run_suites
from imagekit.checks.session import CheckMeta
from imagekit.checks.tlspeer import Peers, both_peers
from imagekit.fixtures.network import FixtureNetwork
from imagekit.machine.console import Console, load_patterns
from imagekit.machine.interface import BootPath
from imagekit.machine.node import InstalledNode
from imagekit.report.bootchart import collect_chart
from imagekit.report.console import excerpt
from imagekit.report.listening import collect_listening
from imagekit.report.result import ConsoleExcerpt

_NAMED = 3  # checks of one attempt; what is tried all the time is tried during each of them


def lint_checks(subject: Target, boot_paths: Sequence[BootPath]) -> int:
    """Hold the checks of these boot paths against what they will get, before anything is built; how many there are.

    Raises `SuiteError` for a check file that cannot be loaded, `EmptySuiteError` for a layer without checks,
    `ContradictionError` for a need that the machine does not meet, `ConfigError` for a runbook page that is not there;
    of a suite that has its node scanned what `imagekit.app.scap.bring` raises.
    """

    def read(boot_path: BootPath) -> tuple[CheckMeta, ...]:
        return collect_checks(subject.checked, suites_of(subject, boot_path), boot_path=boot_path)

    # Each is a Python that starts, and has a processor of its own.
    with ThreadPoolExecutor() as pool:
        reading = [pool.submit(copy_context().run, read, boot_path) for boot_path in boot_paths]
    if subject.suite is not None and subject.suite.scap:
        scap.bring(subject, subject.suite)
    for boot_path, each in zip(boot_paths, reading, strict=True):
        checks = each.result()
        require_no_contradictions(lint(checks, Offer(shape=subject.shape, boot_path=boot_path)))
        require_pages(checks, subject.project.located("docs/runbook"), subject.harness / "checks")
    return sum(len(each.result()) for each in reading)


@contextmanager
def test_peers(subject: Subject) -> Iterator[Peers]:
    """The TLS servers that checks connect to from inside the guest."""
    with both_peers(subject.harness / "fixtures" / "ca") as peers:
        yield peers


def check_machine(
    subject: Subject, machine: InstalledNode, peers: Peers, network: FixtureNetwork | None = None
) -> BootPathResult:
    """Run every check of the image's layers, or of the suite, and keep boot chart, console and journal."""
    boot_path = machine.boot.boot_path
    where = suites_of(subject, boot_path)
    judged = machine.judged if subject.suite is None else None
    chart = collect_chart(machine)
    cost = boot_cost(subject, machine.boot, chart)
    scanned = _scanned(subject, machine)
    suites = run_suites(
        machine,
        subject.checked,
        where,
        peers=peers,
        judged=judged,
        network=network,
        cost=cost,
        agent=machine.agent,
        scap=scanned,
    )
    with step("Collecting the journal"):
        listening = collect_listening(machine)
        kept = keep_journal(machine, subject.folder / boot_path.value / "journal.log", suites)
    return BootPathResult(
        boot_path=boot_path,
        boot=machine.boot,
        chart=chart,
        console=console_excerpt(subject, boot_path),
        suites=suites,
        journals=kept.journals,
        notes=(*kept.notes, *(attempts_told(network, suites.checks) if network is not None else ())),
        listening=listening,
    )


def _scanned(subject: Subject, machine: InstalledNode) -> Path | None:
    """What OpenSCAP found on the node of a suite that has it scanned; None for any other."""
    if subject.suite is None or not subject.suite.scap:
        return None
    folder = subject.folder / machine.boot.boot_path.value
    return scap.judged(subject, subject.suite, machine.ssh, folder, pace=machine.boot.pace)


def attempts_told(network: FixtureNetwork, checks: Sequence[CheckResult]) -> tuple[str, ...]:
    """A note of what the node wanted outside of its network, each with the checks that ran then; none of nothing."""
    wanted = [each.text for each in network.attempts()]
    if not wanted:
        return ()
    said = []
    for each in wanted:
        names = [check.id for check in checks if each in check.attempts]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        said.append(f"{each} (during {', '.join(names[:_NAMED])}{more})" if names else f"{each} (during no check)")
    return (f"the node wanted out of the fixture network, in vain: {', '.join(said)}",)


def console_excerpt(subject: Subject, boot_path: BootPath) -> ConsoleExcerpt:
    """The lines of a boot path's console that matter; also of a machine that never came up."""
    console = Console(
        subject.folder / boot_path.value / "console.log", load_patterns(subject.harness / "console-patterns.yaml")
    )
    console.poll()
    return excerpt(console.log, {match.line: match.pattern.id for match in console.matches})
