"""`imagekit audit` and `observe` from the command line: what they print, and how they end."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imagekit.base.errors import ConfigError
from imagekit.cli import cli
from tests.support.audited import Scene, opened
from tests.support.project import git


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with pytest.MonkeyPatch.context() as patch, opened(tmp_path_factory.mktemp("cli"), patch) as made:
        made.fleet({"w1": {"channel": "dev"}}, "02-01T00:00")
        made.promote(made.version(1), "dev", "03-01T10:00")
        (made.project.root / "imagekit.yaml").write_text(f"version: 1\nregistry: {made.world.address}\n")
        yield made


def call(scene: Scene, *arguments: str) -> Result:
    """Run a command in the project."""
    return CliRunner().invoke(cli, ["--project", str(scene.project.root), *arguments])


def test_proven_is_zero(scene: Scene) -> None:
    done = call(scene, "audit", "--node", "w1", "--at", "2026-03-05")
    assert done.exit_code == 0, done.output
    assert "the whole day 2026-03-05 in UTC" in done.output
    assert "proven" in done.output


def test_anything_else_is_one(scene: Scene) -> None:
    assert call(scene, "audit", "--node", "w1", "--at", "2026-02-05").exit_code == 1
    assert call(scene, "audit", "--node", "w1", "--at", "2026-03-05", "--offline").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "what is asked about"),
        (["--fleet", "--node", "w1"], "what is asked about"),
        (["--node", "w1", "--at", "2026-03-05", "--since", "2026-03-05"], "one of --at"),
        (["--node", "w1", "--at", "soon"], "no date"),
        (["--node", "w1", "--at", "2026-10-25T02:30", "--zone", "Europe/Berlin"], "twice"),
        (["--node", "w1", "--at", "2199-01-01"], "lies in the future"),
        (["--node", "w9"], "ever had a node 'w9'"),
        (["--node", "w1", "--zone", "Europe/Atlantis", "--at", "2026-03-05"], "no time zone"),
        (["--digest", "latest"], "not a sha256 digest"),
        (["--digest", "sha256:abc"], "not a sha256 digest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_asked(scene: Scene, arguments: list[str], says: str) -> None:
    done = call(scene, "audit", *arguments)
    assert done.exception is not None
    assert says in str(done.exception)
    assert getattr(done.exception, "exit_code", 0) == 2
    assert getattr(done.exception, "hint", "")


def test_a_digest_that_nobody_knows_was_nowhere(scene: Scene) -> None:
    done = call(scene, "audit", "--digest", "sha256:" + "0" * 64)
    assert done.exit_code == 1
    assert "no interval: the digest was on no node" in done.output


def test_every_file(scene: Scene, tmp_path: Path) -> None:
    names = {kind: str(tmp_path / f"x.{kind}") for kind in ("html", "json", "zip")}
    done = call(
        scene,
        *("audit", "--fleet", "--at", "2026-03-05", "--format", "json"),
        *("--html", names["html"], "--sign", names["json"], "--bundle", names["zip"]),
    )
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "x.report.json").read_text())
    assert document["intervals"][0]["verdict"] == "proven"
    assert "<svg" not in Path(names["html"]).read_text()
    with zipfile.ZipFile(names["zip"]) as packed:
        assert {"README.md", "report.json", "signed.tsv", "timeline.html"} <= set(packed.namelist())
        assert all(not name.startswith(("/", "..")) for name in packed.namelist())
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


@pytest.mark.parametrize("option", ["--html", "--sign", "--bundle"])
def test_a_folder_that_is_not_there_is_named_and_nothing_is_half_written(
    scene: Scene, tmp_path: Path, option: str
) -> None:
    """It ended in a traceback, called a mistake in imagekit."""
    (tmp_path / "file").touch()
    for place, why in (("no/x", "No such file or directory"), ("file/x", "Not a directory")):
        done = call(scene, "audit", "--node", "w1", "--at", "2026-03-05", option, str(tmp_path / place))
        assert isinstance(done.exception, ConfigError), done.exception
        assert f"cannot be written: {why}" in str(done.exception)
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.attack
def test_observations_that_were_altered_count_for_nothing(scene: Scene, tmp_path: Path) -> None:
    path = tmp_path / "seen.sqlite"
    path.write_bytes(b"garbage")
    done = call(scene, "audit", "--node", "w1", "--at", "2026-03-05", "--observations", str(path))
    assert done.exit_code == 1
    assert "PROBLEM: no observation counts" in done.output
    assert "proven" in done.output


@pytest.mark.attack
def test_observations_that_are_gone_are_missed_where_a_head_was_signed(scene: Scene, tmp_path: Path) -> None:
    from imagekit.app.observing import sign_head
    from imagekit.observe.model import Observation, Source
    from imagekit.observe.store import Observations

    store = Observations(tmp_path / "seen.sqlite")
    store.add([Observation(node="w1", at=1, source=Source.SSH, where="h", observer="me")])
    sign_head(scene.project, store)
    store.path.unlink()
    done = call(scene, "audit", "--node", "w1", "--at", "2026-03-05", "--observations", str(store.path))
    assert done.exit_code == 1
    assert "is gone, and 1 observations in it were signed for" in done.output


@pytest.mark.attack
def test_a_channel_file_that_was_edited_by_hand_is_told(scene: Scene, tmp_path: Path) -> None:
    root = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(scene.project.root), str(root))
    (root / ".imagekit").mkdir()
    (root / ".imagekit" / "keys").symlink_to(scene.project.work / "keys")
    path = root / "channels" / "dev.yaml"
    path.write_text(path.read_text().replace("sha256:", "sha256:0", 1).replace('"\n    reference', '"\n    reference'))
    text = path.read_text()
    path.write_text(text.replace(text.split("sha256:0")[1][:64], text.split("sha256:0")[1][:63], 1))
    git(root, "-c", "user.name=E", "-c", "user.email=e@e", "commit", "-qam", "by hand")
    done = CliRunner().invoke(cli, ["--project", str(root), "audit", "--node", "w1", "--offline"])
    assert done.exit_code == 1, done.output
    assert "PROBLEM: the ledger does not verify" in done.output
    assert "unknown" in done.output


def test_observe_says_when_there_is_nothing(scene: Scene, tmp_path: Path) -> None:
    done = call(scene, "observe", "show", "--store", str(tmp_path / "none.sqlite"))
    assert done.exit_code == 0
    assert "nothing was observed yet" in done.output
