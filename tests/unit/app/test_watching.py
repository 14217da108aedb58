"""What a changed file sets off while somebody works on an image."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from imagekit.app.watching import Changed, Watch, changed, failing_of, snapshot
from imagekit.base.errors import ConfigError
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.checks.request import EmptySuiteError
from imagekit.checks.selection import Selection
from imagekit.cli.progress import ProgressHandler

LAYERS = ("base", "sssd")
CHECKS = "vm-harness/checks"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with a check, a helper, a layer and a cloud-config."""
    for name in (
        f"{CHECKS}/base/test_ssh.py",
        f"{CHECKS}/base/helper.py",
        f"{CHECKS}/sssd/test_sssd.py",
        f"{CHECKS}/other/test_other.py",
        f"{CHECKS}/shared.py",
        "images/base/layer.yaml",
        "cloud-config/node.yaml",
        "vm-harness/profiles/bios.yaml",
        "imagekit.yaml",
        "docs/index.md",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    return tmp_path


def edit(root: Path, name: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + "more")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (f"{CHECKS}/base/test_ssh.py", Changed(files=(("base", "test_ssh.py"),))),
        (f"{CHECKS}/base/test_new.py", Changed(files=(("base", "test_new.py"),))),
        (f"{CHECKS}/base/helper.py", Changed(layers=("base",))),
        (f"{CHECKS}/shared.py", Changed(layers=LAYERS)),
        (f"{CHECKS}/other/test_other.py", Changed()),
        ("images/base/layer.yaml", Changed(inputs=("images/base/layer.yaml",))),
        ("cloud-config/node.yaml", Changed(inputs=("cloud-config/node.yaml",))),
        ("vm-harness/profiles/bios.yaml", Changed(inputs=("vm-harness/profiles/bios.yaml",))),
        ("imagekit.yaml", Changed(inputs=("imagekit.yaml",))),
        ("docs/index.md", Changed()),
        (f"{CHECKS}/base/.test_ssh.py.swp", Changed()),
        (f"{CHECKS}/base/test_ssh.py~", Changed()),
        (f"{CHECKS}/base/__pycache__/test_ssh.pyc", Changed()),
        (".imagekit/runs/x/result.json", Changed()),
    ],
)
def test_what_a_file_has_to_do_with(root: Path, name: str, expected: Changed) -> None:
    before = snapshot(root)
    edit(root, name)
    assert changed(before, snapshot(root), LAYERS) == expected


def test_a_file_that_is_taken_away_counts(root: Path) -> None:
    before = snapshot(root)
    (root / CHECKS / "sssd/test_sssd.py").unlink()
    assert changed(before, snapshot(root), LAYERS) == Changed(files=(("sssd", "test_sssd.py"),))


def test_the_same_content_written_anew_counts(root: Path) -> None:
    """An editor that writes through a new file leaves another time, also where the size is the same."""
    before = snapshot(root)
    path = root / CHECKS / "base/test_ssh.py"
    os.utime(path, ns=(1, 1))
    assert changed(before, snapshot(root), LAYERS).files == (("base", "test_ssh.py"),)


def test_a_link_to_nowhere_is_left_out(root: Path) -> None:
    (root / "images/base/link").symlink_to("nowhere")
    assert "images/base/link" not in snapshot(root)


def result(*checks: tuple[str, Outcome]) -> SuiteResult:
    found = tuple(
        CheckResult(id=name, layer="base", title=name, outcome=outcome, seconds=0.1) for name, outcome in checks
    )
    return SuiteResult(suite_hash="h", checks=found, seconds=0.1)


