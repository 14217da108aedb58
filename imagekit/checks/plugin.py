"""The pytest plugin of the process that runs the checks: metadata, fixtures, and an account of what happened.

A check is a test function below ``vm-harness/checks/<layer>/`` whose docstring says what it proves. Marks:
``runbook(page)`` (a page below docs/runbook), ``warn_only(until=, ticket=, owner=)``, ``boot_path(name)``,
``role(name)``, ``needs(**resources)``, ``suite(*names)``, ``cold_boot``, ``container``.
Loaded by `imagekit.checks.runner` with ``-p``; it never runs in the process of imagekit itself.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator, Iterator
from datetime import date
from pathlib import Path
from types import FrameType

import pytest
import testinfra
from testinfra.host import Host

from imagekit.base.earlier import boot_path_today
from imagekit.base.text import clean, one_line
from imagekit.checks.bootcost import BootCost
from imagekit.checks.children import end_children
from imagekit.checks.facts import Facts, collect_facts
from imagekit.checks.judged import code_hash
from imagekit.checks.outcome import Outcome
from imagekit.checks.role import role_of
from imagekit.checks.session import SESSION_VARIABLE, CheckMeta, Event, Session, append
from imagekit.checks.suites import MARK
from imagekit.checks.text import compared, sentence
from imagekit.checks.tlspeer import Peers, TlsPeer
from imagekit.fixtures.network import FixtureNetwork
from imagekit.machine.interface import Start

_MARKS = (
    "runbook(page): the page below docs/runbook that helps when this check fails",
    "warn_only(until, ticket, owner): does not block until that day (ISO date); from then on it is required",
    "boot_path(name): true on this boot path to a running node only",
    "road(name): earlier name of boot_path",
    "role(name): true of nodes to which their cloud-config gives this role of k0s only: worker, controller",
    "suite(*names): sets of checks that this one is in, beside its layer's: `imagekit test --suite NAME`",
    "title(text): the sentence that reports show of one set of parameters, in place of the docstring",
    "cold_boot: judges a boot itself; on a fork its result from the cold boot counts",
    "container: needs neither a kernel nor a service manager of its own; may be asked in a container of the image",
    "needs(**resources): what the machine must have, see imagekit.checks.lint",
)
# A wrapper is sent the result of what it wraps, and returns it.
_Wrapped = Generator[None, pytest.TestReport, pytest.TestReport]
_session_key = pytest.StashKey[Session]()
_meta_key = pytest.StashKey[CheckMeta]()
_compared_key = pytest.StashKey[str]()  # the last comparison that did not hold, as a sentence
_MESSAGE = 2000  # characters; what names the fault is never cut, and a guest's flood is no message


class CheckTimeoutError(Exception):
    """One check took longer than it may."""


def pytest_configure(config: pytest.Config) -> None:
    """Read the session file and register the marks."""
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)
    config.stash[_session_key] = Session.read(Path(os.environ[SESSION_VARIABLE]))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Tell of a check file that cannot be loaded."""
    if report.failed and (path := os.environ.get(SESSION_VARIABLE)):
        where = report.nodeid or "."
        append(Path(Session.read(Path(path)).events), Event.BROKEN, id=where, message=clean(report.longreprtext))


