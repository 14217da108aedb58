"""Suites against a simulated machine: the local host through testinfra's own local backend."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from imagekit.checks.judged import NOT_ON_FORKS
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.request import BrokenCheckError, EmptySuiteError, SuiteError, Suites
from imagekit.checks.runner import _session, collect_checks, run_session
from imagekit.checks.selection import Selection
from imagekit.checks.session import Muted
from imagekit.checks.suites import UnknownSuiteError
from imagekit.checks.wellformed import FIXTURES
from imagekit.fixtures.network import ATTEMPTS, FixtureNetwork
from imagekit.machine.interface import BootPath, Start

HEAD = 'import pytest\nimport time\npytestmark = pytest.mark.runbook("base")\n'
GOOD = 'def test_good(host):\n    """The node runs a shell."""\n    assert host.run("true").rc == 0\n'
TODAY = date(2026, 11, 22)
Run = Callable[..., SuiteResult]


@pytest.fixture
def suites(tmp_path: Path) -> Suites:
    (tmp_path / "checks").mkdir()
    (tmp_path / "images").mkdir()
    return Suites(checks_root=tmp_path / "checks", images_root=tmp_path / "images", out=tmp_path / "out")


def write(suites: Suites, layer: str, body: str, name: str = "test_it.py") -> Path:
    folder = suites.checks_root / layer
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(HEAD + body)
    return folder / name


def go(
    suites: Suites, *layers: str, boot_path: BootPath = BootPath.DIRECT, deadline: float = 60.0, limit: float = 20.0
) -> SuiteResult:
    session = _session("local://", False, layers, suites, boot_path, TODAY, limit)
    return run_session(session, suites, deadline_seconds=deadline)


def outcomes(result: SuiteResult) -> dict[str, Outcome]:
    return {check.id.rpartition("::")[2]: check.outcome for check in result.checks}


def only(result: SuiteResult) -> CheckResult:
    (check,) = result.checks
    return check


def test_each_way_to_end_has_its_word(suites: Suites) -> None:
    write(
        suites,
        "base",
        '''
def test_good(host):
    """The node runs a shell."""
    assert host.run("true").rc == 0

def test_bad(host):
    """The node can fail."""
    assert host.run("false").rc == 0, "false does not end with 0"

def test_lost(host):
    """The node is there."""
    raise RuntimeError("connection lost")

def test_skipped():
    """The node can be skipped."""
    pytest.skip("no need")

@pytest.fixture
def broken():
    raise AssertionError("set-up")

def test_setup(broken):
    """The set-up works."""
''',
    )
    result = go(suites, "base")
    assert outcomes(result) == {
        "test_good": Outcome.PASSED,
        "test_bad": Outcome.FAILED,
        "test_lost": Outcome.ERRORED,
        "test_skipped": Outcome.SKIPPED,
        "test_setup": Outcome.ERRORED,
    }
    assert not result.passed
    bad = result.checks[1]
    assert bad.title == "The node can fail"
    assert bad.message.startswith("false does not end with 0")
    assert "test_it.py" in bad.details
    assert bad.runbook == "base"


def test_only_passed_counts(suites: Suites) -> None:
    write(suites, "base", 'def test_skip():\n    """Skips."""\n    pytest.skip("not today")\n')
    assert not go(suites, "base").passed


def test_all_passed_is_passed(suites: Suites) -> None:
    write(suites, "base", 'def test_good():\n    """Holds."""\n')
    write(suites, "sssd", 'def test_good():\n    """Holds."""\n')
    result = go(suites, "base", "sssd")
    assert result.passed
    assert [check.layer for check in result.checks] == ["base", "sssd"]


def test_a_layer_without_checks_is_an_error_naming_it(suites: Suites) -> None:
    write(suites, "base", 'def test_good():\n    """Holds."""\n')
    write(suites, "sssd", "")
    with pytest.raises(EmptySuiteError, match="layer sssd"):
        go(suites, "base", "sssd")
    with pytest.raises(EmptySuiteError, match="layer k0s"):
        go(suites, "base", "k0s")


def test_checks_of_another_boot_path_do_not_count(suites: Suites) -> None:
    write(suites, "base", '@pytest.mark.boot_path("live")\ndef test_live():\n    """Lives."""\n')
    assert go(suites, "base", boot_path=BootPath.LIVE).passed
    with pytest.raises(EmptySuiteError, match="layer base"):
        go(suites, "base", boot_path=BootPath.DIRECT)


def test_a_deadline_leaves_errored_and_missing(suites: Suites) -> None:
    write(
        suites,
        "base",
        '''
def test_1():
    """First."""

def test_2():
    """Hangs."""
    time.sleep(60)

def test_3():
    """Never comes."""
''',
    )
    result = go(suites, "base", deadline=4.0, limit=50.0)
    assert outcomes(result) == {"test_1": Outcome.PASSED, "test_2": Outcome.ERRORED, "test_3": Outcome.MISSING}
    assert "within 4 s" in result.checks[1].message


def test_one_hanging_command_does_not_stop_the_rest(suites: Suites) -> None:
    write(
        suites,
        "base",
        '''
def test_1(host):
    """Hangs in a command."""
    assert host.run("sleep 50").rc == 0

def test_2(host):
    """Comes after."""
    assert host.run("true").rc == 0
''',
    )
    result = go(suites, "base", limit=1.0)
    assert outcomes(result) == {"test_1": Outcome.ERRORED, "test_2": Outcome.PASSED}
    assert "no answer within 1 s" in result.checks[0].message


def test_a_process_that_dies_leaves_errored_and_missing(suites: Suites) -> None:
    body = 'import os\ndef test_1():\n    """Dies."""\n    os._exit(1)\ndef test_2():\n    """Never comes."""\n'
    write(suites, "base", body)
    assert outcomes(go(suites, "base")) == {"test_1": Outcome.ERRORED, "test_2": Outcome.MISSING}


def test_a_file_that_cannot_be_loaded_is_errored_and_the_rest_runs(suites: Suites) -> None:
    write(suites, "base", "import nowhere_to_be_found\n", "test_a.py")
    write(suites, "base", 'def test_good():\n    """Holds."""\n', "test_b.py")
    result = go(suites, "base")
    assert [check.outcome for check in result.checks] == [Outcome.ERRORED, Outcome.PASSED]
    assert "nowhere_to_be_found" in result.checks[0].details
    with pytest.raises(SuiteError, match=r"base/test_a.py"):
        collect_checks(["base"], suites, boot_path=BootPath.DIRECT)


def test_warn_only_until_its_day(suites: Suites) -> None:
    mark = '@pytest.mark.warn_only(until="{}", ticket="IK-7")\n'
    body = 'def test_bad():\n    """Fails for now."""\n    assert False\n'
    write(suites, "base", mark.format("2026-12-01") + body)
    result = go(suites, "base")
    assert result.passed
    assert (only(result).required, only(result).ticket, only(result).expires) == (False, "IK-7", "2026-12-01")
    write(suites, "base", mark.format("2026-11-22") + body)
    assert not go(suites, "base").passed


@pytest.mark.parametrize(
    "body",
    [
        "def test_it():\n    pass\n",
        'pytestmark = []\ndef test_it():\n    """No page."""\n',
        '@pytest.mark.warn_only(until="soon", ticket="x")\ndef test_it():\n    """No date."""\n',
        '@pytest.mark.unheard_of\ndef test_it():\n    """A mark with a slip of the pen."""\n',
    ],
)
def test_a_check_without_its_metadata_never_passes(suites: Suites, body: str) -> None:
    write(suites, "base", body)
    with pytest.raises(SuiteError):
        collect_checks(["base"], suites, boot_path=BootPath.DIRECT)


def test_the_check_without_its_mark_is_named_first(suites: Suites) -> None:
    """W31: the end of what pytest wrote is the middle of a tree of files."""
    many = "".join(f'def test_{number}():\n    """Number {number}."""\n' for number in range(60))
    write(suites, "base", f'pytestmark = []\ndef test_it():\n    """No page."""\n{many}')
    with pytest.raises(
        BrokenCheckError,
        match=r"run: vm-harness/checks/base/test_it\.py:5: test_it: a check needs a docstring .* and a runbook mark",
    ) as caught:
        collect_checks(["base"], suites, boot_path=BootPath.DIRECT)
    assert "pytest.log" in caught.value.hint
    assert caught.value.exit_code == 2, "operator.md: exit 3 and a hint about CA keys for a mark that is not there"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("def test_(:\n", "SyntaxError: .*"),
        ("import no_such_module\n", "ModuleNotFoundError: .*"),
        ("raise RuntimeError('x')\n", "RuntimeError: x"),
        ("@pytest.mark.slowly\ndef test_it():\n    pass\n", "no mark is called 'slowly'; .*"),
    ],
)
def test_a_check_file_that_is_wrong_is_its_authors_to_mend(suites: Suites, body: str, why: str) -> None:
    """operator.md, row "check file broken": exit 3, which is for tools and hosts; and no line of the file."""
    line = write(suites, "base", body).read_text().splitlines().index(body.splitlines()[0]) + 1
    with pytest.raises(
        BrokenCheckError, match=rf"^check file vm-harness/checks/base/test_it\.py:{line} cannot be loaded \({why}\)$"
    ) as caught:
        collect_checks(["base"], suites, boot_path=BootPath.DIRECT)
    assert caught.value.exit_code == 2
    assert str(suites.checks_root) not in caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [("hots", "did you mean 'host'?"), ("database", f"there are {', '.join(FIXTURES)}")],
)
def test_a_name_that_is_no_fixture_is_told_before_the_boot(suites: Suites, name: str, hint: str) -> None:
    """pytest itself tells of it when the check is set up: after the build and the boot."""
    path = write(
        suites, "base", f'def test_it({name}):\n    """Asks."""\ndef test_two({name}):\n    """Asks, too."""\n'
    )
    line = path.read_text().splitlines().index(f"def test_it({name}):") + 1
    said = f"vm-harness/checks/base/test_it.py:{line}: test_it takes {name!r}, which no fixture is called; {hint}"
    with pytest.raises(BrokenCheckError, match=re.escape(f"{said} (and 1 more like it)")):
        collect_checks(["base"], suites, boot_path=BootPath.DIRECT)


def test_all_that_a_check_may_take_is_known(suites: Suites) -> None:
    own = "@pytest.fixture\ndef mine(host):\n    return host\n"
    every = ", ".join((*FIXTURES, "mine", "number", "request", "tmp_path"))
    body = f'{own}@pytest.mark.parametrize("number", [1])\ndef test_it({every}):\n    """Takes all."""\n'
    write(suites, "base", body)
    assert len(collect_checks(["base"], suites, boot_path=BootPath.DIRECT)) == 1


def test_collecting_tells_needs(suites: Suites) -> None:
    write(suites, "base", '@pytest.mark.needs(memory_mib=2048)\ndef test_it():\n    """Is hungry."""\n')
    (check,) = collect_checks(["base"], suites, boot_path=BootPath.DIRECT)
    assert check.needs == {"memory_mib": 2048}
    assert check.id == "base/test_it.py::test_it"


def test_a_failed_comparison_is_a_sentence_and_pytests_words_are_in_the_details(
    suites: Suites, caplog: pytest.LogCaptureFixture
) -> None:
    """operator.md: "page full of frozenset({..."; "163 passed, 2 failed" under a tick."""
    caplog.set_level("INFO", "imagekit")
    body = """
