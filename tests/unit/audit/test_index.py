"""The index on histories that are not whole, not in order, or not what they were."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from imagekit.audit.ask import Gathered, report_of
from imagekit.audit.facts import odd_clocks
from imagekit.audit.gitlog import HistoryError
from imagekit.audit.index import bring_up, forget_lost, lost_heads, open_index
from imagekit.audit.model import Answer, Evidence, Kind, Question, Standing
from imagekit.audit.records import Ledger, Rewritten
from imagekit.base.errors import ConfigError, ToolError
from imagekit.base.git import Git
from imagekit.release.ledger.chain import Chain
from tests.support.fleethistory import History, channel_yaml, digest, fleet_yaml
from tests.support.project import git

BEGIN = 1_767_225_600
DAY = 86_400
NOW = BEGIN + 100 * DAY
Nodes = Mapping[str, Mapping[str, str]]


def files(nodes: Nodes, **channels: int) -> dict[str, bytes]:
    """A fleet file and channel files."""
    found = {f"channels/{name}.yaml": channel_yaml(name, number, record=1) for name, number in channels.items()}
    return found | {"fleet/all.yaml": fleet_yaml(nodes)}


def pinned(number: int, **fields: str) -> dict[str, str]:
    """A node that is pinned to a made-up version."""
    return {"digest": digest(number), **fields}


def gathered(base: sqlite3.Connection, root: Path) -> Gathered:
    """The sources of a question, with a registry that takes everything."""
    brought = bring_up(base, Git(root), now=NOW)
    ranges = tuple((after, upto, f"lost {lost[:7]}") for lost, _, after, upto in lost_heads(base))
    return Gathered(
        base=base,
        git=Git(root),
        branch=brought.branch,
        head=brought.head,
        ledger=Ledger(Chain(())),
        now=NOW,
        ask=lambda _state: Standing(evidence=Evidence.GOOD, reason="signature by ours"),
        rewritten=Rewritten(ranges),
    )


def ask(root: Path, node: str, index: Path) -> list[Answer]:
    """Every interval of a node."""
    with open_index(index) as base:
        question = Question(text="?", begin=0, end=NOW + 1, node=node)
        return list(report_of(gathered(base, root), question).answers)


def told(found: list[Answer]) -> list[tuple[int, str]]:
    """Day of the beginning, and the digest or what stands for it."""
    return [((each.begin - BEGIN) // DAY if each.begin else -1, each.digest or str(each.kind)) for each in found]


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "repo")


def test_a_node_that_moves_goes_and_comes_back(history: History, tmp_path: Path) -> None:
    history.add(files({"w1": pinned(1)}), BEGIN)
    history.add(files({"w1": pinned(2), "w2": pinned(1)}), BEGIN + DAY)
    history.add(files({"w2": pinned(1)}), BEGIN + 2 * DAY)
    history.add(files({"w1": pinned(3), "w2": pinned(1)}), BEGIN + 4 * DAY)
    found = ask(history.write(), "w1", tmp_path / "i.sqlite")
    assert told(found) == [
        (-1, Kind.BEFORE),
        (0, digest(1)),
        (1, digest(2)),
        (2, Kind.ABSENT),
        (4, digest(3)),
    ]
    assert found[-1].end is None
    assert [each.end for each in found[:-1]] == [each.begin for each in found[1:]]


def test_installed_anew_twice_on_one_day(history: History, tmp_path: Path) -> None:
    for hour, number in ((8, 1), (12, 2), (16, 1)):
        history.add(files({"w1": pinned(number)}), BEGIN + hour * 3600)
    found = ask(history.write(), "w1", tmp_path / "i.sqlite")
    assert [each.digest for each in found[1:]] == [digest(1), digest(2), digest(1)]


def test_moved_between_clusters(history: History, tmp_path: Path) -> None:
    def entry(cluster: str) -> bytes:
        text = """\
