"""D29: whatever lies in a folder, git starts nothing of it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from imagekit.base.errors import ConfigError
from imagekit.base.git import Git
from imagekit.release.ledger.store import LedgerStore
from tests.support.project import commit, git

pytestmark = pytest.mark.attack


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves a trace when it is started."""
    path = tmp_path / "trap"
    path.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.email", "ann@example.org")
    git(folder, "config", "user.name", "Ann")
    (folder / "other").write_text("1\n")
    commit(folder, "first", "2026-11-22T12:00:00+00:00")
    return folder


def test_a_bare_repository_inside_a_tree_is_not_used(work: Path, trap: Path) -> None:
    """As it was found: HEAD, objects, refs and config in a folder of the tree; its monitor and hooks ran as root."""
    inner = work / "ledger-of-others"
    git(work, "clone", "-q", "--bare", str(work), str(inner))
    for name, value in (("core.fsmonitor", str(trap)), ("core.bare", "false"), ("core.worktree", str(work))):
        git(work, "config", "-f", str(inner / "config"), name, value)
    hook = inner / "hooks" / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    hook.symlink_to(trap)
    with pytest.raises(ConfigError, match="bare repository"):
        Git(inner)("status", "--porcelain")
    with pytest.raises(ConfigError, match="bare repository"):
        LedgerStore(inner).listed(PurePosixPath("ledger"))
    assert not trap.with_name("sprung").exists()


@pytest.mark.parametrize("name", ["core.fsmonitor", "diff.external", "core.pager"])
def test_programs_of_the_configuration_are_not_started(work: Path, trap: Path, name: str) -> None:
    git(work, "config", name, str(trap))
    (work / "other").write_text("2\n")
    Git(work)("status", "--porcelain")
    Git(work)("diff", "HEAD", ok=(0, 128))  # a patch is never asked for here: without the program there is none
    Git(work)("log", "-1")
    assert Git(work).text("var", "GIT_PAGER") == "cat", "git starts one for a terminal alone, which no test has"
    assert not trap.with_name("sprung").exists()


def test_a_program_for_signatures_is_not_started(work: Path, trap: Path) -> None:
    """gpg.program of the folder, by settings that ask for signatures where a commit is shown or made."""
    for name in ("log.showSignature", "commit.gpgSign", "tag.gpgSign"):
        git(work, "config", name, "true")
    git(work, "config", "gpg.program", str(trap))
    Git(work)("log", "-1")
    Git(work)("commit", "-q", "--allow-empty", "-m", "second")
    Git(work)("tag", "-a", "-m", "a tag", "v1")
    assert not trap.with_name("sprung").exists()


@pytest.mark.parametrize("where", [".git/hooks", "hooks"])
def test_hooks_are_not_started(work: Path, trap: Path, where: str) -> None:
    (work / where).mkdir(exist_ok=True)
    git(work, "config", "core.hooksPath", str(work / where))
    for name in ("reference-transaction", "post-checkout", "pre-push", "post-index-change"):
        (work / where / name).symlink_to(trap)
    head = Git(work).text("rev-parse", "HEAD")
    Git(work)("update-ref", "refs/heads/other", head)
    Git(work)("checkout", "-q", head, "--", "other")
    assert not trap.with_name("sprung").exists()


def test_an_address_is_no_command(work: Path, trap: Path) -> None:
    git(work, "config", "protocol.ext.allow", "always")
    done = Git(work)("ls-remote", f"ext::{trap}", "HEAD", ok=(0, 128))
    assert done.returncode == 128
    assert not trap.with_name("sprung").exists()


def test_a_replaced_object_is_not_believed(work: Path) -> None:
    """Own variant: `git replace` shows another content under the same id."""
    blob = git(work, "rev-parse", "HEAD:other").strip()
    (work / "forged").write_text("2\n")
    git(work, "replace", blob, git(work, "hash-object", "-w", "forged").strip())
    assert git(work, "cat-file", "blob", blob) == "2\n"
    assert Git(work).blobs([blob]) == [b"1\n"]


def test_many_objects_are_read_byte_for_byte(work: Path) -> None:
    contents = [b"", b"\xff\x00\n\n", b"x" * 100_000, b"no end of line"]
    ids = []
    for number, data in enumerate(contents):
        (work / f"file{number}").write_bytes(data)
        ids.append(git(work, "hash-object", "-w", f"file{number}").strip())
    assert Git(work).blobs([*ids, *ids]) == contents * 2


def test_grafts_hide_no_commit(work: Path) -> None:
    """A file of `.git` that gives a commit other parents would hide what was reverted."""
    (work / "other").write_text("2\n")
    commit(work, "second", "2026-11-23T12:00:00+00:00")
    (work / ".git/info").mkdir(exist_ok=True)
    (work / ".git/info/grafts").write_text(git(work, "rev-parse", "HEAD").strip() + "\n")
    assert len(Git(work)("log", "--format=%s").stdout.splitlines()) == 2
