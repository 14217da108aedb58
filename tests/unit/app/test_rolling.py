"""Rendering, planning and rolling a project's fleet: its own ledger, its own git, one commit a wave."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.app.provisioning import inputs_of
from imagekit.app.rolling import (
    advance,
    back_at_once,
    begin,
    committed_tree,
    planned,
    rendered,
    surroundings,
    turned_back,
    under_way,
)
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.base.process import run
from imagekit.base.waiting import Deadline, wait_until
from imagekit.fleet.resolve import nodes_of
from imagekit.oci.reference import Digest
from imagekit.provision.plan import Kind, as_json, changes, machines_in
from imagekit.provision.render import render
from imagekit.provision.roll.model import Phase, RollError, RollRecord
from imagekit.provision.write import ForeignFileError, compare, write_tree
from imagekit.release.channel.needs import needed
from imagekit.release.ledger.store import LedgerBusyError
from tests.support.fleetsite import FleetSite, open_fleet_site
from tests.support.project import git
from tests.support.registry import simulated_registry
from tests.support.releasestates import ReleaseStates


@pytest.fixture
def fleet(tmp_path: Path, port: int) -> Iterator[FleetSite]:
    with simulated_registry(port=port) as simulator:
        yield open_fleet_site(tmp_path, simulator)


@pytest.fixture
def old(fleet: FleetSite, states: ReleaseStates) -> Digest:
    """What the nodes run; the tree is rendered."""

    def make() -> Digest:
        digest = fleet.publish("v1", "prod")
        fleet.render()
        return digest

    return states.begin("rolling, old", fleet.release, make)


@pytest.fixture
def pair(fleet: FleetSite, states: ReleaseStates, request: pytest.FixtureRequest) -> tuple[Digest, Digest]:
    """What the nodes run, and what they shall run; both are in the channel."""

    def make() -> tuple[Digest, Digest]:
        before: Digest = request.getfixturevalue("old")
        return before, fleet.publish("v2", "prod")

    return states.begin("rolling, pair", fleet.release, make)


def standing(fleet: FleetSite) -> set[str]:
    """What the nodes are meant to run by the tree of HEAD."""
    site = fleet.site
    return set(machines_in(committed_tree(site, inputs_of(fleet.project).fleet)).values())


def head(root: Path) -> str:
    """The commit that a repository is at."""
    return run(["git", "rev-parse", "HEAD"], timeout=20, cwd=root).stdout


def roll(fleet: FleetSite, record: RollRecord, *, new: bool = True) -> RollRecord:
    with fleet.site.held(), surroundings(fleet.site, record, {}, wait=False) as around:
        return begin(record, around) if new else advance(record, around)


def test_a_roll_is_one_commit_a_wave_and_ends_in_the_tree_that_rendering_gives(
    fleet: FleetSite, pair: tuple[Digest, Digest]
) -> None:
    old, new = pair
    plan = changes(committed_tree(fleet.site, inputs_of(fleet.project).fleet), render(inputs_of(fleet.project)))
    assert [(each.node, each.kind) for each in plan.nodes] == [
        (f"w-{number}", Kind.REPLACED) for number in (1, 2, 3, 4)
    ]
    before = len(fleet.log())
    record = planned(fleet.site, old, new)
    done = roll(fleet, record)
    assert (done.phase, done.done) == (Phase.DONE, 6)
    assert fleet.log()[before:] == [
        f"fleet: {word} (wave {number} of 6)"
        for number, word in enumerate(
            [
                *("remove w-1 of risk", "create w-1 of risk", "remove w-2, w-3 of risk", "create w-2, w-3 of risk"),
                *("remove w-4 of risk", "create w-4 of risk"),
            ],
            start=1,
        )
    ]
    assert standing(fleet) == {str(new)}
    assert not compare(fleet.root / "provision", render(inputs_of(fleet.project))), "a render of HEAD changes nothing"
    text = (fleet.root / "fleet" / "roll.yaml").read_text()
    assert f'"w-[1-4]": {{digest: {new}}}' in text
    assert fleet.site.record == done


def test_nodes_stay_on_the_old_digest_until_their_wave_although_the_channel_moved(
    fleet: FleetSite, pair: tuple[Digest, Digest]
) -> None:
    old, new = pair
    record = planned(fleet.site, old, new)
    tree, text = rendered(fleet.site, record.model_copy(update={"done": 2}))
    assert machines_in(tree) == {"w-1": str(new), **{f"w-{number}": str(old) for number in (2, 3, 4)}}
    files = {**fleet.site.texts(), "fleet/roll.yaml": text}
    assert nodes_of(files, [])["w-4"] == old


@pytest.mark.attack
def test_it_stops_and_is_resumed_or_taken_back(fleet: FleetSite, pair: tuple[Digest, Digest]) -> None:
    old, new = pair
    (fleet.root / "hooks" / "health").write_text("#!/bin/sh\nexit 1\n")
    fleet.commit("the health hook is broken")
    with pytest.raises(RollError, match="hooks/health ended with status 1"):
        roll(fleet, planned(fleet.site, old, new))
    assert standing(fleet) == {str(old)}
    git(fleet.root, "revert", "--no-edit", "HEAD")
    record = planned(fleet.site, old, new)
    with surroundings(fleet.site, record, {}, wait=False) as around:
        commit = around.commit

        def killed(made: RollRecord, message: str) -> None:
            commit(made, message)
            if made.done == 4:
                raise KeyboardInterrupt

        object.__setattr__(around, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            begin(record, around)
    assert under_way(fleet.site).done == 4
    with pytest.raises(RollError, match="is under way, 4 of 6 waves"):
        planned(fleet.site, old, new)
    assert roll(fleet, under_way(fleet.site), new=False).phase is Phase.DONE
    assert standing(fleet) == {str(new)}
    back = turned_back(fleet.site)
    assert roll(fleet, back, new=False).phase is Phase.TAKEN_BACK
    assert standing(fleet) == {str(old)}
    with pytest.raises(RollError, match="no roll to take back"):
        turned_back(fleet.site)


def test_all_of_it_goes_back_in_one_commit(fleet: FleetSite, old: Digest) -> None:
    before = committed_tree(fleet.site, inputs_of(fleet.project).fleet)
    new = fleet.publish("v2", "prod")
    roll(fleet, planned(fleet.site, old, new))
    count = len(fleet.log())
    back_at_once(fleet.site, turned_back(fleet.site))
    assert len(fleet.log()) == count + 1
    assert committed_tree(fleet.site, inputs_of(fleet.project).fleet) == before, "byte for byte"


@pytest.mark.attack
def test_nodes_are_rolled_away_from_a_digest_that_was_withdrawn(fleet: FleetSite, pair: tuple[Digest, Digest]) -> None:
    old, new = pair
    fleet.yank(old)
    done = roll(fleet, planned(fleet.site, old, new))
    assert (done.withdrawn, done.phase) == (True, Phase.DONE)
    tree = committed_tree(fleet.site, inputs_of(fleet.project).fleet)
    assert f"    {old}\n".encode() in tree["platform/policies.yaml"]


@pytest.mark.attack
def test_a_digest_that_was_withdrawn_is_nowhere_rendered_nor_rolled_to(fleet: FleetSite, old: Digest) -> None:
    new = fleet.publish("v2", "dev", "prod")
    fleet.yank(new)
    with pytest.raises(ImagekitError, match="withdrawn: loses disks"):
        render(inputs_of(fleet.project))
    with pytest.raises(ImagekitError, match="withdrawn: loses disks"):
        planned(fleet.site, old, new)


@pytest.mark.attack
def test_a_digest_of_another_channel_is_not_rolled_to(fleet: FleetSite, old: Digest) -> None:
    new = fleet.publish("v2", "dev")
    with pytest.raises(ImagekitError, match="was never let into it"):
        planned(fleet.site, old, new)
    with pytest.raises(ImagekitError, match="no record of the ledger"):
        planned(fleet.site, old, Digest("sha256:" + "0" * 64))


@pytest.mark.attack
def test_two_rolls_at_once_are_refused(fleet: FleetSite) -> None:
    with fleet.site.held(), pytest.raises(RollError, match="another roll of this fleet is running"), fleet.site.held():
        pass


@pytest.mark.attack
def test_a_branch_that_moved_meanwhile_takes_no_wave(
    fleet: FleetSite, pair: tuple[Digest, Digest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two machines with clones of one repository: the remote lets one of them win."""
    old, new = pair
    git(fleet.root, "clone", "-q", "--bare", ".", "../hub.git")
    git(fleet.root, "remote", "add", "origin", "../hub.git")
    (fleet.root / "imagekit.yaml").write_text("version: 1\nledger_remote: origin\n")
    fleet.commit("a remote")
    git(fleet.root, "push", "-q", "origin", "main")
    record = planned(fleet.site, old, new)
    git(fleet.root, "clone", "-q", "../hub.git", "../other")
    other = fleet.root.parent / "other"
    git(other, "-c", "user.name=x", "-c", "user.email=x@y", "commit", "-q", "--allow-empty", "-m", "first")
    git(other, "push", "-q", "origin", "main")
    with pytest.raises(LedgerBusyError, match="did not take the commit"):
        roll(fleet, record)
    assert standing(fleet) == {str(old)}


