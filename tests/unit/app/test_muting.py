"""A check that only warns for a time by a person's word: shown, over at its day, counted by policy (issue 16, 6)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from imagekit.app.keyring import create_key, public_pem, trust_key
from imagekit.app.muting import mute, mute_rows, mutes_in_force
from imagekit.app.patterns import require_patterns
from imagekit.app.people import Hand
from imagekit.base.errors import ConfigError
from imagekit.checks.known import UnknownCheckError
from imagekit.checks.outcome import CheckResult, Outcome, SuiteResult
from imagekit.config.load import Project, load_project
from imagekit.trust.evidence.decisions import Mute, mute_statement, read_mute
from imagekit.trust.evidence.statement import Statement, parse_statement
from imagekit.trust.gate.mutes import counting
from imagekit.trust.gate.policy import load_policy
from imagekit.trust.sign.interface import SignatureError
from imagekit.trust.sign.keys import PASSWORD_VARIABLE
from imagekit.trust.sign.trustfile import Purpose, TrustedKey
from tests.support.project import make_project
from tests.support.release import ADA, BOB, DAY, NOW, item, trust, trusted
from tests.unit.cli.test_exit_codes import imagekit

ENVIRON = {PASSWORD_VARIABLE: "correct horse"}
CHECK = "base/test_x.py::test_x"
FAILED = CheckResult(
    id=CHECK,
    layer="base",
    title="x holds",
    outcome=Outcome.FAILED,
    seconds=0.1,
    required=False,
    message="it did not",
    ticket="T-1",
    expires="2026-12-05",
    muted_by="Ada",
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = make_project(tmp_path / "project")
    checks = root / "vm-harness/checks/base"
    checks.mkdir(parents=True)
    (checks / "test_x.py").write_text('def test_x(host) -> None:\n    """x holds"""\n')
    return load_project(root)


def person(project: Project, *purposes: Purpose, name: str = "ada", holder: str | None = ADA) -> Hand:
    pem = public_pem(create_key(project, name, environ=ENVIRON))
    trust_key(project, TrustedKey(id=name, pem=pem, purposes=purposes, person=holder))
    return Hand(project=project, environ=ENVIRON)


def test_a_mute_is_a_signed_file_and_in_force(project: Project) -> None:
    path = mute(person(project, Purpose.WAIVE), f"live:{CHECK}", days=7, ticket="T-1", reason="lab has no AD")
    assert path.parent == project.root / "mutes"
    (one,) = mutes_in_force(project)
    day = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    assert (one.check, one.by, one.ticket, one.until) == (CHECK, ADA, "T-1", day)
    (row,) = mute_rows(project)
    assert (row.flaw, row.path) == ("", path.relative_to(project.root))


@pytest.mark.parametrize("name", ["base/test_x.py::test_xx", "test_x", "other/test_x.py::test_x"])
def test_a_check_that_is_not_there_cannot_be_muted(project: Project, name: str) -> None:
    with pytest.raises(UnknownCheckError) as caught:
        mute(person(project, Purpose.WAIVE), name, days=7, ticket="T-1")
    assert CHECK in caught.value.hint
    assert not (project.root / "mutes").exists()


def test_whoever_may_not_writes_nothing(project: Project) -> None:
    with pytest.raises(ConfigError, match="names nobody who may mute") as caught:
        mute(Hand(project=project, environ=ENVIRON), CHECK, days=7, ticket="T-1")
    assert "imagekit keys create NAME --purpose waive" in caught.value.hint
    with pytest.raises(ConfigError, match="names nobody who may mute"):
        mute(person(project, Purpose.APPROVE), CHECK, days=7, ticket="T-1")
    person(project, Purpose.WAIVE, name="bob", holder=BOB)
    with pytest.raises(SignatureError, match="holds key bob, not Ada"):
        mute(Hand(project=project, environ=ENVIRON, person=ADA), CHECK, days=7, ticket="T-1")
    assert not (project.root / "mutes").exists()


@pytest.mark.parametrize("how", ["stranger", "altered", "renamed check", "no check any more", "no mute"])
def test_a_file_that_does_not_count_says_why_and_mutes_nothing(project: Project, how: str) -> None:
    path = mute(person(project, Purpose.WAIVE), CHECK, days=7, ticket="T-1")
    match how:
        case "stranger":
            (project.root / "trust.yaml").unlink()
            person(project, Purpose.WAIVE, name="bob", holder=BOB)
        case "altered":
            path.write_text(path.read_text().replace('"payload":"e', '"payload":"f'))
        case "no mute":
            path.write_text("{}")
        case _:
            file = project.root / "vm-harness/checks/base/test_x.py"
            file.write_text(file.read_text().replace("test_x(", "test_new("))
    (row,) = mute_rows(project)
    assert row.flaw
    if "check" not in how:  # one that names no check is in force, and binds nothing
        assert mutes_in_force(project) == ()


def said(**changes: object) -> Mute:
    return replace(Mute(check=CHECK, person=ADA, ticket="T", expires=NOW + 7 * DAY), **changes)  # type: ignore[arg-type]


def altered(mute: Mute, old: bytes, new: bytes) -> Statement:
    return parse_statement(mute_statement(mute).to_bytes().replace(old, new))


@pytest.mark.parametrize(
    ("by", "statement", "counts"),
    [
        ("ada", mute_statement(said()), True),
        ("ada", mute_statement(said(person=BOB)), False),
        ("ours", mute_statement(said()), False),
        ("eve", mute_statement(said()), False),
        ("ada", mute_statement(said(expires=NOW)), False),
        ("ada", mute_statement(said(expires=NOW + 120 * DAY)), False),
        ("ada", altered(said(), b'test_x.py::test_x","exp', b'test_y.py::test_y","exp'), False),
        ("ada", altered(said(), b'"ticket":"T"', b'"ticket":" "'), False),
    ],
)
def test_who_may_mute_what_and_how_long(by: str, statement: Statement, counts: bool) -> None:
    assert bool(counting([item(by, statement, at=NOW - DAY)], NOW)) is counts


@pytest.mark.parametrize(
    "rights", [{"purposes": (Purpose.APPROVE,)}, {"purposes": (Purpose.WAIVE,), "channels": ("dev",)}]
)
def test_a_person_who_may_not_waive_mutes_nothing(rights: dict[str, Any]) -> None:
    """Not at all, or not for this channel; where no channel is asked about, the latter may."""
    key = trusted("ada", *rights["purposes"], person=ADA, channels=rights.get("channels", ()))
    one = item("ada", mute_statement(said()), at=NOW - DAY, store=trust([key]))
    assert counting([one], NOW, channel="prod") == []
    assert bool(counting([one], NOW)) is ("channels" in rights)


def test_what_is_written_reads_back() -> None:
    assert read_mute(mute_statement(said(reason="why"))) == said(reason="why")
    assert read_mute(altered(said(), b"base/test_x.py", b"base/test_z.py")) is None  # the subject is another check's


def test_every_report_shows_a_mute_whether_the_check_failed_or_not() -> None:
    passed = replace(FAILED, outcome=Outcome.PASSED, message="")
    suites = SuiteResult(
        suite_hash="0", checks=(FAILED, passed, replace(passed, required=True, muted_by="")), seconds=1.0
    )
    assert [check.caution for check in suites.cautions] == [
        "base failed: x holds, muted by Ada until 2026-12-05 (T-1): it did not",
        "base passed: x holds, muted by Ada until 2026-12-05 (T-1)",
    ]
    assert suites.passed


def test_the_command_writes_lists_and_asks_for_a_ticket(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "correct horse")
    person(project, Purpose.WAIVE)
    assert imagekit(project.root, "mute").stdout == "no check is muted\n"
    assert imagekit(project.root, "mute", CHECK).returncode == 2
    done = imagekit(project.root, "mute", CHECK, "--ticket", "OPS-1", "--days", "3", env=ENVIRON)
    assert done.returncode == 0, done.stderr
    assert (project.root / done.stdout.strip()).is_file()
    assert "(OPS-1)  counts  mutes/test_x-" in imagekit(project.root, "mute").stdout
    assert imagekit(project.root, "mute", CHECK, "--ticket", "T", "--days", "91").returncode == 2


POLICY = """\
version: 1
publish: {}
channels:
  prod:
    tests: {checks: ["%s"]}
    waivers: {never: ["%s"]}