@pytest.hookimpl(trylast=True)  # after pytest's own -k
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to another boot path and account for what will run."""
    session = config.stash[_session_key]
    here = (item for item in items if _on_boot_path(item, session.boot_path) and _has_role(item, session))
    items[:] = [item for item in here if _asked_for(item, session) and _fits(item, session)]
    for item in items:
        meta = describe(item, session)
        item.stash[_meta_key] = meta
        append(
            Path(session.events),
            Event.COLLECTED,
            id=meta.id,
            layer=meta.layer,
            title=meta.title,
            required=meta.required,
            runbook=meta.runbook,
            ticket=meta.ticket,
            expires=meta.expires,
            owner=meta.owner,
            muted_by=meta.muted_by,
            needs=dict(meta.needs),
            cold=meta.cold,
            source=meta.source,
            suites=list(meta.suites),
        )
    if session.start == Start.FORK:
        items[:] = [item for item in items if not item.stash[_meta_key].cold]


def _on_boot_path(item: pytest.Item, boot_path: str) -> bool:
    # `road` is the mark's earlier name.
    marks = [mark for name in ("boot_path", "road") for mark in item.iter_markers(name)]
    boot_paths = {boot_path_today(name) for mark in marks for name in mark.args}
    return not boot_paths or boot_path in boot_paths


def _has_role(item: pytest.Item, session: Session) -> bool:
    roles = {str(name) for mark in item.iter_markers("role") for name in mark.args}
    return not roles or role_of(session.profile, session.boot_path) in roles


def _asked_for(item: pytest.Item, session: Session) -> bool:
    by_id = not session.ids or _id(item, session) in session.ids
    return by_id and (not session.suites or not set(session.suites).isdisjoint(_suites(item, session)))


def _fits(item: pytest.Item, session: Session) -> bool:
    return not session.engine or item.get_closest_marker("container") is not None


def _suites(item: pytest.Item, session: Session) -> tuple[str, ...]:
    layer = item.path.relative_to(session.checks_root).parts[0]
    marked = {str(name) for mark in item.iter_markers(MARK) for name in mark.args}
    return (layer, *sorted(marked - {layer}))


def _id(item: pytest.Item, session: Session) -> str:
    return f"{item.path.relative_to(session.checks_root).as_posix()}::{item.name}"


def describe(item: pytest.Item, session: Session) -> CheckMeta:
    """The metadata of a check; raises `pytest.UsageError` when it has no docstring or no runbook page."""
    parts = item.path.relative_to(session.checks_root).parts
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    page = next((str(mark.args[0]) for mark in item.iter_markers("runbook")), "")
    if not doc or not page:
        raise pytest.UsageError(f"{item.nodeid}: a check needs a docstring (what it proves) and a runbook mark")
    name = _id(item, session)
    mute = next((each for each in session.mutes if each.check == name), None)
    required, ticket, expires, owner = _severity(item, session.day)
    if mute is not None:
        required, ticket, expires = False, mute.ticket, mute.until
    needs = {name: want for mark in item.iter_markers("needs") for name, want in mark.kwargs.items()}
    cold = item.get_closest_marker("cold_boot") is not None
    callspec = getattr(item, "callspec", None)
    own = item.get_closest_marker("title")
    title = one_line(doc.splitlines()[0].rstrip(".")) + (f" [{callspec.id}]" if callspec is not None else "")
    return CheckMeta(
        id=name,
        layer=parts[0],
        title=title if own is None else one_line(str(own.args[0])),
        required=required,
        runbook=page,
        ticket=ticket,
        expires=expires,
        owner=owner,
        muted_by=mute.by if mute is not None else "",
        needs=needs,
        cold=cold,
        source=code_hash(item.path) if cold else "",
        suites=_suites(item, session),
    )


def _severity(item: pytest.Item, today: date) -> tuple[bool, str, str, str]:
    mark = item.get_closest_marker("warn_only")
    if mark is None:
        return True, "", "", ""
    try:
        until, ticket = date.fromisoformat(mark.kwargs["until"]), str(mark.kwargs["ticket"])
    except (KeyError, ValueError, TypeError):
        raise pytest.UsageError(f'{item.nodeid}: warn_only needs until="YYYY-MM-DD" and ticket="..."') from None
    return today >= until, ticket, until.isoformat(), str(mark.kwargs.get("owner", ""))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Say that a check began."""
    item.config.stash[_compared_key] = ""
    append(Path(item.config.stash[_session_key].events), Event.STARTED, id=item.stash[_meta_key].id)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Give up on a check that takes too long; the ones after it still run."""
    with _limited(item.config.stash[_session_key].check_seconds):
        yield


class _limited:  # noqa: N801 - reads as a word where it is used
    """Raise `CheckTimeoutError` in the main thread after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        assert threading.current_thread() is threading.main_thread()
        signal.signal(signal.SIGALRM, self._ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        end_children()
        raise CheckTimeoutError(f"no answer within {self.seconds:.0f} s")


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> None:
    """Keep a failed comparison as a sentence for the message; pytest's own words stay in the details."""
    try:
        config.stash[_compared_key] = compared(op, left, right)
    except Exception:  # a check may compare things of any kind; then pytest's words are the message
        config.stash[_compared_key] = ""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> _Wrapped:
    """Tell of the end of a check: its call phase, or the set-up that kept it from being called."""
    report = yield
    if report.when == "call" or report.outcome != "passed":
        outcome = verdict(report, call)
        _stop_if_asked(item, outcome)
        append(
            Path(item.config.stash[_session_key].events),
            Event.ENDED,
            id=item.stash[_meta_key].id,
            outcome=outcome,
            seconds=round(call.duration, 4),
            message=one_line(_reason(call, item.config.stash.get(_compared_key, "")), _MESSAGE),
            details="" if report.passed else clean(report.longreprtext),
        )
    return report


def _stop_if_asked(item: pytest.Item, outcome: Outcome) -> None:
    """With ``--fail-fast`` nothing is run after a check that blocks; one that only warns stops nothing."""
    if item.config.stash[_session_key].fail_fast and item.stash[_meta_key].required and outcome is not Outcome.PASSED:
        item.session.shouldstop = "--fail-fast"


def verdict(report: pytest.TestReport, call: pytest.CallInfo[None]) -> Outcome:
    """`FAILED` only for an assertion that did not hold; anything else that went wrong is `ERRORED`."""
    if report.passed:
        return Outcome.PASSED
    if report.skipped:
        return Outcome.SKIPPED
    asserted = call.excinfo is not None and call.excinfo.errisinstance((AssertionError, pytest.fail.Exception))
    return Outcome.FAILED if asserted and call.when == "call" else Outcome.ERRORED


def _reason(call: pytest.CallInfo[None], reported: str) -> str:
    if call.excinfo is None:
        return ""
    text = str(call.excinfo.value)
    name = type(call.excinfo.value).__name__
    if name == "AssertionError":
        return sentence(text, reported)
    return text if name in ("Failed", "Skipped") else f"{name}: {text}"


@pytest.fixture(scope="session")
def session(pytestconfig: pytest.Config) -> Session:
    """What this run was given."""
    return pytestconfig.stash[_session_key]


@pytest.fixture(scope="session")
def host(session: Session) -> Host:
    """The node as the operator sees it, over the one connection that the harness opened."""
    return testinfra.get_host(session.host)


@pytest.fixture(scope="session")
def root(session: Session) -> Host:
    """The node as root sees it. Six times slower than `host`, for sudo is: use `host` where it will do."""
    return testinfra.get_host(session.host, sudo=session.sudo)


@pytest.fixture(scope="session")
def facts(root: Host) -> Facts:
    """What one round trip told about the node; for all checks that ask what is, not what happens when."""
    return collect_facts(root)


@pytest.fixture(scope="session")
def boot_cost(session: Session) -> BootCost:
    """What the node's boot cost, and what it may cost."""
    if session.cost is None:
        raise RuntimeError("nobody measured what the boot of this machine cost")
    return session.cost


@pytest.fixture(scope="session")
def peers(session: Session) -> Peers:
    """The harness's TLS servers, as the guest reaches them."""
    if session.peers is None:
        raise RuntimeError("the harness started no TLS servers for this run")
    return session.peers


@pytest.fixture(scope="session")
def network(session: Session) -> FixtureNetwork:
    """The fixtures beside the node, for suites that want some: programs can be run where their servers run."""
    if session.network is None:
        raise RuntimeError("no fixtures run beside this node")
    return session.network


@pytest.fixture(scope="session")
def house_peer(peers: Peers) -> TlsPeer:
    """An HTTPS server with a certificate that the corporate CA signed."""
    return peers.house


@pytest.fixture(scope="session")
def strange_peer(peers: Peers) -> TlsPeer:
    """An HTTPS server with a certificate of a CA that no node knows."""
    return peers.strange