def test_set():
    '''Modules are there.'''
    assert "wireguard" in frozenset(map(str, range(500)))

def test_list(host):
    '''Nothing is too much.'''
    assert ["tree"] == []

def test_later():
    '''An earlier comparison is not this one.'''
    assert not any(each == 2 for each in (1, 2))
"""
    write(suites, "base", body)
    one, two, three = go(suites, "base").checks
    assert one.message == "wireguard is not among the 500 there"
    assert "frozenset({" in one.details
    assert "base/test_it.py:" in one.details
    assert two.message == "expected nothing, found: tree"
    assert "2 == 2" not in three.message
    reported = [record.getMessage() for record in caplog.records if getattr(record, "step", "") == "trouble"]
    assert reported[0] == "base failed: Modules are there: wireguard is not among the 500 there"
    assert len(reported) == 3
    assert [
        getattr(record, "step", "") for record in caplog.records if record.getMessage().startswith("Checking base: ")
    ] == ["failed"]


def test_words_of_the_guest_are_cleaned(suites: Suites) -> None:
    body = 'def test_it():\n    """Shouts."""\n    assert False, "a\\x1b[31mb\\x07c" + "d" * 100000\n'
    write(suites, "base", body)
    check = only(go(suites, "base"))
    assert check.message.startswith("abcd")
    assert len(check.message) <= 2000
    assert len(check.details) < 5000


@pytest.mark.parametrize("name", ["double::colon", "pattern [x]*", "${HOME}"])
def test_the_checks_may_lie_in_any_folder(tmp_path: Path, name: str) -> None:
    """W5: pytest took what follows ``::`` in a folder's name for a test's, and filled in variables."""
    root = tmp_path / name
    (root / "checks").mkdir(parents=True)
    suites = Suites(checks_root=root / "checks", images_root=root, out=root / "out")
    write(suites, "base", GOOD)
    result = go(suites, "base")
    assert [(check.id, check.outcome) for check in result.checks] == [("base/test_it.py::test_good", Outcome.PASSED)]


THREE = """
def test_one():
    \"\"\"One holds.\"\"\"