"""


@pytest.mark.parametrize(
    ("checks", "never", "wrong"),
    [
        ("live:base/*", "*", ""),
        (f"live:{CHECK}", "scenario/install", ""),
        ("live:hygiene::*", "*", "tests.checks: 'live:hygiene::*'"),
        ("live:base/*", "live:ssh::*", "waivers.never: 'live:ssh::*'"),
        ("live:base/*", "scenario/instal", "waivers.never: 'scenario/instal'"),
    ],
)
def test_a_pattern_that_binds_nothing_is_an_error(project: Project, checks: str, never: str, wrong: str) -> None:
    (project.root / "policy.yaml").write_text(POLICY % (checks, never))
    if not wrong:
        require_patterns(project, load_policy(project.root))
        return
    with pytest.raises(ConfigError, match="matches no check") as caught:
        require_patterns(project, load_policy(project.root))
    assert str(caught.value).startswith(f"policy.yaml: prod: {wrong}")
    assert imagekit(project.root, "config", "check").returncode == 2


@pytest.mark.parametrize("tests", ["{scenarios: [instal]}", "{boot_paths: [life]}"])
def test_a_scenario_or_boot_path_that_is_not_there_is_an_error(project: Project, tests: str) -> None:
    (project.root / "policy.yaml").write_text(f"version: 1\npublish: {{}}\nchannels:\n  prod:\n    tests: {tests}\n")
    with pytest.raises(ConfigError, match="there is no '"):
        require_patterns(project, load_policy(project.root))
