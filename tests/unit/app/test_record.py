"""A run's record says what was done, what failed and what was never reached."""

import json
from pathlib import Path

import pytest

from imagekit.app.consoles import find_console, follow
from imagekit.app.record import StageRecorder
from imagekit.app.runs import abandoned_runs, find_run, new_run, write_views
from imagekit.base.errors import ConfigError, ToolError
from imagekit.report.result import StageStatus
from tests.unit.report.test_card import broken


def statuses(record: StageRecorder) -> dict[str, StageStatus]:
    return {row.name: row.status for row in record.stages()}


def test_an_error_fails_its_stage_and_leaves_the_rest_missing() -> None:
    record = StageRecorder(expected=("plan", "build", "boot"), again="imagekit run x")
    with record.stage("plan", "Plan") as stage:
        stage.reused = True
    with pytest.raises(ToolError), record.stage("build", "Build"):
        raise ToolError("broken", hint="mend it")
    assert statuses(record) == {
        "plan": StageStatus.REUSED,
        "build": StageStatus.FAILED,
        "boot": StageStatus.MISSING,
    }
    assert record.failure is not None
    assert (record.failure.stage, record.failure.error, record.failure.hint) == ("build", "broken", "mend it")
    assert record.failure.again == "imagekit run x"


def test_a_stage_whose_answer_is_no_is_failed_afterwards() -> None:
    record = StageRecorder(expected=("checks",), again="again")
    with record.stage("checks", "Checks") as stage:
        stage.note = "1 failed"
    record.fail("checks", "1 of 2 checks did not pass")
    assert record.stages()[0].status is StageStatus.FAILED
    assert record.stages()[0].note == "1 failed"


def test_an_interrupt_is_told_as_one() -> None:
    record = StageRecorder(expected=(), again="again")
    with pytest.raises(KeyboardInterrupt), record.stage("boot", "Boot"):
        raise KeyboardInterrupt
    assert record.failure is not None
    assert record.failure.error == "interrupted"


def test_runs_are_found_by_the_beginning_of_their_id(tmp_path: Path) -> None:
    for name in ("20260101-000000-aaaa", "20260102-000000-bbbb"):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "result.json").write_text("{}")
    assert find_run(tmp_path, None).name.endswith("bbbb")
    assert find_run(tmp_path, "20260101").name.endswith("aaaa")
    with pytest.raises(ConfigError, match="2 runs"):
        find_run(tmp_path, "2026")
    with pytest.raises(ConfigError, match="no run"):
        find_run(tmp_path, "2027")


def test_only_runs_of_dead_processes_are_abandoned(tmp_path: Path) -> None:
    _, mine = new_run(tmp_path)
    _, dead = new_run(tmp_path)
    (dead / "owner.json").write_text(json.dumps({"pid": 2**22 + 1, "started": 1.0}))
    _, other = new_run(tmp_path)
    (other / "owner.json").write_text(json.dumps({"pid": 1, "started": -5.0}))  # the id lives on in another process
    assert mine not in abandoned_runs(tmp_path)
    assert set(abandoned_runs(tmp_path)) == {dead, other}


def test_the_newest_console_is_shown_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "runs" / "20260101" / "direct" / "console.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"one\n" * 50_000)
    assert find_console(tmp_path, None, "direct") == log
    assert b"".join(follow(log, seconds=0.0)) == log.read_bytes()
    with pytest.raises(ConfigError, match="no console log"):
        find_console(tmp_path, None, "live")


def test_the_page_of_a_run_has_the_runbooks_words(tmp_path: Path) -> None:
    (tmp_path / "docs/runbook").mkdir(parents=True)
    (tmp_path / "docs/runbook/registry.md").write_text("# Registry\n\nAsk whoever runs it.\n")
    _, folder = new_run(tmp_path / ".imagekit")
    page = write_views(broken("publish", "registry registry.example: not there"), folder)
    assert "Ask whoever runs it." in page.read_text()


def test_without_a_page_of_the_runbook_there_are_no_words(tmp_path: Path) -> None:
    _, folder = new_run(tmp_path / ".imagekit")
    assert 'id="runbook"' not in write_views(broken("other", "it broke"), folder).read_text()
