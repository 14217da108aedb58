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
from pathlib import Path
from types import FrameType
from typing import cast

import pytest
import testinfra
from testinfra.host import Host

from imagekit.base.text import clean, one_line
from imagekit.checks.batched import Batch, BatchedHost
from imagekit.checks.bootcost import BootCost
from imagekit.checks.children import end_children
from imagekit.checks.declaration import describe, to_run
from imagekit.checks.facts import Facts, collect_facts
from imagekit.checks.openshell import kept_open
from imagekit.checks.outcome import Outcome
from imagekit.checks.session import SESSION_VARIABLE, CheckMeta, Event, Session, append
from imagekit.checks.text import compared, of_command, sentence
from imagekit.checks.tlspeer import Peers, TlsPeer
from imagekit.fixtures.network import FixtureNetwork
from imagekit.machine.interface import Start
from imagekit.machine.libvirt.agent import GuestAgent

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
_batch_key = pytest.StashKey[Batch]()
_root_key = pytest.StashKey["Host"]()
_host_key = pytest.StashKey["Host"]()
_mark_key = pytest.StashKey[int]()  # of the fixture network, from when on its attempts are this check's
_NODE = "ssh://"
_FIXTURES = 3  # times what a check may take
_MESSAGE = 2000  # characters; what names the fault is never cut, and a guest's flood is no message


class CheckTimeoutError(Exception):
    """One check took longer than it may."""


def pytest_configure(config: pytest.Config) -> None:
    """Read the session file and register the marks."""
    for mark in _MARKS:
        config.addinivalue_line("markers", mark)
    session = config.stash[_session_key] = Session.read(Path(os.environ[SESSION_VARIABLE]))
    root = config.stash[_root_key] = _open(config, testinfra.get_host(session.host, sudo=session.sudo))
    config.stash[_host_key] = _open(config, testinfra.get_host(session.host))
    batch = config.stash[_batch_key] = Batch(lambda: collect_facts(root))
    if session.host.startswith(_NODE):
        batch.ask_now()  # the node answers while the checks are read


def _open(config: pytest.Config, host: Host) -> Host:
    """A host whose commands share a shell until the checks end, where it is a node."""
    opened, shell = kept_open(host)
    if shell is not None:
        config.add_cleanup(shell.close)
    return opened


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Tell of a check file that cannot be loaded."""
    if report.failed and (path := os.environ.get(SESSION_VARIABLE)):
        where = report.nodeid or "."
        append(Path(Session.read(Path(path)).events), Event.BROKEN, id=where, message=clean(report.longreprtext))


@pytest.hookimpl(trylast=True)  # after pytest's own -k
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what belongs to another boot path and account for what will run."""
    session = config.stash[_session_key]
    items[:] = [item for item in items if to_run(item, session)]
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


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Say that a check began; give up on fixtures that never come, which may take longer than a check to wait."""
    item.config.stash[_compared_key] = ""
    item.config.stash[_batch_key].begin()
    network = item.config.stash[_session_key].network
    item.config.stash[_mark_key] = network.mark() if network is not None else 0
    append(Path(item.config.stash[_session_key].events), Event.STARTED, id=item.stash[_meta_key].id)
    with _limited(_FIXTURES * item.config.stash[_session_key].check_seconds):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """As for the set-up."""
    with _limited(_FIXTURES * item.config.stash[_session_key].check_seconds):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Give up on a check that takes too long; the ones after it still run."""
    with _limited(item.config.stash[_session_key].check_seconds):
        try:
            yield
        except (pytest.exit.Exception, KeyboardInterrupt) as error:  # these would end the whole run
            raise RuntimeError(f"a check ended the run by {type(error).__name__}: {error}") from None


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
            attempts=_attempts(item.config),
        )
    return report


def _attempts(config: pytest.Config) -> list[str]:
    """What the node wanted outside of its fixture network since the check began."""
    network = config.stash[_session_key].network
    return [] if network is None else [each.text for each in network.attempts(config.stash[_mark_key])]


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
    name = type(call.excinfo.value).__name__
    try:
        text = of_command(str(call.excinfo.value))
    except Exception as error:  # an exception of a check's own that cannot say what it is
        text = f"its text cannot be had ({type(error).__name__})"
    if name == "AssertionError":
        return sentence(text, reported)
    return text if name in ("Failed", "Skipped") else f"{name}: {text}"


@pytest.fixture(scope="session")
def session(pytestconfig: pytest.Config) -> Session:
    """What this run was given."""
    return pytestconfig.stash[_session_key]


@pytest.fixture(scope="session")
def host(pytestconfig: pytest.Config) -> Host:
    """The node as the operator sees it, over the one connection that the harness opened and a shell that stays open.

    What testinfra's modules ask (`host.file`, `host.service` ...) is answered out of the facts, as root sees it.
    """
    return cast("Host", BatchedHost(pytestconfig.stash[_host_key], pytestconfig.stash[_batch_key]))


@pytest.fixture(scope="session")
def root(pytestconfig: pytest.Config) -> Host:
    """The node as root sees it, over one shell that stays open: a command takes no longer than on `host`."""
    return cast("Host", BatchedHost(pytestconfig.stash[_root_key], pytestconfig.stash[_batch_key]))


@pytest.fixture(scope="session")
def facts(pytestconfig: pytest.Config) -> Facts:
    """What one round trip told about the node; for all checks that ask what is, not what happens when."""
    return pytestconfig.stash[_batch_key].facts


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
def guest_agent(session: Session) -> GuestAgent | None:
    """The line to the node's guest agent, asked as the hypervisor would; None on a machine that has none."""
    return session.agent


@pytest.fixture(scope="session")
def trusted_peer(peers: Peers) -> TlsPeer:
    """An HTTPS server with a certificate that the corporate CA signed."""
    return peers.trusted


@pytest.fixture(scope="session")
def untrusted_peer(peers: Peers) -> TlsPeer:
    """An HTTPS server with a certificate of a CA that no node knows."""
    return peers.untrusted


@pytest.fixture(scope="session")
def house_peer(trusted_peer: TlsPeer) -> TlsPeer:
    """The earlier name of `trusted_peer`."""
    return trusted_peer


@pytest.fixture(scope="session")
def strange_peer(untrusted_peer: TlsPeer) -> TlsPeer:
    """The earlier name of `untrusted_peer`."""
    return untrusted_peer
