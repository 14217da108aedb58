"""What the check of the boot says: the unit in the way, in its first sentence (issue 16: "unit hangs")."""

from __future__ import annotations

import importlib.util
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imagekit.report.named import unit_in

FILE = Path(__file__).resolve().parents[3] / "vm-harness/checks/base/test_boot.py"
FAILED = "broken-agent.service loaded failed failed broken agent\n"
JOBS = "85 multi-user.target start waiting\n112 slow-agent.service start running\n"


@pytest.fixture(autouse=True)
def _marks(pytestconfig: pytest.Config) -> None:
    """The marks of check files, which the process that runs checks knows."""
    for mark in ("runbook(page): of a check file", "cold_boot: of a check file"):
        pytestconfig.addinivalue_line("markers", mark)


class Node:
    """Answers of systemctl; what was asked stands in `asked`."""

    def __init__(self, state: str, failed: str = "", jobs: str = "") -> None:
        self.asked: list[str] = []
        self._answers = {"is-system-running": f"{state}\n", "--failed": failed, "list-jobs": jobs}

    def run(self, command: str) -> SimpleNamespace:
        self.asked.append(command)
        return SimpleNamespace(stdout=next(said for word, said in self._answers.items() if word in command))


def module() -> Any:
    """The check file, as a module."""
    spec = importlib.util.spec_from_file_location("boot_check", FILE)
    assert spec is not None
    assert spec.loader is not None
    loaded: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def judge(node: Node, state: str) -> None:
    module().test_the_system_is_up(node, SimpleNamespace(state=state), SimpleNamespace(check_seconds=120.0))


def test_a_node_that_runs_is_asked_nothing_more() -> None:
    node = Node("running")
    judge(node, "running")
    assert node.asked == []


def test_a_node_that_comes_up_later_is_up() -> None:
    judge(Node("running"), "starting")


def test_the_unit_that_failed_is_named() -> None:
    with pytest.raises(AssertionError) as caught:
        judge(Node("degraded", FAILED), "degraded")
    assert str(caught.value).startswith("systemd calls the node degraded; failed: broken-agent.service")


def test_the_unit_that_hangs_is_named_and_not_what_waits_for_it() -> None:
    node = Node("starting", "", JOBS)
    with pytest.raises(AssertionError) as caught:
        judge(node, "starting")
    assert "systemd calls the node starting; still starting: slow-agent.service" in str(caught.value)
    assert unit_in(str(caught.value)) == "slow-agent.service"
    assert node.asked[0] == "timeout 60 systemctl is-system-running --wait"


class Answers:
    """One answer to whatever is asked."""

    def __init__(self, stdout: str) -> None:
        self.stdout = stdout

    def run(self, _command: str) -> SimpleNamespace:
        return SimpleNamespace(stdout=self.stdout)


def test_a_clock_that_is_wrong_is_told_with_both_times() -> None:
    module().test_the_clock_is_right(Answers(f"{time.time():.0f}"))
    with pytest.raises(AssertionError, match=r"the node's clock says 2019-05-01 00:00:00 UTC, this host's 20\d\d-"):
        module().test_the_clock_is_right(Answers("1556668800"))


def test_a_cycle_is_told_with_the_job_that_was_deleted_first() -> None:
    module().test_no_ordering_cycle(Answers(""))
    said = (
        "a.service: Found ordering cycle on b.service\na.service: Job b.service/start deleted to break ordering cycle\n"
    )
    with pytest.raises(AssertionError, match=r"^a\.service: Job b\.service/start deleted .*; a\.service: Found"):
        module().test_no_ordering_cycle(Answers(said))


PASSED_OVER = [
    "/etc/systemd/timesyncd.conf.d/10-site.conf:1: Unknown section 'Tme'. Ignoring.",
    "/usr/lib/systemd/system/greet.service:6: Unknown key 'ExecStrt' in section [Service], ignoring.",
    "/etc/systemd/system/a.service:3: Failed to parse service restart specifier, ignoring: alwais",
    "/etc/systemd/journald.conf:2: Assignment outside of section. Ignoring.",
]
HARMLESS = [
    '/usr/lib/tmpfiles.d/legacy.conf:13: Duplicate line for path "/run/lock", ignoring.',
    "Failed to parse something of another program",
]


@pytest.mark.parametrize("line", [*PASSED_OVER, *HARMLESS])
def test_a_line_that_systemd_passes_over_is_told(line: str) -> None:
    found = [line] if re.search(module()._PASSED_OVER, line) else []
    node = SimpleNamespace(run=lambda command: SimpleNamespace(stdout="\n".join([*found, *found])))
    if line in HARMLESS:
        module().test_every_line_of_systemds_files_is_understood(node)
        return
    with pytest.raises(AssertionError, match=re.escape(f"passed over: {line}")):
        module().test_every_line_of_systemds_files_is_understood(node)
