"""imagekit cloudconfig: lint and render, with their exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from imagekit.base.errors import ConfigError
from imagekit.cli import cli

ROOT = Path(__file__).parents[3]
NODE, WORKER = ROOT / "cloud-config/node.yaml", ROOT / "cloud-config/profiles/worker.yaml"


def called(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, ["cloudconfig", *map(str, words)], catch_exceptions=False)


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.yaml"
    path.write_text("#cloud-config\nhostname: web_1\ninstall: {nousers: true}\n")
    return path


def test_warnings_alone_end_well() -> None:
    done = called("lint", NODE, WORKER)
    assert done.exit_code == 0, done.output
    assert "[locked-out]" in done.output
    assert "2 files: 0 errors, 1 warnings" in done.output


def test_an_error_ends_with_1_and_its_place(wrong: Path) -> None:
    done = called("lint", wrong)
    assert done.exit_code == 1
    assert f"{wrong}:2: error: hostname: 'web_1' is no host name [host-name]" in done.output


def test_json_has_every_finding(wrong: Path) -> None:
    [one] = json.loads(called("lint", "--json", wrong).output)
    assert (one["rule"], one["severity"], one["line"]) == ("host-name", "error", 2)


def test_a_part_is_not_asked_for_the_whole() -> None:
    assert called("lint", WORKER).exit_code == 1, "no admin in it"
    assert called("lint", "--fragment", WORKER).exit_code == 0


def test_what_is_rendered_is_what_a_node_merges() -> None:
    made = called("render", NODE, WORKER).output
    assert made.startswith("#cloud-config\n")
    assert yaml.safe_load(made)["k0s-worker"] == {"enabled": True, "args": ["--token-file", "/etc/k0s/token"]}


def test_files_are_written_whole(tmp_path: Path) -> None:
    done = called("render", NODE, "--for", "nocloud", "--out", tmp_path / "seed")
    assert done.exit_code == 0
    assert {path.name for path in (tmp_path / "seed").iterdir()} == {"user-data", "meta-data"}


def test_an_error_renders_nothing(wrong: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wrong\.yaml:2: hostname"):
        called("render", wrong, "--out", tmp_path / "seed")
    assert not (tmp_path / "seed").exists()


@pytest.mark.parametrize("name", ["", "A", "a.b", "-a", "a" * 57, "../x"])
def test_a_name_is_a_label(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no name of a machine"):
        called("render", NODE, "--name", name, "--out", tmp_path / "seed")


def test_the_profile_of_an_image_is_named_by_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert called("render", "--image", "debian-node").output == called("render", NODE).output
    assert "1 files: 0 errors" in called("lint", "--image", "debian-node").output
    assert called("render").exit_code == called("render", NODE, "--image", "debian-node").exit_code == 2
