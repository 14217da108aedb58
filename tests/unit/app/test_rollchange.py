"""A roll of nodes whose channel demands a change record: asked before each wave, kept as evidence, named in Git."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from imagekit.app.keyring import create_key, public_pem, trust_key
from imagekit.app.rolling import advance, begin, planned, resumed, surroundings, turned_back
from imagekit.app.trusted import trust_of
from imagekit.base.errors import ConfigError
from imagekit.cli import cli
from imagekit.oci.reference import Digest
from imagekit.provision.roll.model import Phase, RollError, RollRecord
from imagekit.trust.change.model import CHANGE_TYPE, ChangeError
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.keys import PASSWORD_VARIABLE
from imagekit.trust.sign.trustfile import Purpose, TrustedKey
from tests.support.fleetsite import FleetSite, open_fleet_site
from tests.support.registry import simulated_registry
from tests.support.releasestates import ReleaseStates

POLICY = """\
version: 1
publish: {embedded: true}
channels:
  dev: {embedded: true, tests: null, sbom: [], provenance: {required: false}}
  prod:
    embedded: true
    tests: null
    sbom: []
    provenance: {required: false}
    change: {provider: {run: tools/change, seconds: 5}, emergency: null}
"""


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: int) -> Iterator[FleetSite]:
    monkeypatch.setenv(PASSWORD_VARIABLE, "a password of tests")
    with simulated_registry(port=port) as simulator:
        site = open_fleet_site(tmp_path, simulator)
        (site.root / "policy.yaml").write_text(POLICY)
        path = site.root / "fleet" / "site.yaml"
        path.write_text(path.read_text().replace("w-[1-4]", "w-1").replace("10.0.0.[1-4]", "10.0.0.1"))
        entry = TrustedKey(
            id="roller", pem=public_pem(create_key(site.project, "roller")), purposes=(Purpose.BUILD, Purpose.PROMOTE)
        )
        trust_key(site.project, entry)
        site.commit("policy and a key")
        yield site


@pytest.fixture
def pair(fleet: FleetSite, states: ReleaseStates) -> tuple[Digest, Digest]:
    """What nodes run, and what they shall run; both are in the channel."""

    def make() -> tuple[Digest, Digest]:
        old = fleet.publish("v1", "prod")
        fleet.render()
        return old, fleet.publish("v2", "prod")

    return states.begin("roll with a change", fleet.release, make)


def system(fleet: FleetSite, *digests: Digest, state: str = "open", approvals: int = 1) -> None:
    """The change system's answer, in a committed program of the project, which counts how often it was asked."""
    people = [{"person": f"P{number} <p{number}@bank.example>"} for number in range(approvals)]
    answer = {"version": 1, "id": "CHG7", "state": state, "digests": [*map(str, digests)], "approvals": people}
    path = fleet.root / "tools" / "change"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        f"#!/bin/sh\ncat > /dev/null; echo asked >> {fleet.root}/../asked; cat <<'END'\n{json.dumps(answer)}\nEND\n"
    )
    path.chmod(0o755)
    fleet.commit("change system")


def asked(fleet: FleetSite) -> int:
    path = fleet.root.parent / "asked"
    return len(path.read_text().splitlines()) if path.exists() else 0


def roll(fleet: FleetSite, record: RollRecord, *, new: bool = True) -> RollRecord:
    with fleet.site.held(), surroundings(fleet.site, record, {}, wait=False) as around:
        return begin(record, around) if new else advance(record, around)


def test_each_wave_asks_and_the_answer_is_kept(fleet: FleetSite, pair: tuple[Digest, Digest]) -> None:
    system(fleet, pair[1])
    done = roll(fleet, planned(fleet.site, *pair, change="CHG7"))
    assert done.phase is Phase.DONE
    assert asked(fleet) == len(done.waves)
    subjects = [line for line in fleet.log() if "wave" in line]
    assert subjects[0] == "fleet: remove w-1 of risk (wave 1 of 2, CHG7)"
    with fleet.release.registry(fleet.release.simulator.address) as client:
        verifier = trust_of(fleet.project).verifier(Purpose.PROMOTE)
        kept = read_proof(client, "imagekit/prod/node", pair[1], verifier).of_type(CHANGE_TYPE)
    assert [each.predicate["id"] for each in kept] == ["CHG7"], "the same answer is kept once"
    assert fleet.site.record is not None
    assert fleet.site.record.change == "CHG7"


