"""What was judged of a cold boot: kept for what passed, by the code that judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.checks.judged import NOTHING, code_hash, keep_judged, read_judged
from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.checks.session import CheckMeta


def meta(name: str, *, cold: bool = True, source: str = "s") -> CheckMeta:
    return CheckMeta(id=name, layer="base", title=name, cold=cold, source=source)


def result(name: str, outcome: Outcome) -> CheckResult:
    return CheckResult(id=name, layer="base", title=name, outcome=outcome, seconds=1.0)


def test_only_what_judged_a_boot_and_passed_is_kept(tmp_path: Path) -> None:
    metas = [meta("a"), meta("b"), meta("c", cold=False), meta("d")]
    results = [result("a", Outcome.PASSED), result("b", Outcome.SKIPPED), result("c", Outcome.PASSED)]
    keep_judged(tmp_path / "j", metas, results, "Monday")
    found = read_judged(tmp_path / "j")
    assert dict(found.passed) == {"a": ("s", "Monday")}
    assert found.result(meta("a")).outcome is Outcome.PASSED
    for other in (meta("a", source="t"), meta("a", source=""), meta("b"), meta("d")):
        assert found.result(other).outcome is Outcome.MISSING


def test_some_checks_again_forget_nothing_of_the_others(tmp_path: Path) -> None:
    keep_judged(tmp_path / "j", [meta("a"), meta("b")], [result(name, Outcome.PASSED) for name in "ab"], "Monday")
    keep_judged(tmp_path / "j", [meta("b")], [result("b", Outcome.FAILED)], "Tuesday")
    assert dict(read_judged(tmp_path / "j").passed) == {"a": ("s", "Monday")}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"passed": []}', '{"passed": {"a": "s"}}', '{"passed": {"a": ["s", "t", "u"]}}', "null", "\x00"],
)
def test_what_cannot_be_read_judges_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "j").write_text(text)
    assert read_judged(tmp_path / "j") == NOTHING
    assert read_judged(tmp_path / "none") == read_judged(None) == NOTHING


def test_without_a_saved_node_there_is_no_place_for_it(tmp_path: Path) -> None:
    keep_judged(tmp_path / "none" / "j", [meta("a")], [result("a", Outcome.PASSED)], "Monday")
    assert not (tmp_path / "none").exists()


def test_the_code_of_a_check_is_its_file_and_what_it_shares(tmp_path: Path) -> None:
    mine, shared, other = tmp_path / "test_a.py", tmp_path / "conftest.py", tmp_path / "test_b.py"
    hashes = set()
    for path, text in ((mine, "1"), (mine, "2"), (shared, "1"), (shared, "2")):
        path.write_text(text)
        hashes.add(code_hash(mine))
    assert len(hashes) == 4
    before = code_hash(mine)
    other.write_text("1")
    assert code_hash(mine) == before
