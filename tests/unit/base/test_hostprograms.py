"""Programs of this host: where they are looked for, and what is said when they are not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.hostprograms import ASSETS, find_programs
from imagekit.base.process import ProgramMissingError


def made(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch(mode=0o755)
    return folder


def test_the_folder_that_is_named_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assets, path = made(tmp_path / "assets", "etcd"), made(tmp_path / "path", "etcd", "kube-apiserver")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setenv(ASSETS, str(assets))
    found = find_programs(["etcd", "kube-apiserver"])
    assert found == {"etcd": assets / "etcd", "kube-apiserver": path / "kube-apiserver"}


def test_a_link_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In another root the link's own folder is not there."""
    real = made(tmp_path / "real", "etcd") / "etcd"
    (made(tmp_path / "path") / "etcd").symlink_to(real)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.delenv(ASSETS, raising=False)
    assert find_programs(["etcd"]) == {"etcd": real}


def test_all_that_is_missing_is_named_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(made(tmp_path / "path", "b")))
    monkeypatch.delenv(ASSETS, raising=False)
    with pytest.raises(ProgramMissingError, match=r"program not found: a and c$") as caught:
        find_programs(["a", "b", "c"], more="Or else.")
    assert "into PATH" in caught.value.hint
    assert caught.value.hint.endswith(". Or else.")
