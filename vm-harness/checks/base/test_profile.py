"""The image's own cloud-config: all that it declares arrived; the harness's account beside it proves nothing of it."""

from __future__ import annotations

import shlex

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.profile import COMPLAINTS, NO_COMPLAINT, Question

# On the direct boot path no cloud-config is applied: that boot path has no framework's initrd to do it.
pytestmark = [pytest.mark.runbook("profile"), pytest.mark.boot_path("live", "installed")]
PROMISES = declared.profile()
_BREAK = "@imagekit-next@"


@pytest.fixture(scope="session")
def answers(root: Host) -> dict[str, str]:
    """What the node says to every question, asked in one go."""
    script = "".join(f"( {each.command}\n) 2>&1; echo {_BREAK}\n" for each in PROMISES)
    said = root.run("sh -c %s", script).stdout.split(_BREAK + "\n")
    return {each.title: text.strip() for each, text in zip(PROMISES, said, strict=False)}


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: each.title.replace(" ", "-"))
def test_the_profile_arrived(answers: dict[str, str], promise: Question) -> None:
    """What the cloud-config declares is so on the node."""
    said = answers.get(promise.title)
    assert said is not None, f"{promise.title}: the node gave no answer"
    assert promise.answered_by(said), (
        f"{promise.title}: no, the node says {said[:200]!r} to {shlex.quote(promise.command)}"
    )


def test_no_step_of_the_profile_failed(root: Host) -> None:
    """The stage runner could read every file of the profile, and no step of it failed."""
    logs = "journalctl -b -q --no-pager -o cat -u 'cos-setup-*'; cat /run/immucore/*.log 2>/dev/null"
    done = root.run(f"( {logs} ) | grep -avE '{NO_COMPLAINT}' | grep -aE '{COMPLAINTS}'")
    assert done.stdout.strip() == ""