version: 1
providers: {lab: {type: libvirt, artifacts: "https://artifacts.example"}}
classes: {small: {cpus: 2, memory_mib: 2048}}
clusters: {blue: {endpoint: 10.0.0.1}, green: {endpoint: 10.0.0.2}}
"""
        node = f'{{image: node, digest: "{digest(1)}", provider: lab, class: small, cluster: {cluster}}}'
        return f"{text}nodes: {{w1: {node}}}\n".encode()

    history.add({"fleet/all.yaml": entry("blue")}, BEGIN)
    history.add({"fleet/all.yaml": entry("green")}, BEGIN + DAY)
    found = ask(history.write(), "w1", tmp_path / "i.sqlite")
    problem = [each.reasons for each in found if each.kind is Kind.UNREADABLE]
    assert [each.cluster for each in found[1:]] == ["blue", "green"], problem


def test_renamed_is_hinted_at(history: History, tmp_path: Path) -> None:
    history.add(files({"w1": {**pinned(1), "addresses": ["10.0.0.7"]}}), BEGIN)  # type: ignore[dict-item]
    history.add(files({"node-1": {**pinned(1), "addresses": ["10.0.0.7"]}}), BEGIN + DAY)  # type: ignore[dict-item]
    with open_index(tmp_path / "i.sqlite") as base:
        sources = gathered(base, history.write())
        report = report_of(sources, Question(text="?", begin=0, end=NOW, node="w1"))
    assert any("w1 went and node-1 came with the same address" in note for note in report.notes), report.notes


def test_a_merge_counts_from_when_it_was_merged(history: History, tmp_path: Path) -> None:
    history.add(files({"w1": pinned(1)}), BEGIN)
    side = history.add(files({"w1": pinned(2)}), BEGIN + DAY, onto=1, author="Bob <bob@example.org>")
    history.add(files({"w1": pinned(2)}), BEGIN + 9 * DAY, merges=[side], subject="merge")
    index = tmp_path / "i.sqlite"
    assert told(ask(history.write(), "w1", index))[1:] == [(0, digest(1)), (9, digest(2))]
    with open_index(index) as base:
        report = report_of(gathered(base, history.root), Question(text="?", begin=0, end=NOW, node="w1"))
    [merge] = [each for each in report.commits if each.subject == "merge"]
    assert merge.committed == BEGIN + 9 * DAY
    assert [(each.author, each.authored) for each in merge.merged] == [("Bob <bob@example.org>", BEGIN + DAY)]


def test_a_clock_that_goes_backwards_widens_what_is_unknown(history: History, tmp_path: Path) -> None:
    history.add(files({"w1": pinned(1)}), BEGIN)
    history.add(files({"w1": pinned(2)}), BEGIN + 9 * DAY)
    history.add(files({"w1": pinned(3)}), BEGIN + 5 * DAY)
    index = tmp_path / "i.sqlite"
    found = ask(history.write(), "w1", index)
    assert told(found)[1:] == [(0, digest(1)), (5, Kind.UNREADABLE), (9, digest(3))]
    assert len(found[2].candidates) == 3
    with open_index(index) as base:
        assert len(odd_clocks(base)) == 2


def test_a_commit_from_the_future_lies_between_its_neighbours(history: History, tmp_path: Path) -> None:
    history.add(files({"w1": pinned(1)}), BEGIN)
    history.add(files({"w1": pinned(2)}), BEGIN + 40_000 * DAY)
    history.add(files({"w1": pinned(3)}), BEGIN + 5 * DAY)
    found = ask(history.write(), "w1", tmp_path / "i.sqlite")
    assert told(found)[1:] == [(0, Kind.UNREADABLE), (5, digest(3))]


def test_a_fleet_file_that_cannot_be_read_is_unknown_until_it_can(history: History, tmp_path: Path) -> None:
    history.add(files({"w1": pinned(1)}), BEGIN)
    history.add({"fleet/all.yaml": b"nodes: [\x1b[31m"}, BEGIN + DAY)
    history.add(files({"w1": pinned(1), "w2": pinned(2)}), BEGIN + 2 * DAY)
    found = ask(history.write(), "w1", tmp_path / "i.sqlite")
    assert told(found)[1:] == [(0, digest(1)), (1, Kind.UNREADABLE), (2, digest(1))]
    other = ask(history.root, "w2", tmp_path / "i.sqlite")  # whether it was there meanwhile nobody knows
    assert told(other)[1:] == [(0, Kind.ABSENT), (1, Kind.UNREADABLE), (2, digest(2))]
    assert "\x1b" not in found[2].reasons[0]


@pytest.mark.parametrize("path", ["fleet/more/b.yaml", "fleet/b.yml"])
def test_a_fleet_file_that_would_be_passed_over_makes_nothing_known(
    history: History, tmp_path: Path, path: str
) -> None:
    history.add(files({"w1": pinned(1)}), BEGIN)
    history.add({**files({"w1": pinned(1)}), path: fleet_yaml({"w1": pinned(2)})}, BEGIN + DAY)
    assert told(ask(history.write(), "w1", tmp_path / "i.sqlite"))[-1] == (1, Kind.UNREADABLE)


def test_a_shallow_clone_is_refused_with_the_command(history: History, tmp_path: Path) -> None:
    history.add(files({"w1": pinned(1)}), BEGIN)
    history.add(files({"w1": pinned(2)}), BEGIN + DAY)
    root = history.write()
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{root}", "clone")
    with open_index(tmp_path / "i.sqlite") as base, pytest.raises(HistoryError, match="shallow") as caught:
        bring_up(base, Git(tmp_path / "clone"))
    assert "git fetch --unshallow" in caught.value.hint


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "repo")
    with open_index(tmp_path / "i.sqlite") as base, pytest.raises(HistoryError, match="no commit"):
        bring_up(base, Git(tmp_path / "repo"))


@pytest.mark.attack
def test_a_rewritten_history_is_told_and_believed_only_when_accepted(history: History, tmp_path: Path) -> None:
    index = tmp_path / "i.sqlite"
    history.add(files({"w1": pinned(1)}), BEGIN)
    history.add(files({"w1": pinned(2)}), BEGIN + DAY)
    assert told(ask(history.write(), "w1", index))[1:] == [(0, digest(1)), (1, digest(2))]
    root = history.root
    git(root, "reset", "-q", "--hard", "HEAD~1")
    (root / "fleet" / "all.yaml").write_bytes(fleet_yaml({"w1": pinned(7)}))
    env = {"GIT_COMMITTER_DATE": f"{BEGIN + DAY} +0000", "GIT_AUTHOR_DATE": f"{BEGIN + DAY} +0000"}
    Git(root)("-c", "user.name=E", "-c", "user.email=e@e", "commit", "-qam", "as if it had been so", env=env)
    found = ask(root, "w1", index)
    assert found[1].verdict == "proven"  # before the two histories part nothing is in doubt
    assert (found[-1].verdict, found[-1].digest) == ("unknown", digest(7))
    assert "lost" in found[-1].reasons[0]
    with open_index(index) as base:
        assert forget_lost(base) == 1
    assert ask(root, "w1", index)[-1].verdict == "proven"


def test_a_first_parent_that_changed_makes_the_index_anew(history: History, tmp_path: Path) -> None:
    """A `git pull` that merged main into a branch, and was pushed as main: what was main is the second parent now."""
    index = tmp_path / "i.sqlite"
    history.add(files({"w1": pinned(1)}), BEGIN)
    history.add(files({"w1": pinned(2)}), BEGIN + DAY)
    root = history.write()
    ask(root, "w1", index)
    git(root, "checkout", "-q", "-b", "side", "main~1")
    git(root, "-c", "user.name=E", "-c", "user.email=e@e", "commit", "-q", "--allow-empty", "-m", "side")
    git(root, "-c", "user.name=E", "-c", "user.email=e@e", "merge", "-q", "--no-ff", "-m", "foxtrot", "main")
    git(root, "branch", "-f", "main", "side")
    git(root, "checkout", "-q", "main")
    with open_index(index) as grown, open_index(tmp_path / "fresh.sqlite") as fresh:
        bring_up(grown, Git(root), now=NOW)
        bring_up(fresh, Git(root), now=NOW)
        for table in ("commits", "nodes"):
            asked = f"SELECT * FROM {table} ORDER BY 1, 2"
            assert grown.execute(asked).fetchall() == fresh.execute(asked).fetchall()


def test_a_merge_of_an_unrelated_history_in_the_first_place(history: History, tmp_path: Path) -> None:
    index = tmp_path / "i.sqlite"
    history.add(files({"w1": pinned(1)}), BEGIN)
    root = history.write()
    ask(root, "w1", index)
    who = ("-c", "user.name=E", "-c", "user.email=e@e")
    dates = {f"GIT_{role}_DATE": f"{BEGIN + DAY} +0000" for role in ("AUTHOR", "COMMITTER")}
    git(root, "checkout", "-q", "--orphan", "other")
    Git(root)(*who, "commit", "-q", "-m", "another root", env=dates)
    merge = ("merge", "-q", "--no-ff", "--allow-unrelated-histories", "-s", "ours", "-m", "both", "main")
    Git(root)(*who, *merge, env=dates)
    git(root, "branch", "-f", "main", "other")
    git(root, "checkout", "-q", "main")
    assert ask(root, "w1", index)[-1].digest == digest(1)


@pytest.mark.parametrize("damage", [b"", b"not a database", b"SQLite format 3\x00garbage" * 50])
def test_a_damaged_index_is_made_anew(history: History, tmp_path: Path, damage: bytes) -> None:
    index = tmp_path / "i.sqlite"
    history.add(files({"w1": pinned(1)}), BEGIN)
    root = history.write()
    before = ask(root, "w1", index)
    index.write_bytes(damage)
    assert ask(root, "w1", index) == before


def test_an_index_of_another_format_is_made_anew(history: History, tmp_path: Path) -> None:
    index = tmp_path / "i.sqlite"
    history.add(files({"w1": pinned(1)}), BEGIN)
    root = history.write()
    before = ask(root, "w1", index)
    with sqlite3.connect(index) as base:
        base.execute("UPDATE state SET value = '0'")
    base.close()
    assert ask(root, "w1", index) == before


def test_an_index_that_another_process_holds(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = tmp_path / "i.sqlite"
    monkeypatch.setattr("imagekit.audit.index._WAIT", 0.05)
    history.add(files({"w1": pinned(1)}), BEGIN)
    root = history.write()
    ask(root, "w1", index)
    other = sqlite3.connect(index, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(ToolError, match="locked"):
            ask(root, "w1", index)
    finally:
        other.close()


def test_a_node_that_nobody_knows(history: History, tmp_path: Path) -> None:
    history.add(files({"worker-1": pinned(1)}), BEGIN)
    root = history.write()
    with pytest.raises(ConfigError, match="ever had a node 'worker-l'") as caught:
        ask(root, "worker-l", tmp_path / "i.sqlite")
    assert "worker-1" in caught.value.hint


def test_the_same_question_of_a_year_ago_is_answered_the_same(history: History, tmp_path: Path) -> None:
    history.add(files({"w1": pinned(1)}), BEGIN)
    index = tmp_path / "i.sqlite"
    first = ask(history.write(), "w1", index)
    history.add(files({"w1": pinned(2)}), BEGIN + 50 * DAY)
    later = ask(history.write(), "w1", index)
    assert later[1].begin == first[1].begin
    assert later[1].end == BEGIN + 50 * DAY
