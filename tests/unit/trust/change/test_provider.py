"""Providers: what is asked, what counts as an answer, and every way not to answer."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from imagekit.oci.reference import Digest
from imagekit.trust.change.model import ChangeError, ChangeQuestion, ChangeState, read_answer, require_id
from imagekit.trust.change.provider import ask_provider
from imagekit.trust.gate.policy import ChangeProvider

DIGEST = Digest.of(b"an image")
QUESTION = ChangeQuestion(change="CHG1", digest=DIGEST, image="node", image_version="v1", channel="prod")
ANSWER: dict[str, Any] = {
    "version": 1,
    "id": "CHG1",
    "state": "open",
    "digests": [str(DIGEST)],
    "approvals": [{"person": "Ada", "at": "2026-03-01T10:00:00Z"}],
}


def provider(root: Path, script: str, **fields: Any) -> ChangeProvider:
    """A program of a project."""
    path = root / "tools" / "change"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return ChangeProvider(run="tools/change", **fields)


def says(answer: Mapping[str, Any]) -> str:
    """A program that answers so."""
    return f"cat > question.json; cat <<'END'\n{json.dumps(answer)}\nEND"


def test_it_is_asked_with_one_document_and_answers_with_one(tmp_path: Path) -> None:
    record = ask_provider(provider(tmp_path, says(ANSWER)), QUESTION, tmp_path)
    assert (record.id, record.state, record.digests) == ("CHG1", ChangeState.OPEN, (str(DIGEST),))
    assert json.loads((tmp_path / "question.json").read_text()) == {
        "version": 1,
        "change": "CHG1",
        "digest": str(DIGEST),
        "image": "node",
        "image_version": "v1",
        "channel": "prod",
    }


@pytest.mark.attack
@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo garbage", "no change record"),
        ("true", "no change record"),
        ("echo '[]'", "no change record"),
        ("exec sleep 60", "no answer within 1 s"),
        ("trap '' TERM; sleep 60", "no answer within 1 s"),
        ("yes", "more than 65536 bytes"),
        ("head -c 200000 /dev/zero", "more than 65536 bytes"),
        ("yes >&2", "more than 65536 bytes"),
        ("echo no such change >&2; exit 1", "no such change"),
        ("kill -9 $$", "no answer"),
        (f"echo '{json.dumps(ANSWER)}'; exit 3", "exit status 3"),
        ('echo "token $TOKEN" >&2; exit 1', "token [not shown]"),
    ],
    ids=lambda value: value[:20],
)
def test_no_answer(script: str, why: str, tmp_path: Path) -> None:
    asked = provider(tmp_path, script, seconds=1, environment=("TOKEN",))
    with pytest.raises(ChangeError) as caught:
        ask_provider(asked, QUESTION, tmp_path, {"TOKEN": "hunter2-hunter2"})
    assert why in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.attack
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 2}, "version 2"),
        ({"id": "CHG2"}, "about CHG2"),
        ({"id": ""}, "id is no text"),
        ({"state": "implement"}, "implement"),
        ({"digests": str(DIGEST)}, "digests is no list"),
        ({"digests": ["latest"]}, "latest"),
        ({"digests": [str(DIGEST)] * 51}, "digests is no list of at most 50"),
        ({"approvals": ["Ada"]}, "an approval is an object"),
        ({"approvals": [{"person": "Ada", "at": "yesterday"}]}, "no time with a zone"),
        ({"approvals": [{"at": "2026-03-01T10:00:00Z"}]}, "person is no text"),
        ({"begins": "2026-03-01 10:00"}, "no time with a zone"),
        ({"title": 7}, "title is no text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_answer_that_the_contract_does_not_have(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ChangeError) as caught:
        read_answer(json.dumps({**ANSWER, **changes}).encode(), QUESTION, "tools/change")
    assert why in str(caught.value)


@pytest.mark.attack
def test_a_key_twice_is_no_answer() -> None:
    text = json.dumps(ANSWER)[:-1] + ', "state": "open"}'
    with pytest.raises(ChangeError, match="twice"):
        read_answer(text.encode(), QUESTION, "tools/change")


def test_it_gets_the_named_variables_alone(tmp_path: Path) -> None:
    asked = provider(tmp_path, f"env > env.txt; {says(ANSWER)}", environment=("TOKEN",))
    ask_provider(asked, QUESTION, tmp_path, {**os.environ, "TOKEN": "given", "OTHER_SECRET": "kept"})
    env = (tmp_path / "env.txt").read_text()
    assert "TOKEN=given" in env
    assert "OTHER_SECRET" not in env
    with pytest.raises(ChangeError, match="TOKEN is not set"):
        ask_provider(asked, QUESTION, tmp_path, {})


@pytest.mark.attack
def test_a_program_elsewhere_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "project" / "tools").mkdir(parents=True)
    (tmp_path / "project" / "tools" / "change").symlink_to("/bin/true")
    with pytest.raises(ChangeError, match="no executable of the project"):
        ask_provider(ChangeProvider(run="tools/change"), QUESTION, tmp_path / "project")


def test_an_entry_point_that_nobody_installed(tmp_path: Path) -> None:
    with pytest.raises(ChangeError, match="0 entry points 'servicenow'"):
        ask_provider(ChangeProvider(entry_point="servicenow"), QUESTION, tmp_path)


def test_an_entry_point_answers_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "ours-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: ours\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[imagekit.change_providers]\nours = ourchange:answer\n")
    code = f"def answer(question):\n    return {{**{ANSWER!r}, 'id': question['change']}}\n"
    (tmp_path / "site" / "ourchange.py").write_text(code)
    asked = ChangeProvider(entry_point="ours", environment=("PYTHONPATH",))
    record = ask_provider(asked, QUESTION, tmp_path, {"PYTHONPATH": str(tmp_path / "site")})
    assert record.provider == "entry point ours"


@pytest.mark.attack
@pytest.mark.parametrize("text", ["", "CHG 1", "../x", "-rf", "CHG1\n", "x" * 65, "CHG1;id"])
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(ChangeError, match="no id of a change"):
        require_id(text)