@pytest.mark.parametrize("n", [1, 2])
def test_two(n):
    \"\"\"Two holds.\"\"\"
    assert n == 1, "n is not 1"

@pytest.mark.warn_only(until="2027-01-01", ticket="T")
def test_warns():
    \"\"\"It warns.\"\"\"
    assert False, "as always"

def test_last():
    \"\"\"The last one holds.\"\"\"
"""


def selecting(suites: Suites, **asked: object) -> dict[str, Outcome]:
    return outcomes(go(replace(suites, selection=Selection(**asked)), "base", "other"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"expression": "one"}, ["test_one"]),
        ({"expression": "two and not 2"}, ["test_two[1]"]),
        ({"ids": ("direct:base/test_it.py::test_two[2]",)}, ["test_two[2]"]),
        (
            {"ids": ("direct:base/test_it.py::test_one", "direct:base/test_it.py::test_last"), "expression": "last"},
            ["test_last"],
        ),
        ({"expression": "good"}, ["test_good"]),
    ],
)
def test_some_checks_are_run_and_told_as_some(suites: Suites, asked: dict[str, object], left: list[str]) -> None:
    write(suites, "base", THREE)
    write(suites, "other", GOOD)
    chosen = replace(suites, selection=Selection(**asked))  # type: ignore[arg-type]
    result = go(chosen, "base", "other")
    assert list(outcomes(result)) == left
    assert result.selection
    collected = collect_checks(["base", "other"], chosen, boot_path=BootPath.DIRECT)
    assert [each.id.rpartition("::")[2] for each in collected] == left


@pytest.mark.parametrize("name", ["tmp", "checks", "pytest", "two_and_more"])
def test_the_folders_above_the_checks_are_selected_by_nothing(tmp_path: Path, name: str) -> None:
    root = tmp_path / "two_and_more" / "checks"
    root.mkdir(parents=True)
    suites = Suites(checks_root=root, images_root=tmp_path, out=tmp_path / "out")
    write(suites, "base", GOOD)
    with pytest.raises(EmptySuiteError):
        go(replace(suites, selection=Selection(expression=name)), "base")


@pytest.mark.parametrize("asked", [{"expression": "nothing_like_it"}, {"ids": ("direct:base/test_it.py::test_gone",)}])
def test_a_selection_of_nothing_is_an_error(suites: Suites, asked: dict[str, object]) -> None:
    write(suites, "base", THREE)
    write(suites, "other", GOOD)
    with pytest.raises(EmptySuiteError, match="no check is selected by"):
        selecting(suites, **asked)


def test_a_broken_expression_is_the_persons_to_mend(suites: Suites) -> None:
    write(suites, "base", THREE)
    write(suites, "other", GOOD)
    with pytest.raises(SuiteError, match="not and or"):
        selecting(suites, expression="not and or")


def test_fail_fast_stops_at_what_blocks_and_the_rest_is_missing(suites: Suites) -> None:
    write(suites, "base", THREE)
    write(suites, "other", GOOD)
    result = go(replace(suites, selection=Selection(fail_fast=True)), "base", "other")
    assert result.selection == ""  # nothing was left out by a person
    assert not result.passed
    assert outcomes(result) == {
        **{"test_one": Outcome.PASSED, "test_two[1]": Outcome.PASSED, "test_two[2]": Outcome.FAILED},
        **{"test_warns": Outcome.MISSING, "test_last": Outcome.MISSING, "test_good": Outcome.MISSING},
    }
    assert result.checks[-1].message == "not run: an earlier check did not pass (--fail-fast)"


def test_fail_fast_does_not_stop_at_what_only_warns(suites: Suites) -> None:
    write(suites, "base", THREE.replace("[1, 2]", "[1]"))
    result = go(replace(suites, selection=Selection(fail_fast=True)), "base")
    assert outcomes(result)["test_warns"] is Outcome.FAILED
    assert outcomes(result)["test_last"] is Outcome.PASSED


def test_a_muted_check_is_run_and_only_warns(suites: Suites) -> None:
    write(suites, "base", THREE)
    mute = Muted(check="base/test_it.py::test_two[2]", by="Ada", ticket="T-1", until="2026-12-05")
    result = go(replace(suites, mutes=(mute,)), "base")
    assert result.passed
    (two, warns) = result.cautions
    assert two.caution == "base failed: Two holds [2], muted by Ada until 2026-12-05 (T-1): n is not 1"
    assert warns.muted.startswith("warns only until 2027-01-01")


SUITES = """
@pytest.mark.suite("hardening")
def test_hard():
    \"\"\"It is hard.\"\"\"

