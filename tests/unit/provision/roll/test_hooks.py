"""Hooks: only a clear yes within the time limit is one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.fleet.cluster import Hook
from imagekit.provision.roll.hooks import HookError, ProcessHooks


def hook(root: Path, script: str, timeout: str = "10s") -> Hook:
    path = root / "hook"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Hook(run="hook", timeout=timeout)


def test_a_hook_reads_json_and_says_yes(tmp_path: Path) -> None:
    asked = hook(tmp_path, 'cat > question.json; echo \'{"version": 1, "ok": true}\'')
    ProcessHooks(tmp_path).ask(asked, "before", {"wave": {"nodes": ["a; rm -rf /"]}})
    question = json.loads((tmp_path / "question.json").read_text())
    assert question == {"version": 1, "event": "before", "wave": {"nodes": ["a; rm -rf /"]}}


@pytest.mark.attack
@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("exit 3", "status 3: it said nothing"),
        ("echo broken >&2; exit 1", "status 1: broken"),
        ("echo fine", "not valid JSON"),
        ("true", "not valid JSON"),
        ("echo '[]'", "an object was expected"),
        ('echo \'{"version": 1, "ok": "true"}\'', "says no: no reason given"),
        ('echo \'{"version": 1, "ok": false, "message": "market open"}\'', "says no: market open"),
        ('echo \'{"version": 2, "ok": true}\'', "answers in version 2, not 1"),
        ("echo '{\"ok\": true}'", "answers in version None"),
        ('echo \'{"version": 1, "ok": false, "ok": true}\'', "stands twice"),
        ("head -c 2000000 /dev/zero | tr '\\\\0' x", "more than"),
        ('echo \'{"version": 1, "ok": true}\'; exit 1', "status 1"),
    ],
)
def test_whatever_is_no_clear_yes_is_none(tmp_path: Path, script: str, told: str) -> None:
    with pytest.raises(HookError, match=told):
        ProcessHooks(tmp_path).ask(hook(tmp_path, script), "before", {})


@pytest.mark.attack
def test_a_hook_that_hangs_is_stopped(tmp_path: Path) -> None:
    with pytest.raises(HookError, match="did not end within 1s"):
        ProcessHooks(tmp_path).ask(hook(tmp_path, "sleep 60", timeout="1s"), "after", {})


@pytest.mark.attack
@pytest.mark.parametrize(
    ("name", "told"), [("../hook", "outside the project"), ("none", "no executable"), (".", "no exec")]
)
def test_what_is_no_program_of_the_project_is_not_started(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        ProcessHooks(tmp_path).ask(Hook(run=name), "before", {})


def test_an_entry_point_that_is_not_there_is_no_yes(tmp_path: Path) -> None:
    with pytest.raises(HookError, match=r"0 entry points 'nobody' in the group imagekit\.hooks"):
        ProcessHooks(tmp_path).ask(Hook(entry_point="nobody"), "before", {})


def test_an_entry_point_is_asked_in_a_process_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    (site / "bank-1.0.dist-info").mkdir(parents=True)
    (site / "bank-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: bank\nVersion: 1.0\n")
    (site / "bank-1.0.dist-info" / "entry_points.txt").write_text("[imagekit.hooks]\nmarket = bankhook:ask\n")
    (site / "bankhook.py").write_text("def ask(q):\n    return {'version': 1, 'ok': q['event'] == 'before'}\n")
    code = f"import sys; sys.path.insert(0, {str(site)!r}); sys.argv = ['x', 'market']\n"
    code += "from imagekit.provision.roll.entryhook import main; sys.exit(main('market'))"
    import sys

    from imagekit.base.process import run

    done = run([sys.executable, "-c", code], timeout=30, stdin=b'{"event": "before"}')
    assert json.loads(done.stdout) == {"version": 1, "ok": True}
