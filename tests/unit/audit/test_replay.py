"""Random fleets and histories of up to a year: the audit answers at every instant as a replay of all commits does.

The replay knows nothing of indexes, bounds and intervals: for an instant it asks of each commit by all clocks whether
it was made for sure, or perhaps, and takes what the files of each then say.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from imagekit.audit.clocks import SKEW
from imagekit.audit.facts import all_points, commit_id
from imagekit.audit.index import bring_up, open_index
from imagekit.audit.judge import Sources, answers
from imagekit.audit.model import Answer, AuditVerdict, Evidence, Seen, Standing
from imagekit.base.git import Git
from tests.support.fleethistory import History, channel_yaml, digest, fleet_yaml

BEGIN = 1_767_225_600  # 2026-01-01
DAY = 86_400
YEAR = 366 * DAY
CHANNELS = ("dev", "prod")
BAD = {digest(7)}  # its evidence does not verify
Nodes = dict[str, dict[str, str]]


@dataclass
class World:
    """The files as a first-parent commit has them: every node's entry, and the version of each channel."""

    nodes: Nodes
    channels: dict[str, int]

    def files(self) -> dict[str, bytes]:
        found = {f"channels/{name}.yaml": channel_yaml(name, number) for name, number in self.channels.items()}
        return found | ({"fleet/all.yaml": fleet_yaml(self.nodes)} if self.nodes else {})

    def runs(self, node: str) -> str:
        """The digest that a node was to run; ``absent`` or ``nothing`` otherwise."""
        entry = self.nodes.get(node)
        if entry is None:
            return "absent"
        if "digest" in entry:
            return entry["digest"]
        number = self.channels.get(entry["channel"])
        return digest(number) if number is not None else "nothing"


def step(world: World, rng: random.Random, names: list[str]) -> World:
    """Another state of everything: nodes come, go, move and are pinned; channels move, are removed, go back."""
    nodes, channels = {name: dict(entry) for name, entry in world.nodes.items()}, dict(world.channels)
    for _ in range(rng.randint(0, 3)):
        match rng.choice(("add", "drop", "pin", "follow", "point", "point", "empty", "none")):
            case "add" | "follow":
                nodes[rng.choice(names)] = {"channel": rng.choice(CHANNELS)}
            case "pin":
                nodes[rng.choice(names)] = {"digest": digest(rng.randint(1, 8))}
            case "drop":
                nodes.pop(rng.choice(names), None)
            case "point":
                channels[rng.choice(CHANNELS)] = rng.randint(1, 8)
            case "empty":
                channels.pop(rng.choice(CHANNELS), None)
    return World(nodes, channels)


def clock(at: int, rng: random.Random) -> int:
    """Mostly right; at times back by minutes or weeks, at times the same second, at times years ahead."""
    return at + rng.choice((0,) * 12 + (-60, -20 * DAY, -1, 30 * DAY, 40 * YEAR))


def made_history(root: Path, rng: random.Random) -> tuple[list[World], list[int]]:
    """A repository; returns the state and the clock of each first-parent commit."""
    history = History(root)
    worlds: list[World] = []
    times: list[int] = []
    names = [f"n{number}" for number in range(rng.randint(2, 8))]
    world, at = World({}, {}), BEGIN
    for _ in range(rng.randint(1, 40)):
        at += rng.choice((0, 1, 60, DAY, 9 * DAY)) if at < BEGIN + YEAR - 10 * DAY else 1
        reverts = worlds and rng.random() < 0.15
        world = rng.choice(worlds) if reverts else step(world, rng, names)
        merges = []
        if worlds and rng.random() < 0.3:  # what came by a branch, whose own commits are no state of main
            first = rng.randint(1, len(history.commits))
            side = history.add(step(world, rng, names).files(), clock(at, rng), onto=first)
            merges = [side]
        times.append(clock(at, rng))
        history.add(world.files(), times[-1], merges=merges, authored=at - DAY)
        worlds.append(world)
    history.write()
    return worlds, times


def replay(worlds: list[World], times: list[int], node: str, moment: int, now: int) -> list[str]:
    """What the node may have been told to run at a moment, by looking at every commit."""
    known = [at for at in times if at <= now + SKEW]
    count = len(times)
    sure, perhaps = 0, 0
    for number in range(count):
        before = [at for at in times[: number + 1] if at in known]
        after = [at for at in times[number:] if at in known]
        if times[number] in known:
            made, may = max(before) <= moment, min(after) <= moment
        else:  # its own clock says nothing: the next good one bounds it from above, all before it from below
            following = next((at for at in range(number, count) if times[at] in known), None)
            made = following is not None and max(at for at in times[: following + 1] if at in known) <= moment
            may = perhaps >= number
        sure = number + 1 if made else sure
        perhaps = number + 1 if may else perhaps
    states = [*(["before"] if not sure else []), *(world.runs(node) for world in worlds[max(sure - 1, 0) : perhaps])]
    return list(dict.fromkeys(states))