@pytest.mark.suite("hardening", "kernel")
@pytest.mark.boot_path("live")
def test_live():
    \"\"\"It is hard when live.\"\"\"

def test_plain():
    \"\"\"It is plain.\"\"\"
"""


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"suites": ("hardening",)}, ["test_hard"]),
        ({"suites": ("base",)}, ["test_hard", "test_plain"]),
        ({"suites": ("hardening", "other")}, ["test_hard", "test_good"]),
        ({"suites": ("base",), "expression": "plain"}, ["test_plain"]),
    ],
)
def test_the_checks_of_a_suite_are_some_of_them(suites: Suites, asked: dict[str, object], left: list[str]) -> None:
    write(suites, "base", SUITES)
    write(suites, "other", GOOD)
    result = go(replace(suites, selection=Selection(**asked)), "base", "other")  # type: ignore[arg-type]
    assert list(outcomes(result)) == left
    assert "suite " in result.selection, "a run of a suite is partial"
    assert result.checks[0].suites == (("base", "hardening") if left[0] == "test_hard" else ("base",))


def test_a_suite_of_which_nothing_is_run_is_an_error(suites: Suites) -> None:
    """`kernel` has checks on another boot path alone; beside `hardening` it would have passed by being silent."""
    write(suites, "base", SUITES)
    for names in (("kernel",), ("hardening", "kernel")):
        with pytest.raises(EmptySuiteError, match="no check of suite kernel is to be run here"):
            go(replace(suites, selection=Selection(suites=names)), "base")


def test_an_unknown_suite_is_an_error_that_lists_the_known(suites: Suites) -> None:
    write(suites, "base", SUITES)
    with pytest.raises(UnknownSuiteError, match="'hardning'") as caught:
        go(replace(suites, selection=Selection(suites=("hardning",))), "base")
    assert "Did you mean 'hardening'? There are: base, hardening, kernel." in caught.value.hint


BOOT_AND_NODE = '''
@pytest.mark.cold_boot
def test_boot(host):
    """The boot was good."""

def test_node(host):
    """The node is good."""
'''


def forked(suites: Suites, judged: Path, start: Start) -> dict[str, CheckResult]:
    """The checks of a session on a machine that was started so."""
    session = _session("local://", False, ("base",), suites, BootPath.DIRECT, TODAY, 20.0)
    found = run_session(replace(session, start=str(start)), suites, deadline_seconds=60.0, judged=judged)
    return {check.id.rpartition("::")[2]: check for check in found.checks}


def test_a_boot_is_judged_on_a_cold_one_alone(suites: Suites, tmp_path: Path) -> None:
    """On a fork the result of the cold boot counts, until the check changes: then only another cold boot can tell."""
    runs = tmp_path / "runs"
    body = BOOT_AND_NODE.replace('was good."""', f'was good."""\n    assert host.run("echo x >> {runs}").rc == 0')
    write(suites, "base", body)
    judged = tmp_path / "judged.json"
    first = forked(suites, judged, Start.FORK)
    assert (first["test_boot"].outcome, first["test_boot"].message) == (Outcome.MISSING, NOT_ON_FORKS)
    assert first["test_boot"].blocks
    assert first["test_node"].outcome is Outcome.PASSED
    assert forked(suites, judged, Start.COLD)["test_boot"].message == ""
    second = forked(suites, judged, Start.FORK)
    assert (second["test_boot"].outcome, second["test_boot"].message) == (
        Outcome.PASSED,
        "judged on the cold boot of 2026-11-22",
    )
    assert runs.read_text() == "x\n"  # on the cold boot alone
    write(suites, "base", body + "\n# changed\n")
    assert forked(suites, judged, Start.FORK)["test_boot"].outcome is Outcome.MISSING


OUTWARD = '''
@pytest.fixture
def before(host):
    host.run("echo '[\\"udp\\", \\"203.0.113.53\\", 53]' >>{log}")

def test_quiet(host):
    """The node wants nothing of the world outside."""
    assert host.run("true").rc == 0

def test_reaches_out(host, before):
    """The node asks a server outside, and has no answer."""
    for port in (443, 443, 80):
        host.run("echo '[\\"tcp\\", \\"203.0.113.7\\", %s]' >>{log}", str(port))
    assert host.run("true").rc == 0

def test_fails_for_it(host):
    """The node gets a page from outside."""
    host.run("echo '[\\"tcp\\", \\"203.0.113.7\\", 443]' >>{log}")
    assert host.run("false").rc == 0

def test_quiet_again(host):
    """The node wants nothing more."""
    assert host.run("true").rc == 0
'''


def test_what_the_node_wants_outside_is_told_of_the_check_that_ran_then(suites: Suites, tmp_path: Path) -> None:
    log = tmp_path / ATTEMPTS
    log.write_text('["udp", "198.51.100.1", 123]\n')  # before any check
    write(suites, "base", OUTWARD.replace("{log}", str(log)))
    network = FixtureNetwork(folder=str(tmp_path), port=1, pid=1, fixtures=("dns",), names={})
    session = _session("local://", False, ("base",), suites, BootPath.DIRECT, TODAY, 20.0)
    found = run_session(replace(session, network=network), suites, deadline_seconds=60.0)
    assert {check.id.rpartition("::")[2]: check.attempts for check in found.checks} == {
        "test_quiet": (),
        "test_reaches_out": ("203.0.113.53:53/udp", "203.0.113.7:443/tcp", "203.0.113.7:80/tcp"),
        "test_fails_for_it": ("203.0.113.7:443/tcp",),
        "test_quiet_again": (),
    }


def test_what_only_a_cold_boot_can_judge_is_no_failure_of_a_fork(
    suites: Suites, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def ends() -> list[str]:
        return [
            getattr(record, "step", "")
            for record in caplog.records
            if getattr(record, "step", "") in ("done", "failed")
        ]

    caplog.set_level(logging.INFO, "imagekit")
    write(suites, "base", BOOT_AND_NODE)
    forked(suites, tmp_path / "judged.json", Start.FORK)
    assert ends() == ["done"]
    caplog.clear()
    write(suites, "base", BOOT_AND_NODE + "    assert 1 == 2, 'no'\n")
    forked(suites, tmp_path / "judged.json", Start.FORK)
    assert ends() == ["failed"]


def test_a_cold_boot_that_was_bad_is_not_good_on_a_fork(suites: Suites, tmp_path: Path) -> None:
    write(suites, "base", BOOT_AND_NODE.replace('The boot was good."""', 'The boot was good."""\n    assert False'))
    judged = tmp_path / "judged.json"
    assert forked(suites, judged, Start.COLD)["test_boot"].outcome is Outcome.FAILED
    assert forked(suites, judged, Start.FORK)["test_boot"].outcome is Outcome.MISSING


def in_container(suites: Suites, *layers: str, expression: str = "") -> SuiteResult:
    chosen = replace(suites, selection=Selection(container=True, expression=expression))
    session = _session("local://", False, layers, chosen, BootPath.DIRECT, TODAY, 20.0)
    return run_session(replace(session, engine="unix:///nowhere"), chosen, deadline_seconds=60.0)


KERNEL = 'def test_kernel():\n    """Asks a kernel."""\n    raise AssertionError("asked")\n'
PLAIN = '@pytest.mark.container\ndef test_plain():\n    """Asks a file."""\n'


def test_in_a_container_only_what_is_marked_for_it_is_run(suites: Suites) -> None:
    write(suites, "base", KERNEL + PLAIN)
    write(suites, "k0s", KERNEL)
    result = in_container(suites, "base", "k0s")
    assert outcomes(result) == {"test_plain": Outcome.PASSED}
    assert result.selection == "those that need no kernel"


def test_on_a_node_what_is_marked_for_containers_is_run_too(suites: Suites) -> None:
    write(suites, "base", PLAIN + GOOD)
    assert outcomes(go(suites, "base")) == {"test_plain": Outcome.PASSED, "test_good": Outcome.PASSED}


def test_a_container_in_which_nothing_is_to_be_asked_is_no_success(suites: Suites) -> None:
    write(suites, "base", KERNEL)
    with pytest.raises(EmptySuiteError, match="those that need no kernel"):
        in_container(suites, "base")
    write(suites, "base", PLAIN + KERNEL)
    with pytest.raises(EmptySuiteError, match="'kernel' of those that need no kernel"):
        in_container(suites, "base", expression="kernel")


def test_checks_in_a_container_reach_the_engine_that_has_it(suites: Suites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///another")
    body = "import os\n" + PLAIN + '    assert os.environ["DOCKER_HOST"] == "unix:///nowhere"\n'
    write(suites, "base", body)
    assert in_container(suites, "base").passed


DOC = '    """Proves something."""\n'
OTHER = f"def test_other():\n{DOC}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            f"class Own(Exception):\n    __str__ = None\ndef test_it():\n{DOC}    raise Own\n",
            "Own: its text cannot be had (TypeError)",
        ),
        (f"def test_it():\n{DOC}    pytest.exit('enough')\n", "a check ended the run by Exit: enough"),
        (f"def test_it():\n{DOC}    raise KeyboardInterrupt\n", "a check ended the run by KeyboardInterrupt"),
        (f"import sys\ndef test_it():\n{DOC}    sys.exit(3)\n", "SystemExit: 3"),
        (f"@pytest.fixture\ndef slow():\n    time.sleep(60)\ndef test_it(slow):\n{DOC}", "no answer within 3 s"),
    ],
    ids=["no text", "exit", "interrupt", "sys.exit", "fixture"],
)
def test_what_a_check_does_to_itself_leaves_the_others_alone(suites: Suites, body: str, says: str) -> None:
    write(suites, "base", body + OTHER)
    result = go(suites, "base", limit=1.0)
    assert outcomes(result) == {"test_it": Outcome.ERRORED, "test_other": Outcome.PASSED}
    assert says in result.checks[0].message


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"base/test_it.py": "import sys\nsys.exit(3)\n"}, "base/test_it.py cannot be loaded (SystemExit: 3"),
        (
            {"base/conftest.py": "import nope\n"},
            "vm-harness/checks/base/conftest.py: ModuleNotFoundError: No module named",
        ),
        ({"base/conftest.py": "def pytest_nonsense(): pass\n"}, "unknown hook 'pytest_nonsense'"),
        ({"base/conftest.py": "pytest_plugins = ['nope']\n"}, 'Error importing plugin "nope"'),
    ],
    ids=["sys.exit", "conftest", "hook", "plugins"],
)
def test_a_file_that_stops_pytest_is_named_with_its_error(suites: Suites, files: dict[str, str], says: str) -> None:
    write(suites, "base", OTHER)
    for name, text in files.items():
        (suites.checks_root / name).write_text(text)
    with pytest.raises(SuiteError) as caught:
        collect_checks(["base"], suites, boot_path=BootPath.DIRECT)
    assert says in str(caught.value)
    assert "INTERNALERROR" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "right"),
    [
        ('    host.run("false")\n', False),
        ('    found = host.run("false").rc\n    print(found)\n', False),
        ('    root.file("/etc/passwd").exists\n    len(host.run("x").stdout)\n', False),
        ('    assert host.run("true").rc == 0\n', True),
        ('    host.run_expect([0], "true")\n', True),
        ('    if host.run("true").rc:\n        raise AssertionError\n', True),
        ("    helper(host)\n", True),
        ('    with pytest.raises(ValueError):\n        host.run("true")\n        raise ValueError\n', True),
    ],
)
def test_a_check_that_asserts_nothing_is_refused(suites: Suites, body: str, right: bool) -> None:
    """It can never fail: `host.run("systemctl is-active x")` alone reads as a check and is none."""
    write(suites, "base", f"def helper(host):\n    assert host\ndef test_it(host, root):\n{DOC}{body}")
    if right:
        assert len(collect_checks(["base"], suites, boot_path=BootPath.DIRECT)) == 1
        return
    with pytest.raises(BrokenCheckError, match=r"test_it\.py:6: test_it asks the node and asserts nothing"):
        collect_checks(["base"], suites, boot_path=BootPath.DIRECT)
