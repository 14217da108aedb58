"""What a mutation run is about: all of trust, release and app, with tests that are there, in a time that ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import ProcessTimeoutError
from tests.support import mutation
from tests.support.mutation import TESTS, main, modules, where_tested

ROOT = Path(__file__).parents[2]
ONE, OTHER = "imagekit/app/deadline.py", "imagekit/app/patterns.py"


class Mutmut:
    """In the part of mutmut: so many mutants of each module are tried in a run, and it is told how long it may take."""

    def __init__(self, *, total: int = 3, at_once: int = 3) -> None:
        self.total, self.at_once = total, at_once
        self.asked: list[str] = []

    def __call__(self, module: str, copy: Path, seconds: float) -> dict[str, str]:
        self.asked.append(module)
        assert seconds > 0
        tried = len([*copy.iterdir()]) + self.at_once
        for number in range(tried):
            (copy / str(number)).touch()
        return {f"m{number}": "killed" if number < tried else "not checked" for number in range(self.total)}


@pytest.fixture
def mutmut(monkeypatch: pytest.MonkeyPatch) -> Mutmut:
    made = Mutmut()
    monkeypatch.setattr(mutation, "mutated", made)
    return made


def test_every_deciding_module_is_mutated() -> None:
    assert {"imagekit/trust/gate/evaluate.py", "imagekit/release/publish.py", "imagekit/app/stages.py"} <= {*modules()}


def test_their_tests_are_there() -> None:
    found = {each for module in modules() for each in where_tested(module)}
    assert [each for each in sorted(found) if not (ROOT / each).exists()] == []


def test_only_what_touches_a_module_is_run() -> None:
    assert where_tested(ONE) == ("tests/unit/app/test_deadline.py",)
    assert "tests/unit/release/channel/test_promote.py" in where_tested("imagekit/release/channel/promote.py")


def test_no_row_is_about_nothing() -> None:
    assert set(TESTS) <= set(modules())


def test_a_module_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["imagekit/nowhere.py"], tmp_path) == 2
    assert "imagekit/nowhere.py: no such file" in capsys.readouterr().err


def test_what_was_found_out_is_not_tried_again(
    mutmut: Mutmut, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([ONE], tmp_path) == main([ONE, OTHER], tmp_path) == 0
    assert mutmut.asked == [ONE, OTHER]
    assert f"{ONE}: 3 killed (known)" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]


def test_a_module_that_changed_is_tried_again(mutmut: Mutmut, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    main([ONE], tmp_path)
    monkeypatch.setattr(mutation, "state_of", lambda _module: "another state")
    main([ONE], tmp_path)
    assert mutmut.asked == [ONE, ONE]


def test_a_run_goes_on_where_the_one_before_stopped(
    mutmut: Mutmut, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    mutmut.at_once = 2
    main([ONE], tmp_path)
    first = capsys.readouterr().out
    assert f"{ONE}: 2 killed, 1 not checked" in first
    assert f"1 modules are left, beginning with {ONE}" in first
    main([ONE], tmp_path)
    second = capsys.readouterr().out
    assert f"{ONE}: 3 killed" in second
    assert "left" not in second


def test_without_time_nothing_is_begun(mutmut: Mutmut, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--minutes", "0", ONE, OTHER], tmp_path) == 0
    assert mutmut.asked == []
    assert f"2 modules are left, beginning with {ONE}" in capsys.readouterr().out


def test_what_survives_is_shown_with_its_change(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = {"m1": "killed", "m2": "survived\n    - a\n    + b", "m3": "survived\n    - c\n    + d"}
    monkeypatch.setattr(mutation, "mutated", lambda *_: ended)
    main([ONE], tmp_path)
    said = capsys.readouterr().out
    assert f"{ONE}: 2 survived, 1 killed" in said
    assert "  m2: survived\n    - a\n    + b\n  m3" in said
    assert "m1" not in said


def test_a_module_that_got_no_mutant_in_time_is_left(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*_: object) -> dict[str, str]:
        raise ProcessTimeoutError("no end")

    monkeypatch.setattr(mutation, "mutated", late)
    assert main([ONE], tmp_path) == 0
    assert f"1 modules are left, beginning with {ONE}" in capsys.readouterr().out
