"""The scanner on a node: what it is told, what is kept, and that it is taken away again whatever happens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.base.process import Completed
from imagekit.checks.scap import scan as subject
from imagekit.machine.errors import ConnectionLostError


@dataclass(frozen=True)
class Node:
    alias: str = "node"
    config: Path = Path("/nowhere/ssh_config")


class Shell:
    """In place of ssh: keeps what is run; a command that holds `fails` ends with a status, or with an error."""

    def __init__(self, fails: str = "-nothing-", status: int | Exception = 1) -> None:
        self.ran: list[str] = []
        self.given: list[bytes | None] = []
        self._fails, self._status = fails, status

    def run_as_root(self, node: Node, command: str, *, timeout: float, stdin: bytes | None = None) -> Completed:
        self.ran.append(command)
        self.given.append(stdin)
        if self._fails not in command:
            return Completed((command,), 0, "", "")
        if isinstance(self._status, Exception):
            raise self._status
        return Completed((command,), self._status, "", "oscap: out of memory")

    def copy_file(self, node: Node, remote: str, local: Path, *, limit: int) -> None:
        local.write_text(remote)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "bundle").write_bytes(b"\x1f\x8bpacked")
    return tmp_path / "bundle"


def scanned(shell: Shell, bundle: Path, patch: pytest.MonkeyPatch) -> Path:
    patch.setattr(subject, "ssh", shell)
    into = bundle.parent / "kept/results.xml"
    subject.scan(Node(), bundle, "xccdf_org.example_profile_small", into, pace=2.0)
    return into


@pytest.mark.parametrize("status", [0, 2])
def test_it_is_brought_run_fetched_and_taken_away(status: int, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell("eval", status)
    kept = scanned(shell, bundle, monkeypatch)
    bring, evaluate, away = shell.ran
    assert shell.given == [b"\x1f\x8bpacked", None, None]
    assert "tar -xzf - -C /run/imagekit-openscap" in bring
    assert " --profile xccdf_org.example_profile_small --results results.xml ds.xml" in evaluate
    assert "timeout 1200 ./ld.so --library-path ./lib ./oscap" in evaluate
    assert "remediate" not in evaluate
    assert away == "rm -rf /run/imagekit-openscap"
    assert kept.read_text() == "/run/imagekit-openscap/results.xml"


@pytest.mark.parametrize(
    ("fails", "status", "says"),
    [
        ("tar", 1, "could not be brought"),
        ("eval", 1, "oscap ended with status 1"),
        ("eval", 124, "oscap ended with status 124"),
        ("eval", ConnectionLostError("the connection broke"), "the connection broke"),
    ],
)
def test_what_does_not_come_to_a_judgement_is_an_error(
    fails: str, status: int | Exception, says: str, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(fails, status)
    with pytest.raises(ToolError, match=says):
        scanned(shell, bundle, monkeypatch)
    assert shell.ran[-1].startswith("rm -rf ")
    assert not (bundle.parent / "kept/results.xml").exists()


def test_the_scanners_own_words_are_the_hint(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(subject.ScanError) as caught:
        scanned(Shell("eval", 1), bundle, monkeypatch)
    assert "out of memory" in caught.value.hint
