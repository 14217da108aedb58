"""Calls of testinfra's modules that checks make are written down, and a falsified fact is seen (`modulecalls`)."""

from __future__ import annotations

from dataclasses import replace

import pytest
import testinfra

from imagekit.checks.facts import File
from imagekit.checks.outcome import Outcome
from imagekit.checks.request import Suites
from imagekit.checks.runner import host_session, run_session
from imagekit.machine.interface import BootPath
from tests.support.hardenednode import node
from tests.support.modulecalls import CONFTEST, Call, Made, by_facts, falsified, read_calls, written

CHECK = '''\
import pytest
pytestmark = pytest.mark.runbook("base")


def test_files(host):
    """Files."""
    assert [file.exists for file in map(host.file, ("/etc/passwd", "/nowhere"))] == [True, False]
    assert "passwd" in host.file("/etc").listdir()


def test_kernel(root):
    """The kernel."""
    assert root.run("true").rc == 0
    assert root.sysctl("kernel.ostype") == "Linux"


def test_never(host):
    """A check that fails before it asks."""
    assert host.run("false").rc == 0
    assert host.package("x").is_installed
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """What three checks asked of this machine."""
    folder = tmp_path_factory.mktemp("calls")
    (folder / "checks/base").mkdir(parents=True)
    (folder / "images").mkdir()
    (folder / "checks/base/test_it.py").write_text(CHECK)
    (folder / "checks/conftest.py").write_text(CONFTEST)
    suites = Suites(checks_root=folder / "checks", images_root=folder / "images", out=folder / "out")
    session = replace(host_session("local://", ("base",), suites, BootPath.DIRECT, 20), sudo=False)
    done = run_session(session, suites, deadline_seconds=60)
    assert [each.outcome for each in done.checks] == [Outcome.PASSED, Outcome.PASSED, Outcome.FAILED]
    functions = {f"base/test_it.py::test_{name}" for name in ("files", "kernel", "never")}
    assert set(written(suites.checks_root, ["base"])) == functions
    return read_calls(folder / "out/verify", suites.checks_root)


def test_each_call_is_written_down_with_the_check_that_made_it(made: Made) -> None:
    said = [
        "file('/etc/passwd').exists",
        "file('/nowhere').exists",
        "file('/etc').listdir()",
        "sysctl('kernel.ostype')",
    ]
    assert [str(call) for call in made.calls] == said
    assert made.functions == {f"base/test_it.py::test_{name}" for name in ("files", "kernel")}


def test_a_call_is_asked_again(made: Made) -> None:
    here = testinfra.get_host("local://")
    answers = [call.ask(here) for call in made.calls]
    assert (answers[:2], answers[3]) == ([True, False], "Linux")
    assert "passwd" in str(answers[2])
    assert Call("mount_point", ("/nowhere",), "options").ask(here) == "raises KeyError"


FOLDER = File(0o755, "root", "root", "d", 40, "")
ANSWERED = (
    Call("file", ("/etc/shadow",), "mode"),
    Call("file", ("/etc/shadow",), "exists"),
    Call("file", ("/etc/nothing",), "exists"),
    Call("file", ("/etc/nothing",), "is_directory"),
    Call("file", ("/etc/shadow",), "is_file"),
    Call("file", ("/etc/shadow",), "is_symlink"),
    Call("file", ("/etc/link",), "is_symlink"),
    Call("file", ("/etc/link",), "linked_to"),
    Call("file", ("/etc/ssh",), "listdir", ()),
    Call("package", ("sssd-ad",), "is_installed"),
    Call("package", ("cloud-init",), "is_installed"),
    Call("service", ("NetworkManager",), "is_running"),
    Call("service", ("NetworkManager.service",), "is_running"),
    Call("service", ("NetworkManager",), "is_enabled"),
    Call("mount_point", ("/",), "options"),
    Call("sysctl", ("kernel.pid_max",)),
)


@pytest.mark.parametrize("call", ANSWERED, ids=str)
def test_a_falsified_fact_gives_another_answer(call: Call) -> None:
    shadow = File(0o640, "root", "shadow", "f", 663, "")
    link = File(0o777, "root", "root", "l", 6, "shadow")
    files = {"/etc": FOLDER, "/etc/ssh": FOLDER, "/etc/shadow": shadow, "/etc/link": link}
    facts = replace(node().facts, arch="x86_64", files=files)
    here = testinfra.get_host("local://")
    answer, told = by_facts(call, facts, here)
    assert told
    assert by_facts(call, falsified(facts, call), here)[0] != answer


def test_what_the_facts_do_not_tell_is_no_answer_of_theirs() -> None:
    here = testinfra.get_host("local://")
    assert by_facts(Call("file", ("/proc/self",), "exists"), node().facts, here) == (True, False)


def test_a_module_that_nobody_falsified_is_said() -> None:
    with pytest.raises(LookupError, match="user"):
        falsified(node().facts, Call("user", ("root",), "uid"))
