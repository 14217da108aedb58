"""What mmdebstrap is given to make the root file system from."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.base.process import ProcessError
from imagekit.build import distro
from imagekit.build.mirror import Mirror, MirrorError
from imagekit.config.load import Project, load_project
from imagekit.config.settings import AptArchive, Settings
from imagekit.plan.asks import distro_file
from imagekit.plan.resolve import make_plan
from tests.support.project import make_project

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDMEZ0\n=abcd\n-----END PGP PUBLIC KEY BLOCK-----\n"
KEYED = AptArchive(uri="https://deb.example.org/company", suite="stable", components=("main", "extra"), key="co.asc")
SECURITY = AptArchive(uri="https://deb.example.org/security/", suite="trixie-security", key=None)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = load_project(make_project(tmp_path))
    (tmp_path / "co.asc").write_text(KEY)
    return replace(project, settings=Settings(version=1, apt_archives=(KEYED, SECURITY)))


def test_a_floating_base_has_the_archives_and_their_keys(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distro, "debian_mirror", lambda _configured: Mirror("http://m.example/debian"))
    given = distro.mirrors(project, make_plan(project, "small-node"), distro_file(project), tmp_path)
    assert given[0] == "deb http://m.example/debian trixie main"
    assert given[1].endswith("https://deb.example.org/security trixie-security main")
    assert (tmp_path / distro.ARCHIVES).read_text() == (
        "Types: deb\nURIs: https://deb.example.org/company\nSuites: stable\nComponents: main extra\nSigned-By:\n"
        " -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDMEZ0\n =abcd\n -----END PGP PUBLIC KEY BLOCK-----\n"
    )
    assert given[2:] == [str(tmp_path / distro.ARCHIVES)]


_SAID = """\
I: running apt-get update...
Err:1 http://m.example stable InRelease
E: Failed to fetch http://m.example/dists/stable/InRelease  Could not connect to m.example:80 (192.0.2.1). - connect
E: Some index files failed to download. They have been ignored, or old ones used instead.
E: mmdebstrap failed to run
"""


@pytest.mark.parametrize(
    ("stderr", "locked", "message"),
    [
        (_SAID, False, "the base trixie cannot be made of what archives have: http://m.example/dists/stable/InRel"),
        (_SAID, True, "exit status 25"),
        ("E: unable to execute: no such program\n", False, "exit status 25"),
    ],
)
def test_an_archive_that_is_down_is_named(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, locked: bool, message: str
) -> None:
    """And not the whole command line, in which everything else stands, too."""

    def refuse(*_: object, **__: object) -> None:
        raise ProcessError("exit status 25: mmdebstrap ...", returncode=25, stdout="", stderr=stderr)

    monkeypatch.setattr(distro, "run", refuse)
    monkeypatch.setattr(distro, "mirrors", lambda *_: ["deb http://m.example stable main"])
    plan = replace(make_plan(project, "small-node"), locked=locked)
    with pytest.raises(ToolError) as caught:
        distro.distro_context(project, plan)
    assert str(caught.value).startswith(message)
    assert ("--locked" in caught.value.hint) is isinstance(caught.value, MirrorError)


def test_another_archive_or_key_is_another_floating_base(project: Project) -> None:
    def base(settings: Settings) -> str:
        return make_plan(replace(project, settings=settings), "small-node").stage("distro").id

    first, plain = base(project.settings), base(Settings(version=1))
    assert first != plain
    (project.root / "co.asc").write_text(KEY.replace("mDMEZ0", "mDMEZ1"))
    assert base(project.settings) not in (first, plain)


@pytest.mark.parametrize(
    ("pockets", "security", "archives", "said"),
    [
        (("trixie-updates", "trixie-security"), "", (KEYED,), True),
        (("trixie-updates", "trixie-security"), "", (KEYED, SECURITY), False),
        (("trixie-updates", "trixie-security"), "http://m.example/debian-security", (), False),
        (("trixie-updates",), "", (), False),
        (("bookworm-security",), "", (SECURITY,), True),
    ],
)
def test_a_security_suite_that_is_left_out_is_said(
    project: Project,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    pockets: tuple[str, ...],
    security: str,
    archives: tuple[AptArchive, ...],
    said: bool,
) -> None:
    monkeypatch.setattr(distro, "debian_mirror", lambda _configured: Mirror("http://m.example/debian", security))
    project = replace(project, settings=Settings(version=1, apt_archives=archives))
    spec = distro_file(project).model_copy(update={"pockets": pockets})
    with caplog.at_level(logging.INFO, "imagekit"):
        distro.mirrors(project, make_plan(project, "small-node"), spec, tmp_path)
    told = [record.getMessage() for record in caplog.records if "no archive is known for" in record.getMessage()]
    assert len(told) == said
    assert all(pockets[-1] in text and "trixie-updates" not in text for text in told)
