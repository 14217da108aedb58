"""Where advisories are read from, how old they are, and what is said when they cannot be had."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest

from imagekit.config.settings import AdvisorySource
from imagekit.cve.errors import AdvisoryError, NoAdvisoriesError
from imagekit.cve.source import _mirrored, load
from tests.support.advisories import DISTRO, record, tracker

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
MIRROR = "https://mirror.example/tracker.json"


def source(kind: str, at: str) -> AdvisorySource:
    return AdvisorySource.model_validate({"kind": kind, "at": at})


def loaded(root: Path, *sources: AdvisorySource) -> tuple[int, datetime]:
    found = load(sources, DISTRO, root=root, cache=root / "cache", now=NOW)
    return found.count, found.as_of


def test_files_and_folders_of_the_project(tmp_path: Path) -> None:
    path = tracker(tmp_path / "t.json", curl={"CVE-1": {"status": "open"}})
    os.utime(path, (1, 1))
    assert loaded(tmp_path, source("debian-tracker", "t.json")) == (2, datetime.fromtimestamp(1, UTC))
    (tmp_path / "osv").mkdir()
    (tmp_path / "osv/a.json").write_text(json.dumps(record("curl", [{"introduced": "0"}])))
    count, as_of = loaded(tmp_path, source("debian-tracker", "t.json"), source("osv", "osv"))
    assert (count, as_of) == (3, datetime.fromtimestamp(1, UTC)), "as old as the oldest"
    assert loaded(tmp_path, source("osv", "osv"))[1] == datetime(2026, 11, 20, tzinfo=UTC), "by the records themselves"


def test_no_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoAdvisoriesError, match="no source") as caught:
        loaded(tmp_path)
    assert "docs/vulnerabilities.md" in caught.value.hint


@pytest.mark.parametrize("at", ["gone.json", "empty"])
def test_a_source_that_is_not_there_is_not_left_out(tmp_path: Path, at: str) -> None:
    (tmp_path / "empty").mkdir()
    tracker(tmp_path / "t.json")
    with pytest.raises(NoAdvisoriesError, match=at):
        loaded(tmp_path, source("debian-tracker", "t.json"), source("osv", at))


def test_a_source_that_does_not_read_is_not_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("<html>404</html>")
    with pytest.raises(AdvisoryError, match="no JSON"):
        loaded(tmp_path, source("debian-tracker", "t.json"))


class Answer(io.BytesIO):
    """What a mirror answers."""

    def __init__(self, data: bytes, **headers: str) -> None:
        super().__init__(data)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def serve(answer: Answer | Exception, asked: list[str]) -> object:
    def opened(address: str) -> IO[bytes]:
        asked.append(address)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return opened


def test_a_mirror_is_fetched_kept_and_dated_by_what_it_says(tmp_path: Path) -> None:
    asked: list[str] = []
    answer = Answer(b"{}", Last_Modified="Fri, 27 Nov 2026 06:00:00 GMT", Content_Length="2")
    first = _mirrored(MIRROR, tmp_path, NOW, serve(answer, asked))  # type: ignore[arg-type]
    assert (first.path.read_bytes(), first.as_of) == (b"{}", datetime(2026, 11, 27, 6, tzinfo=UTC))
    soon = _mirrored(MIRROR, tmp_path, NOW + timedelta(hours=5), serve(OSError("asked"), asked))  # type: ignore[arg-type]
    assert (soon.as_of, len(asked)) == (first.as_of, 1)
    down = _mirrored(MIRROR, tmp_path, NOW + timedelta(hours=7), serve(OSError("down"), asked))  # type: ignore[arg-type]
    assert down.as_of == first.as_of
    assert "not reachable; copy of 2026-11-28" in down.said


@pytest.mark.parametrize(
    "answer",
    [
        OSError("down"),
        Answer(b"{", Content_Length="2"),  # cut off
        ValueError("unknown url type"),
    ],
)
def test_a_mirror_that_was_never_read_is_no_clean_image(tmp_path: Path, answer: Answer | Exception) -> None:
    with pytest.raises(NoAdvisoriesError, match="no copy is kept"):
        _mirrored(MIRROR, tmp_path, NOW, serve(answer, []))  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_mirror_that_dates_its_answer_in_the_future_is_of_now(tmp_path: Path) -> None:
    answer = Answer(b"{}", Last_Modified="Fri, 27 Nov 2037 06:00:00 GMT")
    assert _mirrored(MIRROR, tmp_path, NOW, serve(answer, [])).as_of == NOW  # type: ignore[arg-type]
