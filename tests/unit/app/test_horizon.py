"""`imagekit horizon`, and the gate's requirement on certificates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imagekit.app.horizon import dated_of, horizon
from imagekit.cli import cli
from imagekit.config.load import Project, load_project
from imagekit.inventory.horizon import Expiry, Place
from imagekit.oci.reference import Digest, Reference
from imagekit.trust.finding import Status
from imagekit.trust.gate.evaluate import evaluate
from imagekit.trust.gate.expiring import certificates
from imagekit.trust.gate.model import Dated
from imagekit.trust.gate.policy import Certificates
from imagekit.trust.gate.view import View
from imagekit.trust.sign.trust import SKEW
from tests.support.inventories import Members, keep_build, put
from tests.support.project import commit, make_project
from tests.support.release import NOW, evidence, policy
from tests.unit.inventory.test_horizon import certificate

DAY = timedelta(days=1)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    root = make_project(tmp_path / "project")
    text = certificate("Fleet CA", 200).decode()
    (root / "fleet").mkdir()
    indented = "".join(f"    {line}\n" for line in text.splitlines())
    (root / "fleet/places.txt.yaml").write_text(f"ca: |\n{indented}")
    commit(root, "fleet", "2026-11-23T12:00:00+00:00")
    return load_project(root)


def ask(project: Project, *arguments: str, days: int = 0) -> Result:
    at = f"{datetime.now(UTC) + days * DAY:%Y-%m-%dT%H:%M:%S}"
    argv = ["--project", str(project.root), "horizon", "--at", at, *arguments]
    return CliRunner().invoke(cli, argv, standalone_mode=False)


def test_a_certificate_inside_of_yaml_with_a_turned_clock(project: Project) -> None:
    assert ask(project).return_value == 0
    warned = ask(project, days=150)
    assert warned.return_value == 0
    assert "warns: CN=Fleet CA" in warned.output
    blocked = ask(project, days=190)
    assert blocked.return_value == 1
    assert "fleet: fleet/places.txt.yaml" in blocked.output
    assert "expired" in ask(project, days=201).output


def test_the_image_is_looked_into(project: Project) -> None:
    def leaf(members: Members) -> None:
        put(members, "etc/k0s/leaf.pem", certificate("leaf", 5))

    build = keep_build(project, leaf)
    done = ask(project, str(build.digest))
    assert done.return_value == 1
    assert "blocks: CN=leaf" in done.output
    asked = dated_of(project, Reference.parse("registry.example/x/small-node"))
    assert [each.where for each in asked(build.digest).certificates if each.place is Place.IMAGE] == [
        "/etc/k0s/leaf.pem"
    ]
    assert asked(Digest.of(b"another")).problem != "", "an image that cannot be had is not one without certificates"


def test_a_channel_without_the_rule_is_said(project: Project) -> None:
    assert getattr(ask(project, "--channel", "dev").exception, "exit_code", None) == 2
    text = "version: 1\npublish: {}\nchannels:\n  dev:\n    certificates: {warn: 300d, block: 199d}\n"
    (project.root / "policy.yaml").write_text(text)
    assert ask(project, "--channel", "dev").return_value == 0
    assert ask(project, "--channel", "dev", days=2).return_value == 1


@pytest.mark.parametrize("control", ["SSH-18", "rule_no_root"])
def test_a_waived_hardening_control_is_required_again(project: Project, control: str) -> None:
    path = project.root / "images/base/layer.yaml"
    waived = f'{{control: {control}, until: 2027-11-30, reason: "brought by another layer"}}'
    path.write_text(path.read_text() + f"hardening: {{waived: [{waived}]}}\n")
    rows = [each for each in horizon(load_project(project.root), None) if "hardening" in each.what]
    assert [(each.what, each.where, f"{each.until:%Y-%m-%d}") for each in rows] == [
        (f"waiver of hardening {control}", "images/base/layer.yaml", "2027-11-30")
    ]


def test_a_key_that_ends(project: Project) -> None:
    from imagekit.app.trusted import keys_of

    keys_of(project).signer()
    pem = "".join(f"      {line}\n" for line in keys_of(project).public_path.read_text().splitlines())
    ends = f"{datetime.now(UTC) + 10 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    text = f"version: 1\nkeys:\n  - id: own\n    pem: |\n{pem}    purposes: [build]\n    not_after: {ends}\n"
    (project.root / "trust.yaml").write_text(text)
    done = ask(project)
    assert done.return_value == 1, done.exception
    assert "blocks: key own ends" in done.output


def judged(dated: Dated | None, wanted: Certificates | None = None) -> tuple[bool, str]:
    view = View(evidence=replace(evidence(), dated=dated), channel="prod", now=NOW, skew=SKEW)
    [answer] = certificates(view, wanted or Certificates())
    return answer.status is Status.SATISFIED, answer.reason


def ends(*days: float, place: Place = Place.IMAGE) -> Sequence[Expiry]:
    return tuple(Expiry(place=place, what=f"CN={each}", where="/x", until=NOW + each * DAY) for each in days)


def test_the_gate() -> None:
    assert judged(Dated(certificates=tuple(ends(100)))) == (True, "none of 1 ends within 14d")
    good, reason = judged(Dated(certificates=tuple(ends(20, 100))))
    assert good
    assert "warns: CN=20" in reason
    for days in (13, -1):
        assert not judged(Dated(certificates=tuple(ends(days))))[0]
    assert judged(Dated(certificates=tuple(ends(-1, place=Place.BUNDLE))))[0]
    assert judged(Dated(certificates=tuple(ends(13))), Certificates(block="7d"))[0]
    for dated in (None, Dated(problem="registry down")):
        good, reason = judged(dated)
        assert not good
        assert "could not be told" in reason
    names = {each.name for each in evaluate(policy(), "prod", evidence(), NOW).findings}
    assert "certificates" not in names, "a policy that does not ask"


def test_the_gate_says_why_it_could_not_be_told() -> None:
    assert judged(None) == (False, "could not be told: nobody looked")
    assert judged(Dated(problem="registry down")) == (False, "could not be told: registry down")


@pytest.mark.parametrize(("many", "more"), [(3, ""), (4, "; and 1 more"), (5, "; and 2 more")])
def test_the_gate_names_three_that_block_and_counts_the_others(many: int, more: str) -> None:
    named = (f"blocks: CN={day} ends {NOW + day * DAY:%Y-%m-%d} (in {day} days), image: /x" for day in (1, 2, 3))
    assert judged(Dated(certificates=tuple(ends(*range(1, many + 1))))) == (False, "; ".join(named) + more)


def test_the_gate_names_three_that_warn_by_the_policys_own_time() -> None:
    dated = Dated(certificates=tuple(ends(21, 22, 23, 24, 100)))
    named = (f"warns: CN={day} ends {NOW + day * DAY:%Y-%m-%d} (in {day} days), image: /x" for day in (21, 22, 23))
    assert judged(dated, Certificates(warn="30d")) == (True, "none of 5 ends within 14d; " + "; ".join(named))
    assert judged(dated, Certificates(warn="20d")) == (True, "none of 5 ends within 14d")


def test_the_finding_is_about_certificates() -> None:
    for dated in (None, Dated(certificates=tuple(ends(1))), Dated(certificates=tuple(ends(100)))):
        view = View(evidence=replace(evidence(), dated=dated), channel="prod", now=NOW, skew=SKEW)
        assert [each.name for each in certificates(view, Certificates())] == ["certificates"]
        assert certificates(view, None) == []


def test_what_imagekit_brings_itself_is_no_certificate_that_cannot_be_read() -> None:
    """Its own scripts speak of certificates; a night whose horizon says that one is damaged is never quiet."""
    found = horizon(load_project(Path(__file__).parents[3]), None)
    assert [each.where for each in found if each.until is None] == []
    assert any(each.where.startswith("images/ca-trust/files/") for each in found)