@pytest.mark.attack
@pytest.mark.parametrize(("hook", "taken"), [("pre-receive", False), ("post-receive", True)])
def test_a_git_server_that_dies_half_way_leaves_a_roll_that_goes_on(
    fleet: FleetSite, pair: tuple[Digest, Digest], hook: str, taken: bool
) -> None:
    """It dies within the push of the second wave, before or after it took the commit, and nobody gets its answer."""
    old, new = pair
    git(fleet.root, "clone", "-q", "--bare", ".", "../hub.git")
    git(fleet.root, "remote", "add", "origin", "../hub.git")
    (fleet.root / "imagekit.yaml").write_text("version: 1\nledger_remote: origin\n")
    fleet.commit("a remote")
    git(fleet.root, "push", "-q", "-u", "origin", "main")
    dying = fleet.root.parent / "hub.git" / "hooks" / hook
    dying.write_text(
        "#!/bin/sh\nread old new name\ngit log -1 --format=%s $new | grep -q 'wave 2' && kill -9 $PPID\nexit 0\n"
    )
    dying.chmod(0o755)
    with pytest.raises(LedgerBusyError, match="did not take the commit"):
        roll(fleet, planned(fleet.site, old, new))
    assert under_way(fleet.site).done == 1
    dying.unlink()
    if taken:
        # Made again within the same second it would be the very same commit, which the server has.
        second = int(time.time())
        wait_until(lambda: int(time.time()) > second, Deadline.after(5), what="the next second")
        with pytest.raises(LedgerBusyError, match="did not take the commit"):
            roll(fleet, under_way(fleet.site), new=False)
        git(fleet.root, "pull", "-q", "--ff-only")  # what the message says
        assert under_way(fleet.site).done == 2
    assert roll(fleet, under_way(fleet.site), new=False).phase is Phase.DONE
    assert standing(fleet) == {str(new)}
    waves = [each for each in fleet.log() if "wave" in each]
    assert len(waves) == len(set(waves)) == 6
    assert head(dying.parents[1]) == head(fleet.root)


