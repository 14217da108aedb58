"""What the gate says of known vulnerabilities: nothing known is never the same as nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from imagekit.cve.errors import NoAdvisoriesError
from imagekit.cve.model import Advisories, Advisory
from imagekit.cve.sbom import packages_of_sbom
from imagekit.cve.vex import Statement as Vex
from imagekit.trust.finding import Status
from imagekit.trust.gate.evaluate import evaluate
from imagekit.trust.gate.model import Scanned
from imagekit.trust.gate.policy import Vulnerabilities
from imagekit.trust.gate.view import View
from imagekit.trust.gate.vulnerable import scan_evidence, vulnerabilities
from imagekit.trust.sign.trust import SKEW
from tests.support.release import NOW, evidence, policy

DISTRO = "debian-13"


def view(scanned: Scanned | None = None) -> View:
    return View(evidence=replace(evidence(), scanned=scanned), channel="prod", now=NOW, skew=SKEW)


def advisories(*found: Advisory, as_of: datetime = NOW, package: str = "glibc") -> Advisories:
    return Advisories(distro=DISTRO, by_name={package: found}, as_of=as_of, said=("test",))


def judged(wanted: Vulnerabilities, *found: Advisory, age: timedelta = timedelta(0), vex: Sequence[Vex] = ()) -> str:
    """The reason, after + or -."""
    scanned = scan_evidence(view(), lambda _distro: advisories(*found, as_of=NOW - age), vex)
    [answer] = vulnerabilities(view(scanned), wanted)
    return ("+" if answer.status is Status.SATISFIED else "-") + answer.reason


FIXABLE = Advisory(cve="CVE-1", fixed="99", urgency="high")
UNFIXED = Advisory(cve="CVE-2")
UNDETERMINED = Advisory(cve="CVE-3", undetermined=True)
UNIMPORTANT = Advisory(cve="CVE-4", urgency="unimportant")


@pytest.fixture(autouse=True)
def _of_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages of the sample's bill of materials say which release they are of."""
    monkeypatch.setattr(
        "imagekit.trust.gate.vulnerable.packages_of_sbom",
        lambda document: tuple(replace(each, distro=DISTRO) for each in packages_of_sbom(document)),
    )


@pytest.mark.parametrize(
    ("wanted", "found", "good"),
    [
        (Vulnerabilities(), (), True),
        (Vulnerabilities(), (FIXABLE,), False),
        (Vulnerabilities(fixable=1), (FIXABLE,), True),
        (Vulnerabilities(fixable=None), (FIXABLE,), True),
        (Vulnerabilities(fixable=None, grave=0), (FIXABLE,), False),
        (Vulnerabilities(), (UNFIXED, UNDETERMINED, UNIMPORTANT), True),
        (Vulnerabilities(unfixed=0), (UNFIXED,), False),
        (Vulnerabilities(undetermined=0), (UNDETERMINED,), False),
        (Vulnerabilities(unfixed=0, undetermined=0, grave=0), (UNIMPORTANT,), True),
    ],
)
def test_thresholds(wanted: Vulnerabilities, found: tuple[Advisory, ...], good: bool) -> None:
    answer = judged(wanted, *(found or (Advisory(cve="CVE-0", fixed="0.1"),)))
    assert answer.startswith("+" if good else "-"), answer


def test_old_data_tell_nothing() -> None:
    assert judged(Vulnerabilities(data_age="3d"), FIXABLE, age=timedelta(days=3)).startswith("-1 with a fix")
    answer = judged(Vulnerabilities(fixable=None, data_age="3d"), FIXABLE, age=timedelta(days=3, seconds=1))
    assert answer == "-could not be told: the advisories are 3 days old, 3d are allowed"


@pytest.mark.parametrize("scanned", [None, Scanned(problem="the mirror is down")])
def test_without_a_scan_the_gate_stays_closed(scanned: Scanned | None) -> None:
    [answer] = vulnerabilities(view(scanned), Vulnerabilities(fixable=None))
    assert answer.status is Status.UNSATISFIED
    assert "could not be told" in answer.reason


def test_a_policy_that_does_not_ask_gets_no_answer() -> None:
    assert vulnerabilities(view(), None) == []
    assert "vulnerabilities" not in {each.name for each in evaluate(policy(), "prod", evidence(), NOW).findings}


def test_a_bill_of_materials_that_nobody_trusts_is_not_scanned() -> None:
    bare = replace(view(), evidence=replace(evidence(), items=()))
    scanned = scan_evidence(bare, lambda _distro: advisories(FIXABLE), ())
    assert scanned.scan is None
    assert "there is no cyclonedx bill of materials" in scanned.problem


def test_a_source_that_cannot_be_read_is_no_clean_image() -> None:
    def load(_distro: str) -> Advisories:
        raise NoAdvisoriesError("down")

    with pytest.raises(NoAdvisoriesError):
        scan_evidence(view(), load, ())
