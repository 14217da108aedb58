"""docs/releasing.md, run: every command of the page in its order, on real images."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from imagekit.base.process import Completed
from tests.e2e.conftest import ROOT, Clone, First

pytestmark = [pytest.mark.vm, pytest.mark.registry, pytest.mark.online]
PAGE = ROOT / "docs" / "releasing.md"


def policy() -> str:
    """The policy that the page shows."""
    (block,) = re.findall(r"```yaml\n(version: 1\npublish:.*?)```", PAGE.read_text(), re.DOTALL)
    return str(block)


def commands() -> list[list[str]]:
    """The commands of the page, without the name of the program."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines]


@pytest.fixture
def release(clone: Clone, first: First) -> Iterator[Clone]:
    """The clone on a branch of its own, with a policy; put back afterwards."""
    before = clone.git("rev-parse", "HEAD").strip()
    clone.git("config", "user.email", "ann@example.org")
    clone.git("config", "user.name", "Ann")
    (clone.root / "policy.yaml").write_text(policy())
    clone.git("add", "policy.yaml")
    clone.git("commit", "-qm", "policy")
    try:
        yield clone
    finally:
        clone.git("reset", "-q", "--hard", before)


def change(clone: Clone) -> None:
    """The next change of the release, committed."""
    path = clone.root / "images/ca-trust/README.md"
    path.write_text(path.read_text() + "\nOne more line.\n")
    clone.git("commit", "-qam", "images: one more line")


def channels(clone: Clone) -> dict[str, str]:
    """The version that each channel points at, by the history."""
    done = clone.imagekit("history", "--json")
    assert done.returncode == 0, done.stderr
    records: list[dict[str, Any]] = json.loads(done.stdout)
    return {item["channel"]: item["version"] for item in records if item["action"] in ("promote", "rollback")}


def test_the_page_is_true(release: Clone) -> None:
    runs = 0
    said: dict[str, Completed] = {}
    for arguments in commands():
        if arguments[0] == "run":
            runs += 1
            if runs == 2:
                change(release)
        done = release.imagekit(*arguments)
        expected = 1 if arguments[0] == "yank" else 0
        assert done.returncode == expected, f"{arguments}\n{done.stdout}{done.stderr[-4000:]}"
        said[" ".join(arguments[:2])] = done
        if arguments[:2] == ["rollback", "prod"]:
            _after_the_rollback(release)
    stands = channels(release)
    assert len(set(stands.values())) == 1, "all channels are back at the first version"
    assert "prod still points" not in said["yank debian-node"].stdout
    assert "imagekit rollback staging" in said["yank debian-node"].stdout
    assert "every signature and link good" in said["history"].stdout
    assert "- signature: satisfied" in said["history --channel"].stdout
    _withdrawn(release)


def _after_the_rollback(clone: Clone) -> None:
    """What was rolled back from does not come back by itself, and nothing moves when it tries."""
    before = channels(clone)
    refused = clone.imagekit("promote", "debian-node@staging", "--to", "prod")
    assert refused.returncode == 1
    assert "was rolled back from" in refused.stderr
    assert channels(clone) == before


def _withdrawn(clone: Clone) -> None:
    """A yanked digest is taken nowhere, by name or by digest, and the gate says why."""
    gate = clone.imagekit("gate", "debian-node", "--channel", "dev", "--format", "json")
    assert gate.returncode == 1
    assert "yanked by" in gate.stdout
    refused = clone.imagekit("promote", "debian-node", "--to", "dev")
    assert refused.returncode == 1
    assert "yanked by" in refused.stderr


def test_every_kind_of_decision_is_on_the_page() -> None:
    named = {arguments[0] for arguments in commands()}
    assert named >= {"run", "gate", "promote", "rollback", "yank", "releases", "history", "retention"}