@pytest.mark.attack
def test_without_anything_that_tells_the_health_nothing_begins(fleet: FleetSite, pair: tuple[Digest, Digest]) -> None:
    old, new = pair
    path = fleet.root / "fleet" / "site.yaml"
    path.write_text(path.read_text().replace(", hooks: {health: [{run: hooks/health}]}", ""))
    fleet.commit("no health")
    with pytest.raises(ConfigError, match="nothing tells how the nodes of risk are"):
        roll(fleet, planned(fleet.site, old, new))


@pytest.mark.attack
def test_a_file_of_somebody_else_in_the_tree_is_left_alone(fleet: FleetSite) -> None:
    fleet.publish("v1", "prod")
    tree = render(inputs_of(fleet.project))
    folder = fleet.root / "provision"
    folder.mkdir()
    (folder / "secret.yaml").write_text("kind: Secret\n")
    with pytest.raises(ForeignFileError, match=r"secret\.yaml"):
        write_tree(folder, tree)
    assert [path.name for path in folder.iterdir()] == ["secret.yaml"]


def test_writing_again_changes_nothing_and_removes_what_is_gone(fleet: FleetSite) -> None:
    fleet.publish("v1", "prod")
    tree = render(inputs_of(fleet.project))
    folder = fleet.root / "provision"
    write_tree(folder, tree)
    assert not write_tree(folder, tree)
    less = {path: data for path, data in tree.items() if not path.startswith("dns/") and "w-4" not in path}
    assert any("w-4" in path for path in write_tree(folder, less).removed)
    assert not compare(folder, less)


def test_the_plan_says_what_an_edit_does_not_do(fleet: FleetSite) -> None:
    fleet.publish("v1", "prod")
    fleet.render()
    path = fleet.root / "fleet" / "site.yaml"
    path.write_text(path.read_text() + 'overrides:\n  w-2: {power: "Off"}\n  w-3: {labels: {a: b}}\n')
    found = changes(committed_tree(fleet.site, inputs_of(fleet.project).fleet), render(inputs_of(fleet.project)))
    assert {each.node: each.kind for each in found.nodes} == {"w-2": Kind.EDITED, "w-3": Kind.EDITED}
    assert "takes no other cloud-config" in found.nodes[0].note
    assert json.loads(as_json(found))["nodes"][0]["change"] == "objects edited"


def test_where_a_roll_would_be_taken_back_to_is_needed(fleet: FleetSite, pair: tuple[Digest, Digest]) -> None:
    """Retention asks what is needed: no channel and no node names the digest before the roll, and --back goes there."""
    old, new = pair
    third = fleet.publish("v3", "prod")
    roll(fleet, planned(fleet.site, old, third))
    context = fleet.release.context()
    found = needed(context, context.chain())
    assert "where the last roll of the fleet goes, or would be taken back to" in found[old]
    assert new in found, "where a rollback of prod goes"
    (fleet.root / "fleet" / "roll.json").write_text("{")
    with pytest.raises(ConfigError, match=r"roll\.json"):
        needed(context, context.chain())