@pytest.mark.attack
@pytest.mark.parametrize(
    ("change", "digests", "state", "approvals", "word"),
    [
        ("", "new", "open", 1, "no change record was named"),
        ("CHG7", "new", "closed", 1, "CHG7 is closed"),
        ("CHG7", "new", "pending", 1, "CHG7 is pending"),
        ("CHG7", "old", "open", 1, "not this digest"),
        ("CHG7", "both", "open", 1, "names 2 digests"),
        ("CHG7", "new", "open", 0, "approved by 0 of 1 persons"),
        ("CHG8", "new", "open", 1, "the answer is about CHG7"),
    ],
)
def test_without_a_record_that_holds_nothing_is_committed(
    fleet: FleetSite, pair: tuple[Digest, Digest], change: str, digests: str, state: str, approvals: int, word: str
) -> None:
    named = {"new": pair[1:], "old": pair[:1], "both": pair}[digests]
    system(fleet, *named, state=state, approvals=approvals)
    before = fleet.log()
    with pytest.raises(RollError, match=word) as caught:
        roll(fleet, planned(fleet.site, *pair, change=change))
    assert caught.value.hint
    assert fleet.log() == before


def test_a_change_that_closes_half_way_stops_there_and_another_goes_on(
    fleet: FleetSite, pair: tuple[Digest, Digest]
) -> None:
    system(fleet, pair[1])
    record = planned(fleet.site, *pair, change="CHG7")
    with fleet.site.held(), surroundings(fleet.site, record, {}, wait=False) as around:
        commit = around.commit

        def closing(made: RollRecord, message: str) -> None:
            commit(made, message)
            if made.done == 1:
                system(fleet, pair[1], state="closed")

        object.__setattr__(around, "commit", closing)
        with pytest.raises(RollError, match="CHG7 is closed"):
            begin(record, around)
    stopped = resumed(fleet.site)
    assert (stopped.done, stopped.change) == (1, "CHG7")
    system(fleet, pair[1])
    assert roll(fleet, resumed(fleet.site, change="CHG7"), new=False).phase is Phase.DONE


def test_going_back_needs_no_record(fleet: FleetSite, pair: tuple[Digest, Digest]) -> None:
    system(fleet, pair[1])
    roll(fleet, planned(fleet.site, *pair, change="CHG7"))
    system(fleet, pair[1], state="closed")
    before = asked(fleet)
    assert roll(fleet, turned_back(fleet.site), new=False).phase is Phase.TAKEN_BACK
    assert asked(fleet) == before
    assert "CHG7" not in fleet.log()[-1]


@pytest.mark.attack
def test_a_provider_that_nobody_committed_decides_nothing(fleet: FleetSite, pair: tuple[Digest, Digest]) -> None:
    system(fleet, pair[0], state="closed")
    path = fleet.root / "tools" / "change"
    path.write_text(path.read_text().replace("closed", "open").replace(str(pair[0]), str(pair[1])))
    with pytest.raises(ConfigError, match="tools/change"):
        roll(fleet, planned(fleet.site, *pair, change="CHG7"))


def test_a_channel_that_asks_for_none_rolls_without(fleet: FleetSite) -> None:
    path = fleet.root / "fleet" / "site.yaml"
    path.write_text(path.read_text().replace("channel: prod", "channel: dev"))
    fleet.commit("dev")
    old = fleet.publish("v1", "dev")
    fleet.render()
    new = fleet.publish("v2", "dev")
    done = roll(fleet, planned(fleet.site, old, new))
    assert done.phase is Phase.DONE
    assert "CHG" not in fleet.log()[-1]


def test_the_command_line(fleet: FleetSite, pair: tuple[Digest, Digest]) -> None:
    def call(*words: str) -> Result:
        return CliRunner().invoke(cli, ["--project", str(fleet.root), "provision", "roll", *words])

    system(fleet, pair[1])
    ends = ("--from", str(pair[0]), "--to", str(pair[1]))
    assert "no change record was named" in str(call(*ends).exception)
    odd = call(*ends, "--change", "CHG 7; rm")
    assert isinstance(odd.exception, ChangeError)
    assert isinstance(call("--back", "--change", "CHG7").exception, ConfigError)
    assert call(*ends, "--change", "CHG7").exit_code == 0