def expected(states: list[str], seen: list[Seen], moment: int, alike: Callable[[int, int], bool]) -> AuditVerdict:
    """The verdict, from the words of the documentation; `alike` tells whether Git says the same from one moment on."""
    said = {each.digest for each in seen if each.begin <= moment < each.end}
    words = ("before", "absent", "nothing")
    if len(states) > 1:
        running = [each for each in states if each not in words]
        strange = [each for each in said if each not in running]
        return AuditVerdict.CONTRADICTED if strange and len(running) == len(states) else AuditVerdict.UNKNOWN
    [state] = states
    if state == "absent":
        return AuditVerdict.CONTRADICTED if said else AuditVerdict.UNKNOWN
    if state in words:
        return AuditVerdict.UNKNOWN
    if said - {state}:
        return AuditVerdict.CONTRADICTED
    if state in BAD:
        return AuditVerdict.UNKNOWN
    if said:
        return AuditVerdict.CONFIRMED
    before = [each for each in seen if each.end <= moment and alike(each.end - 1, moment)]
    after = [each for each in seen if each.begin > moment and alike(moment, each.begin)]
    near = [each for each in before if each.end == max(one.end for one in before)]
    near += [each for each in after if each.begin == min(one.begin for one in after)]
    return AuditVerdict.UNKNOWN if any(each.digest != state for each in near) else AuditVerdict.PROVEN


def seen_of(rng: random.Random, node: str, times: list[int]) -> list[Seen]:
    """Some observations, right and wrong, that may lie over one another; half of them begin as a commit is made."""
    found = []
    made = [each for each in times if each < BEGIN + YEAR] or [BEGIN]
    for _ in range(rng.randint(0, 6)):
        begin = rng.choice((BEGIN + rng.randint(-DAY, YEAR), rng.choice(made) + rng.randint(-1, 1)))
        end = begin + rng.choice((1, 3600, 5 * DAY))
        found.append(Seen(node=node, begin=begin, end=end, digest=digest(rng.randint(1, 8)), source="ssh"))
    return found


def at_moment(found: list[Answer], moment: int) -> Answer:
    """The one interval that holds a moment; half-open, without gap or overlap."""
    [one] = [each for each in found if each.begin <= moment and (each.end is None or moment < each.end)]
    return one


def holds(root: Path, rng: random.Random) -> int:
    """Compare at every edge and at random instants; returns how many were compared."""
    root.mkdir(exist_ok=True)
    now = BEGIN + YEAR + DAY
    worlds, times = made_history(root / "repo", rng)
    compared = 0
    with open_index(root / "index.sqlite") as base:
        bring_up(base, Git(root / "repo"), now=now)
        for node, points in all_points(base):
            seen = seen_of(rng, node, times)
            sources = Sources(
                doubt=lambda _state: None,
                standing=lambda state: Standing(evidence=Evidence.BAD if state.digest in BAD else Evidence.GOOD),
                name=lambda seq: commit_id(base, seq),
            )
            found = answers(node, points, seen, sources, BEGIN - 2 * DAY, now, now=now)
            first = rng.randint(BEGIN - DAY, now - 2)
            last = rng.randint(first + 1, now)
            window = answers(node, points, seen, sources, BEGIN - 2 * DAY, now, now=now, asked=(first, last))
            assert window == [each for each in found if each.begin < last and (each.end is None or each.end > first)]
            edges = {edge for each in seen for edge in (each.begin, each.end)} | set(times)
            moments = {each for edge in edges for each in (edge - 1, edge, edge + 1)}
            moments |= {rng.randint(BEGIN - DAY, now - 1) for _ in range(10)}
            for moment in sorted(each for each in moments if BEGIN - 2 * DAY <= each < now):
                states = replay(worlds, times, node, moment, now)
                answer = at_moment(found, moment)

                def alike(begin: int, end: int, node: str = node) -> bool:
                    edges = [at for at in times if begin < at <= end]
                    worlds_then = [replay(worlds, times, node, at, now) for at in (begin, *edges, end)]
                    return all(each == worlds_then[0] for each in worlds_then)

                assert answer.verdict is expected(states, seen, moment, alike), (node, moment, states, answer)
                if len(states) == 1 and states[0].startswith("sha256:"):
                    assert answer.digest == states[0], (node, moment, states, answer)
                compared += 1
    return compared


@pytest.mark.parametrize("seed", range(16, 26))
def test_every_instant_is_answered_as_by_replay(seed: int, tmp_path: Path) -> None:
    assert holds(tmp_path, random.Random(seed)) >= 0


@pytest.mark.nightly(minutes=8)
def test_every_instant_of_many_more(tmp_path: Path) -> None:
    for seed in range(1000, 1500):
        holds(tmp_path / str(seed), random.Random(seed))


@pytest.mark.parametrize("seed", range(2))
def test_an_index_that_grew_is_the_one_made_at_once(seed: int, tmp_path: Path) -> None:
    made_history(tmp_path / "repo", random.Random(seed))
    git = Git(tmp_path / "repo")
    commits = git.text("rev-list", "--first-parent", "--reverse", "main").split()
    now = BEGIN + YEAR
    with open_index(tmp_path / "grown.sqlite") as grown, open_index(tmp_path / "once.sqlite") as once:
        for commit in commits:
            git("reset", "-q", "--hard", commit)
            bring_up(grown, git, now=now)
        bring_up(once, git, now=now)
        for table in ("commits", "nodes", "pointers"):
            asked = f"SELECT * FROM {table} ORDER BY 1, 2, 3"
            assert grown.execute(asked).fetchall() == once.execute(asked).fetchall()
