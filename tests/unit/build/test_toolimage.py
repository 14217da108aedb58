"""What docker is told to build imagekit's own image; the build itself is bin/container's (docs/hosts.md)."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.build import toolimage
from tests.support.evil import EVIL
from tests.support.project import make_project

ROOT = Path(__file__).parents[3]


def built(environ: dict[str, str], folder: Path = Path("/p")) -> list[str]:
    return toolimage.arguments(folder, folder / "distro", folder / "source", folder / "out.tar", environ)


def test_the_settings_of_pip_are_a_secret(tmp_path: Path) -> None:
    """An index's address, and what may be in it, stays out of the image."""
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = https://user:word@pip.example/\n")
    argv = built({"PIP_CONFIG_FILE": str(settings), "HOME": "/nowhere"})
    assert argv[argv.index("--secret") + 1] == f"id=pip,src={settings}"
    assert "pip.example" not in " ".join(argv)


def test_a_named_file_wins_over_the_users_own(tmp_path: Path) -> None:
    own = tmp_path / ".config/pip/pip.conf"
    own.parent.mkdir(parents=True)
    own.touch()
    assert toolimage._pip_settings({"HOME": str(tmp_path)}) == own
    assert toolimage._pip_settings({"HOME": str(tmp_path), "PIP_CONFIG_FILE": str(tmp_path / "gone")}) == own


def test_the_authorities_of_the_builder_are_a_secret_too(tmp_path: Path) -> None:
    """pip stopped at a mirror behind a private authority: an image trusts the public ones alone."""
    bundle = tmp_path / "corporate,2026.pem"
    bundle.touch()
    argv = built({"PIP_CERT": str(bundle), "HOME": "/nowhere"})
    assert f'id=authorities,"src={bundle}"' in argv
    assert toolimage._authorities({"PIP_CERT": str(tmp_path / "gone"), "SSL_CERT_FILE": str(bundle)}) == bundle
    text = (ROOT / "container/Dockerfile").read_text()
    assert "id=authorities,target=/run/authorities.pem" in text


def test_a_proxy_goes_in_by_name_only() -> None:
    argv = built({"HTTPS_PROXY": "http://proxy.example:3128", "HOME": "/nowhere"})
    assert "--build-arg=HTTPS_PROXY" in argv
    assert "proxy.example" not in " ".join(argv)


def test_every_path_is_one_field(tmp_path: Path) -> None:
    """W5: a folder with commas and quotes."""
    argv = built({"HOME": "/nowhere"}, tmp_path / EVIL)
    output = next(csv.reader([argv[argv.index("--output") + 1]]))
    assert output[2] == f"dest={tmp_path / EVIL / 'out.tar'}"


def test_only_what_is_committed_gets_in(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project")
    (root / ".env").write_text("PASSWORD=1")
    into = tmp_path / "into"
    into.mkdir()
    toolimage._committed(root, into)
    assert (into / "images/images.yaml").exists()
    assert not (into / ".env").exists()
    assert not (into / ".git").exists()


def test_the_dockerfile_installs_by_bin_setup_and_keeps_no_lists() -> None:
    """One list of packages for hosts and for the image."""
    text = (ROOT / "container/Dockerfile").read_text()
    assert "bin/setup run" in text
    assert "apt-get install" not in text


@pytest.mark.parametrize("arguments", [[], ["one", "two"]])
def test_the_script_wants_one_file(arguments: list[str]) -> None:
    assert "usage: bin/container FILE" in run([ROOT / "bin/container", *arguments], timeout=20, ok=(2,)).stderr
