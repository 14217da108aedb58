"""The evidence of an audit, checked without imagekit: every command of its README, with stock cosign, git and jq."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imagekit.app.auditing import store_of
from imagekit.app.auditreport import Written, written
from imagekit.audit.asked import stretch_of
from imagekit.base.process import Completed, run
from imagekit.observe.model import Observation, Source
from tests.integration.conftest import Program
from tests.support.audited import Scene, opened
from tests.support.page import blocks

pytestmark = [pytest.mark.cosign, pytest.mark.attack]
COMMANDS = ("signatures", "decisions", "chain", "git", "files", "observations")


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An unpacked bundle about two nodes, with the signed report beside it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("audit")
        with opened(folder, patch) as scene:
            yield made(scene, folder)


def made(scene: Scene, folder: Path) -> Path:
    """Two versions, one rollback, observations; asked about the whole fleet."""
    one, two = scene.version(1), scene.version(2)
    scene.fleet({"w1": {"channel": "dev"}, "w2": {"digest": str(one.digest)}}, "02-01T00:00")
    scene.promote(one, "dev", "03-01T10:00")
    scene.promote(two, "dev", "03-10T10:00")
    scene.rollback("dev", "03-11T10:00")
    at = stretch_of("2026-03-05T00:00Z").begin
    seen = [
        Observation(node=name, at=at, source=Source.SSH, where="h:22", observer="me", digest=str(one.digest))
        for name in ("w1", "w2")
    ]
    store_of(scene.project).add(seen)
    report = scene.ask(fleet=True, span="2026-03-01..2026-03-31")
    files = Written(bundle=folder / "evidence.zip", sign=folder / "audit.json")
    again = Written(bundle=folder / "again.zip")
    list(written(scene.project, report, files))
    list(written(scene.project, report, again))
    assert (folder / "evidence.zip").read_bytes() == (folder / "again.zip").read_bytes()
    unpacked = folder / "evidence"
    with zipfile.ZipFile(folder / "evidence.zip") as packed:
        packed.extractall(unpacked)
    shutil.copy(folder / "audit.json", unpacked)
    return unpacked


@pytest.fixture
def here(evidence: Path, tmp_path: Path) -> Path:
    """A copy of it, to be spoilt."""
    return Path(shutil.copytree(evidence, tmp_path / "evidence"))


def stock(folder: Path, name: str) -> Completed:
    """Run one command of the README."""
    command = blocks(folder / "README.md", "sh")[name]
    return run(["sh", "-c", command], timeout=120, cwd=folder, env={"HOME": str(folder)}, ok=range(256))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_accepts_it(here: Path, name: str, cosign: Program) -> None:
    if name == "files":
        assert stock(here, "git").returncode == 0
    done = stock(here, name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_git_objects_are_the_history(here: Path) -> None:
    done = stock(here, "git")
    assert done.stdout.count("\n") == 5, done.stdout
    assert "channel: dev" in stock(here, "files").stdout or "w1" in stock(here, "files").stdout


def test_the_signed_report(here: Path, cosign: Program) -> None:
    argv = ["verify-blob-attestation", "--key", here / "keys" / "lead.pub", "--insecure-ignore-tlog"]
    more = ["--type", "urn:imagekit:audit:v1", "--bundle", here / "audit.json"]
    assert cosign(*argv, *more, here / "report.json").returncode == 0
    (here / "report.json").write_text((here / "report.json").read_text().replace("proven", "PROVEN"))
    assert cosign(*argv, *more, here / "report.json", ok=range(256)).returncode != 0


def replace(path: Path, before: bytes, after: bytes) -> None:
    """Change a file."""
    data = path.read_bytes()
    assert before in data
    path.write_bytes(data.replace(before, after, 1))


def another_digest(folder: Path) -> None:
    lines = (folder / "signed.tsv").read_text().splitlines()
    other = json.loads((folder / "report.json").read_text())["evidence"]
    assert other
    head, _, _ = lines[0].rpartition("\t")
    (folder / "signed.tsv").write_text("\n".join([f"{head}\t{'0' * 64}", *lines[1:]]) + "\n")


def another_record(folder: Path) -> None:
    first = min((folder / "ledger").iterdir())
    replace(first, b"MEU", b"MEQ") if b"MEU" in first.read_bytes() else first.write_bytes(first.read_bytes() + b" ")


def without_a_record(folder: Path) -> None:
    sorted((folder / "ledger").iterdir())[1].unlink()


def another_file(folder: Path) -> None:
    blob = min((folder / "git").glob("*.blob"))
    blob.write_bytes(blob.read_bytes() + b"# and more\n")


def another_observation(folder: Path) -> None:
    replace(folder / "observations.tsv", b'"node":"w1"', b'"node":"w9"')


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (another_digest, "signatures"),
        (another_record, "chain"),
        (without_a_record, "chain"),
        (another_file, "git"),
        (another_observation, "observations"),
    ],
)
def test_what_was_altered_is_refused(here: Path, spoil: Callable[[Path], None], name: str, cosign: Program) -> None:
    spoil(here)
    assert stock(here, name).returncode != 0
