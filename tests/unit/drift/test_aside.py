"""What differs between two builds that are kept, for the text that offers the newer one."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.config.load import Project, load_project
from imagekit.drift import aside
from imagekit.inventory.compare import Change, ChangeKind, Comparison
from tests.support.inventories import Members, keep_build, put
from tests.support.project import make_project
from tests.unit.app.test_diff import change_sources


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(make_project(tmp_path))


def test_what_packages_bring_along_is_told_and_they_themselves_are_not(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packages stand above it already, each with its layer."""
    old = keep_build(project)

    def changed(members: Members) -> None:
        put(members, "etc/sysctl.d/90-new.conf", b"kernel.sysrq = 1\n")

    project = change_sources(project, "two")
    new = keep_build(project, changed)
    told = aside.told_difference(project, str(old.digest), str(new.digest))
    assert "kernel.sysrq" in told.replace("\\", "")
    assert told.startswith("Changes from `")

    class Found:
        a = b = type("Side", (), {"inventory": type("I", (), {"version": "v1", "digest": "sha256:1"})})
        comparison = Comparison(changes=(Change(kind=ChangeKind.PACKAGE, name="x", text="package x 1 to 2"),), files=())

    monkeypatch.setattr(aside, "diff", lambda *_arguments: Found)
    assert aside.told_difference(project, "a", "b").startswith("Beside these packages nothing differs between `v1")


def test_of_a_build_that_is_not_kept_nothing_is_told(project: Project) -> None:
    assert aside.told_difference(project, "sha256:" + "1" * 64, "sha256:" + "2" * 64) == ""
