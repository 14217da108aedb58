"""Rolls in a simulated fleet: each wave one commit, looked at before the next, resumable and reversible."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from typing import Any

import pytest
import yaml

from imagekit.base.errors import ToolError
from imagekit.fleet.cluster import Hook
from imagekit.fleet.fleet import Fleet
from imagekit.fleet.read import read_fleet_texts
from imagekit.provision.render import Tree, render
from imagekit.provision.roll.around import Around
from imagekit.provision.roll.health import Seen
from imagekit.provision.roll.hooks import HookError
from imagekit.provision.roll.model import Change, Phase, RollError, RollRecord
from imagekit.provision.roll.run import advance, first_unwell
from imagekit.provision.roll.state import overrides_after, overrides_text, parse_record, record_text
from imagekit.provision.roll.waves import scope, waves
from tests.support.fleets import NEW, OLD, SITE, inputs_of
from tests.unit.provision.test_render import LOADER, of_kind

VERSIONS = ("v2030.101.0-gaaaaaaa", "v2030.102.0-gbbbbbbb")
SATURDAY = datetime(2030, 1, 5, 6, 30, tzinfo=UTC)


class StoppedError(Exception):
    """The process was killed here."""


def hosts_of(tree: Tree) -> Iterator[tuple[str, str, str]]:
    upgraded = {}
    for path, data in tree.items():
        if path.endswith("/upgrades.yaml"):
            for each in yaml.load_all(data, Loader=LOADER):
                version = VERSIONS[each["spec"]["image"].endswith(str(NEW))]
                for host in each["spec"]["nodeSelector"]["matchExpressions"][0]["values"]:
                    upgraded[host] = version
    for line in tree["nodes.jsonl"].decode().splitlines():
        machine = json.loads(line)
        host, _, short = machine["machine"].rpartition("-")
        yield host, machine["cluster"], upgraded.get(host, VERSIONS[short == NEW.short])


@dataclass
class World:
    """A fleet whose machines do what the committed tree says, a minute later; hosts can be made to fail.

    `die_at` kills the process at the commit of that number, before or after it counts.
    """

    text: str = SITE
    now: datetime = SATURDAY
    commits: list[tuple[RollRecord, Tree]] = field(default_factory=list)
    sick: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    drained: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    refuse: str = ""
    die_at: int = 0
    away: int = 0
    on_look: Callable[[str], None] = lambda _cluster: None
    committed_at: datetime = SATURDAY
    silent: bool = False
    known: dict[int, list[tuple[str, str, str]]] = field(default_factory=dict)

    def fleet(self, overrides: str = "version: 1\n") -> Fleet:
        return read_fleet_texts({"fleet/a.yaml": self.text, "fleet/roll.yaml": overrides})

    def commit(self, record: RollRecord, message: str) -> None:
        assert "wave" in message
        if self.die_at == len(self.commits) + 1:
            raise StoppedError
        text = overrides_text(overrides_after(record, self.fleet(), {}))
        self.commits.append((record, render(inputs_of(self.fleet(text)))))
        self.committed_at = self.now

    def look(self, cluster: str) -> Mapping[str, Seen]:
        self.on_look(cluster)
        if self.away:
            self.away -= 1
            raise ToolError("the API server does not answer")
        late = self.now - self.committed_at < timedelta(minutes=1)
        there = self.commits[: -1 if late else None]
        tree = there[-1][1] if there else self.beginning
        return {
            host: Seen(ready=host not in self.sick, version="" if self.silent else version)
            for host, where, version in self.hosts(tree)
            if where == cluster
        }

    @cached_property
    def beginning(self) -> Tree:
        return render(inputs_of(self.fleet()))

    def hosts(self, tree: Tree) -> list[tuple[str, str, str]]:
        """Host, cluster and version of each machine; a node that upgraded itself says the later one."""
        if id(tree) not in self.known:
            self.known[id(tree)] = list(hosts_of(tree))
        return self.known[id(tree)]

    def ask(self, hook: Hook, event: str, question: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((event, ",".join(each["host"] for each in question["wave"]["nodes"])))
        if self.refuse == event:
            raise HookError(f"hook {hook.run} says no")
        return {"version": 1, "ok": True}

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += timedelta(seconds=seconds)

    def drain(self, cluster: str, hosts: Sequence[str]) -> None:
        self.drained.append((cluster, tuple(hosts)))

    def around(self, **changed: Any) -> Around:
        given: dict[str, Any] = {
            "fleet": self.fleet(),
            "versions": VERSIONS,
            "commit": self.commit,
            "health": self,
            "hooks": self,
            "clock": Clock(self),
            "drains": {name: partial(self.drain, name) for name in ("tdc", "risk", "tools", "core")},
        }
        return Around(**{**given, **changed})

    def start(self, *clusters: str) -> RollRecord:
        fleet = self.fleet()
        nodes = scope(fleet, dict.fromkeys(fleet.nodes, OLD), "node", OLD, clusters)
        made = waves(fleet, nodes)
        return RollRecord(id="0" * 12, image="node", old=str(OLD), new=str(NEW), waves=made)

    def roll(self, *clusters: str, **changed: Any) -> RollRecord:
        around = self.around(**changed)
        record = self.start(*clusters)
        return advance(record.model_copy(update={"unwell": first_unwell(around, clusters)}), around)


@dataclass
class Clock:
    world: World

    def now(self) -> datetime:
        return self.world.now

    def sleep(self, seconds: float) -> None:
        self.world.sleep(seconds)


def machines(tree: Tree, cluster: str) -> set[str]:
    found = [json.loads(line) for line in tree["nodes.jsonl"].decode().splitlines()]
    return {each["machine"] for each in found if each["cluster"] == cluster}


def test_surge_makes_the_new_machine_first_and_removes_the_old_one_after_the_soak() -> None:
    world = World()
    done = world.roll("tdc")
    assert (done.phase, len(world.commits)) == (Phase.DONE, 4)
    a, b = OLD.short, NEW.short
    steps = [sorted(machines(tree, "tdc")) for _, tree in world.commits]
    first = [f"tdc-worker-01-{a}", f"tdc-worker-01-b-{b}", f"tdc-worker-02-{a}", f"tdc-worker-03-{a}"]
    assert steps[0] == first
    assert steps[-1] == [f"tdc-worker-0{number}-b-{b}" for number in (1, 2, 3)]
    assert world.drained == [("tdc", (f"tdc-worker-0{number}",)) for number in (1, 2, 3)]
    assert world.now - SATURDAY >= timedelta(hours=12), "three soaks of four hours"


def test_recreate_has_the_address_free_before_it_is_used_again() -> None:
    world = World(now=datetime(2030, 1, 5, 21, 0, tzinfo=UTC))

    def commit(record: RollRecord, message: str) -> None:
        assert record.current is not None
        assert not {*record.current.nodes(Change.CREATE)} & world.look("risk").keys(), "the old machine is still there"
        world.commit(record, message)

    world.roll("risk", commit=commit)
    counts = [len(machines(tree, "risk")) for _, tree in world.commits]
    assert counts == [2, 4, 2, 4], "two canaries go and come, then the other two"
    deployment = of_kind(world.commits[0][1], "MachineDeployment")["risk-workers"]
    assert deployment["spec"]["replicas"] == 4, "fewer would let Cluster API choose whom to remove"


def test_in_place_upgrades_by_one_object_a_wave_and_keeps_the_machines() -> None:
    world = World()
    world.roll("tools")
    assert len(world.commits) == 2
    runs = of_kind(world.commits[-1][1], "NodeOpUpgrade")
    assert sorted(each["spec"]["nodeSelector"]["matchExpressions"][0]["values"][0] for each in runs.values()) == [
        "tools-worker-1",
        "tools-worker-2",
    ]
    assert machines(world.commits[-1][1], "tools") == machines(world.beginning, "tools")
    first, second = (of_kind(tree, "NodeOpUpgrade") for _, tree in world.commits)
    assert all(second[name] == each for name, each in first.items()), "a run is never edited"


def test_controllers_go_one_by_one_and_last() -> None:
    world = World()
    nodes = [step.nodes for wave in world.start("core").waves for step in wave.steps]
    assert nodes == [
        *[("core-worker-1",)] * 2,
        *[(f"core-controller-{number}",) for number in (1, 2, 3) for _ in range(2)],
    ]
    world.roll("core")
    assert all(of_kind(tree, "K0sControlPlane")["core"]["spec"]["replicas"] == 3 for _, tree in world.commits)


def test_marked_canaries_are_first() -> None:
    world = World(text=SITE.replace("labels: {disk: fast}", "canary: true"))
    world.text = world.text.replace("nodes:\n", "nodes:\n  risk-worker-05: {group: risk, canary: true}\n")
    assert world.start("risk").waves[0].nodes(Change.REMOVE) == ("risk-worker-05",)


def test_surge_without_a_second_address_is_refused_before_anything() -> None:
    with pytest.raises(RollError, match="has one address"):
        World(text=SITE.replace(', standby: ["10.20.0.[31-33]"]', "")).start("tdc")


def test_a_roll_of_nobody_is_refused() -> None:
    fleet = World().fleet()
    with pytest.raises(RollError, match="no node runs node"):
        scope(fleet, dict.fromkeys(fleet.nodes, OLD), "node", NEW)


def test_each_wave_changes_the_files_of_its_nodes_alone() -> None:
    world = World()
    world.roll("tdc")
    before, after = world.commits[0][1], world.commits[1][1]
    changed = {path.rpartition("/")[2] for path in {*before, *after} if before.get(path) != after.get(path)}
    assert {"node-tdc-worker-03.yaml", "node-risk-worker-01.yaml", "policies.yaml"} & changed == set()


@pytest.mark.attack
def test_it_stops_where_a_new_node_does_not_become_ready() -> None:
    world = World(sick={"tdc-worker-01-b"})
    with pytest.raises(RollError, match="tdc-worker-01-b: not ready"):
        world.roll("tdc")
    assert len(world.commits) == 1, "nothing else was touched"


@pytest.mark.attack
def test_it_stops_where_a_node_says_that_it_runs_something_else() -> None:
    world = World()
    with pytest.raises(RollError, match=f"says that it runs {VERSIONS[1]}"):
        world.roll("tdc", versions=(VERSIONS[0], "v9"))


@pytest.mark.attack
def test_a_node_that_upgrades_in_place_has_to_say_its_version() -> None:
    """The Kairos operator reports Completed for a node that it skipped: ready is no proof of the upgrade."""
    with pytest.raises(RollError, match="does not say which version it runs"):
        World(silent=True).roll("tools")


@pytest.mark.attack
def test_it_stops_where_the_cluster_gets_worse_than_it_was() -> None:
    world = World()

    def fail(_cluster: str) -> None:
        if world.commits:
            world.sick.add("tdc-worker-03")

    world.on_look = fail
    with pytest.raises(RollError, match="worse than before the roll: tdc-worker-03"):
        world.roll("tdc")
    assert len(world.commits) == 1


def test_what_was_unwell_before_does_not_stop_it() -> None:
    world = World(sick={"tdc-worker-03"})
    world.roll("tdc")
    assert world.commits[-1][0].phase is Phase.DONE


@pytest.mark.attack
def test_it_stops_where_a_node_goes_down_within_the_soak() -> None:
    world = World()

    def fail(_cluster: str) -> None:
        if world.now > SATURDAY + timedelta(hours=1):
            world.sick.add("tdc-worker-01-b")

    world.on_look = fail
    with pytest.raises(RollError, match="tdc-worker-01-b went down within the soak time of 4h"):
        world.roll("tdc")
    assert len(world.commits) == 1


def test_an_api_server_that_is_away_for_a_while_stops_nothing() -> None:
    world = World()

    def away(_cluster: str) -> None:
        if len(world.commits) == 1 and world.now - world.committed_at < timedelta(seconds=5):
            world.away = 1

    world.on_look = away
    assert world.roll("tdc").phase is Phase.DONE


@pytest.mark.attack
def test_an_api_server_that_stays_away_is_no_health() -> None:
    world = World()
    world.on_look = lambda _cluster: setattr(world, "away", 1 if world.commits else 0)
    with pytest.raises(RollError, match="the API server does not answer"):
        world.roll("tdc")


def test_outside_its_window_it_does_not_begin() -> None:
    world = World(now=datetime(2030, 1, 4, 10, 0, tzinfo=UTC))
    with pytest.raises(RollError, match=r"outside its maintenance windows; the next one begins 2030-01-05 06:00"):
        world.roll("tdc")
    assert world.commits == []


def test_it_waits_for_its_window_when_it_is_told_to() -> None:
    world = World(now=datetime(2030, 1, 4, 10, 0, tzinfo=UTC))
    record = world.start("tdc")
    with pytest.raises(StoppedError):
        advance(record, world.around(wait_for_window=True, commit=_stop))
    assert world.now >= datetime(2030, 1, 5, 6, 0, tzinfo=UTC)


def _stop(_record: RollRecord, _message: str) -> None:
    raise StoppedError


@pytest.mark.parametrize("cluster", ["tdc", "risk", "tools", "core"])
def test_killed_before_or_after_any_commit_it_comes_to_the_same_end(cluster: str) -> None:
    evening = SATURDAY.replace(hour=20, minute=30) if cluster == "risk" else SATURDAY
    whole = World(now=evening)
    whole.roll(cluster)
    for number in range(1, len(whole.commits) + 1):
        world = World(now=evening, die_at=number)
        with pytest.raises(StoppedError):
            world.roll(cluster)
        world.die_at, world.now, world.committed_at = 0, evening, evening - timedelta(hours=1)
        record = world.commits[-1][0] if world.commits else world.start(cluster)
        again = parse_record(record_text(record))
        assert advance(again, world.around()).phase is Phase.DONE
        assert world.commits[-1][1] == whole.commits[-1][1]
        assert len(world.commits) == len(whole.commits), "no wave is made twice"


@pytest.mark.parametrize("cluster", ["tdc", "risk", "core"])
def test_every_wave_can_be_taken_back_to_the_very_bytes_before(cluster: str) -> None:
    evening = SATURDAY.replace(hour=20, minute=30) if cluster == "risk" else SATURDAY
    total = len(World().start(cluster).waves)
    for number in range(1, total + 1):
        world = World(now=evening, die_at=number + 1)
        if number < total:
            with pytest.raises(StoppedError):
                world.roll(cluster)
        else:
            world.roll(cluster)
        world.die_at = 0
        forward = [tree for _, tree in world.commits]
        record = world.commits[-1][0].model_copy(update={"back": True, "phase": Phase.ROLLING})
        done = advance(record, world.around())
        assert (done.phase, done.standing) == (Phase.TAKEN_BACK, 0)
        back = [tree for _, tree in world.commits[len(forward) :]]
        assert back[:-1] == forward[-2::-1], "each state is one that was seen on the way"
        assert machines(back[-1], cluster) == machines(world.beginning, cluster)


@pytest.mark.attack
def test_a_machine_that_stays_after_all_takes_pods_again() -> None:
    world = World(die_at=2)
    again: list[str] = []
    with pytest.raises(StoppedError):
        world.roll("tdc", undrains={"tdc": again.extend})
    assert world.drained == [("tdc", ("tdc-worker-01",))]
    assert again == ["tdc-worker-01"]


def test_in_place_goes_back_by_runs_of_its_own() -> None:
    world = World()
    world.roll("tools")
    record = world.commits[-1][0].model_copy(update={"back": True, "phase": Phase.ROLLING})
    advance(record, world.around())
    runs = of_kind(world.commits[-1][1], "NodeOpUpgrade").values()
    assert {each["spec"]["image"].partition("@")[2] for each in runs} == {str(OLD)}


def test_going_back_asks_for_no_window_no_soak_and_no_health_of_others() -> None:
    world = World()
    world.roll("tdc")
    world.now = datetime(2030, 1, 8, 3, 0, tzinfo=UTC)
    world.sick = {"tdc-worker-03-b"}
    record = world.commits[-1][0].model_copy(update={"back": True, "phase": Phase.ROLLING})
    assert advance(record, world.around()).phase is Phase.TAKEN_BACK
    assert world.now - datetime(2030, 1, 8, 3, 0, tzinfo=UTC) < timedelta(hours=1)


HOOKED = SITE.replace(
    "  tools: {template: tooling,",
    "  tools: {template: tooling, roll: {hooks: {before: [{run: b}], after: [{run: a}]}},",
)


def test_hooks_are_asked_around_each_wave() -> None:
    world = World(text=HOOKED)
    world.roll("tools")
    assert world.asked == [
        ("before", "tools-worker-1"),
        ("after", "tools-worker-1"),
        ("before", "tools-worker-2"),
        ("after", "tools-worker-2"),
    ]


@pytest.mark.attack
@pytest.mark.parametrize(("event", "commits"), [("before", 0), ("after", 1)])
def test_a_hook_that_says_no_stops_it(event: str, commits: int) -> None:
    world = World(text=HOOKED, refuse=event)
    with pytest.raises(HookError):
        world.roll("tools")
    assert len(world.commits) == commits


def test_nodes_on_their_way_from_a_withdrawn_digest_are_described_until_they_are_gone() -> None:
    world = World()
    record = world.start("tdc").model_copy(update={"withdrawn": True, "done": 1})
    others = {name: {"digest": str(NEW)} for name, node in world.fleet().nodes.items() if node.cluster != "tdc"}
    text = overrides_text(overrides_after(record, world.fleet(), others))
    tree = render(inputs_of(world.fleet(text), yanked={OLD: "loses disks"}))
    assert f"tdc-worker-03-{OLD.short}" in machines(tree, "tdc")


def test_what_earlier_rolls_left_stays() -> None:
    world = World()
    record = world.start("tdc").model_copy(update={"done": 4})
    before = {"risk-worker-01": {"digest": str(NEW)}}
    text = overrides_text(overrides_after(record, world.fleet(), before))
    assert f"  risk-worker-01: {{digest: {NEW}}}" in text
    assert f'  "tdc-worker-[01-03]": {{digest: {NEW}, slot: b}}' in text