class Machine:
    """Answers each selection with the next result, and keeps what was asked."""

    def __init__(self, *answers: SuiteResult | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[Selection] = []

    def __call__(self, selection: Selection) -> SuiteResult:
        self.asked.append(selection)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def watch(root: Path, machine: Machine, *, failing: Sequence[str] = (), same: bool = True) -> Watch:
    before = failing_of(result(*((name, Outcome.FAILED) for name in failing))) if failing else {}
    return Watch(
        root=root,
        layers=LAYERS,
        boot_path="direct",
        check=machine,
        same=lambda: same,
        seen=snapshot(root),
        failing=before,
    )


def settled(watching: Watch) -> bool:
    """Two looks: at the first one a file may still be written."""
    return watching.look() or watching.look()


SSH = Selection(expression="test_ssh.py", suites=("base",))


def test_a_changed_check_is_run_and_nothing_else(root: Path) -> None:
    machine = Machine(result(("base/test_ssh.py::test_a", Outcome.PASSED)))
    watching = watch(root, machine)
    assert not settled(watching)
    assert machine.asked == []
    edit(root, f"{CHECKS}/base/test_ssh.py")
    assert not settled(watching)
    assert machine.asked == [SSH]
    assert not settled(watching)
    assert machine.asked == [SSH]


def test_what_failed_is_run_first_and_forgotten_when_it_passes(root: Path) -> None:
    bad = "base/test_root.py::test_b"
    machine = Machine(result((bad, Outcome.PASSED)), result(("x", Outcome.FAILED)), result(("x", Outcome.PASSED)))
    watching = watch(root, machine, failing=[bad])
    edit(root, f"{CHECKS}/base/test_ssh.py")
    settled(watching)
    assert machine.asked == [Selection(ids=(f"direct:{bad}",)), SSH]
    assert list(watching.failing) == ["x"]


def test_a_failed_check_that_is_gone_fails_no_more(root: Path) -> None:
    machine = Machine(EmptySuiteError("no check is selected"), result(("x", Outcome.PASSED)))
    watching = watch(root, machine, failing=["base/test_gone.py::test_b"])
    edit(root, f"{CHECKS}/base/test_ssh.py")
    settled(watching)
    assert watching.failing == {}


def test_a_check_file_that_is_broken_is_said_and_watched_on(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = "base/test_root.py::test_b"
    machine = Machine(
        ConfigError("test_ssh.py cannot be loaded", hint="line 3"),
        ConfigError("the same"),
        result((bad, Outcome.PASSED)),
        result(("x", Outcome.PASSED)),
    )
    watching = watch(root, machine, failing=[bad])
    edit(root, f"{CHECKS}/base/test_ssh.py")
    assert not settled(watching)
    assert list(watching.failing) == [bad]
    edit(root, f"{CHECKS}/base/test_ssh.py")
    settled(watching)
    assert watching.failing == {}


def test_every_verdict_is_on_the_screen_however_soon_it_comes(
    root: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What is waited for is told now and then; how a change was judged is why somebody watches."""
    machine = Machine(result(("x", Outcome.PASSED)), result(("x", Outcome.FAILED)))
    watching = watch(root, machine)
    handler, logger = ProgressHandler(), logging.getLogger("imagekit")
    logger.addHandler(handler)
    caplog.set_level(logging.INFO)
    try:
        for _ in range(2):
            edit(root, f"{CHECKS}/base/test_ssh.py")
            settled(watching)
    finally:
        logger.removeHandler(handler)
        handler.close()
    said = [line for line in capsys.readouterr().err.splitlines() if " in " in line]
    assert [line.split()[1] for line in said] == ["passed", "failed"]


def test_what_is_being_written_is_waited_for(root: Path) -> None:
    machine = Machine(result(("x", Outcome.PASSED)))
    watching = watch(root, machine)
    for _ in range(3):
        edit(root, f"{CHECKS}/base/test_ssh.py")
        assert not watching.look()
        assert machine.asked == []
    assert not watching.look()
    assert machine.asked == [SSH]


def test_an_image_of_other_files_wants_a_new_machine(root: Path) -> None:
    machine = Machine()
    watching = watch(root, machine, same=False)
    edit(root, "images/base/layer.yaml")
    assert settled(watching)
    assert machine.asked == []


def test_an_edit_that_makes_no_other_image_does_not(root: Path) -> None:
    watching = watch(root, Machine(), same=True)
    edit(root, "images/base/layer.yaml")
    assert not settled(watching)


def test_another_machine_profile_does_whatever_the_image(root: Path) -> None:
    watching = watch(root, Machine(), same=True)
    edit(root, "vm-harness/profiles/bios.yaml")
    assert settled(watching)


def test_files_that_make_no_image_are_said_and_watched_on(root: Path) -> None:
    def broken() -> bool:
        raise ConfigError("images/base/layer.yaml:3: unknown key", hint="Did you mean packages?")

    watching = Watch(root=root, layers=LAYERS, boot_path="direct", check=Machine(), same=broken, seen=snapshot(root))
    edit(root, "images/base/layer.yaml")
    assert not settled(watching)


def test_what_was_changed_while_the_machine_was_made_counts(root: Path) -> None:
    """A build and a boot take minutes, in which people go on working: a layer that they changed was never built."""
    before, machine = snapshot(root), Machine(result(("base/test_ssh.py::test_a", Outcome.PASSED)))
    edit(root, f"{CHECKS}/base/test_ssh.py")
    edit(root, "images/base/layer.yaml")
    watching = Watch(root=root, layers=LAYERS, boot_path="direct", check=machine, same=lambda: False, seen=before)
    assert [watching.look(), watching.look()] == [False, True]
    (root / "images/base/layer.yaml").write_text("1")
    again = Watch(root=root, layers=LAYERS, boot_path="direct", check=machine, same=lambda: True, seen=before)
    assert [again.look(), again.look(), again.look()] == [False, False, False]
    assert [each.expression for each in machine.asked] == ["test_ssh.py"]
