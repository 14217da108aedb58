"""A kept machine: found by others while its owner lives, ended by its file, its age or its owner (issue 16, 3)."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path

import pytest

from imagekit.app.keptmachine import (
    KeptMachine,
    hold,
    kept_machine,
    kept_machines,
    machine_named,
    stop_machine,
)
from imagekit.base import process
from imagekit.base.errors import ConfigError
from imagekit.checks.tlspeer import Peers, TlsPeer
from imagekit.config.load import load_project
from imagekit.fixtures.network import FixtureNetwork
from imagekit.machine.interface import BootPath
from tests.support.project import make_project
from tests.unit.cli.test_exit_codes import imagekit

PEER = TlsPeer("10.0.2.100", 4711)


def machine(tmp_path: Path, **changes: object) -> KeptMachine:
    made = KeptMachine(
        image="small-node",
        boot_path=BootPath.LIVE,
        run_id="20261128-120000-abcd",
        version="v1",
        digest="sha256:" + "1" * 64,
        folder=str(tmp_path / "run"),
        login="ssh node",
        alias="node",
        ssh_config=str(tmp_path / "machine" / "ssh_config"),
        pace=2.5,
        peers=Peers(PEER, PEER),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@contextmanager
def held(work: Path, kept: KeptMachine) -> Iterator[tuple[list[str], threading.Event]]:
    """A machine that another thread holds; why it ended, and what ends it."""
    why, end = list[str](), threading.Event()
    thread = threading.Thread(target=lambda: why.append(hold(work, kept, timedelta(hours=1), end.is_set)))
    thread.start()
    try:
        while not list((work / "kept").glob("*.json")):
            thread.join(0.01)
        yield why, end
    finally:
        end.set()
        thread.join()


def write(work: Path, kept: KeptMachine) -> Path:
    (work / "kept").mkdir(parents=True, exist_ok=True)
    path = work / "kept" / f"{kept.name}.json"
    path.write_text(json.dumps(asdict(kept)))
    return path


def owned(kept: KeptMachine) -> KeptMachine:
    mine = {"pid": os.getpid(), "started": process.start_time(os.getpid()), "place": process.place()}
    return replace(kept, until="2026-11-28T20:00:00+00:00", **mine)  # type: ignore[arg-type]


def test_others_find_it_while_it_is_held_and_not_after(tmp_path: Path) -> None:
    with held(tmp_path, machine(tmp_path)) as (why, _):
        (found,) = kept_machines(tmp_path)
        assert (found.image, found.boot_path, found.pace, found.peers.trusted) == (
            "small-node",
            BootPath.LIVE,
            2.5,
            PEER,
        )
        assert found.pid == os.getpid()
        assert kept_machine(tmp_path, "small-node") == kept_machine(tmp_path, None, BootPath.LIVE) == found
        assert kept_machine(tmp_path, "other") is kept_machine(tmp_path, None, BootPath.DIRECT) is None
    assert why == [""]
    assert kept_machines(tmp_path) == ()


def test_stopping_ends_it_and_says_so(tmp_path: Path) -> None:
    kept = machine(tmp_path)
    with held(tmp_path, kept) as (why, _):
        assert stop_machine(tmp_path, kept_machines(tmp_path)[0], seconds=5.0)
    assert why == ["stopped by `imagekit machines stop`"]


def test_one_that_does_not_end_is_told(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    assert not stop_machine(tmp_path, owned(machine(tmp_path)), seconds=0.1)


def test_it_ends_at_its_age(tmp_path: Path) -> None:
    why = hold(tmp_path, machine(tmp_path), timedelta(seconds=0.05), lambda: False)
    assert why.startswith("kept for 0 ")
    assert kept_machines(tmp_path) == ()


@pytest.mark.parametrize("fault", ["dead", "reused id", "other boot", "damaged", "empty"])
def test_what_a_dead_owner_left_is_no_machine_and_is_removed(tmp_path: Path, fault: str) -> None:
    mine = owned(machine(tmp_path))
    faults: dict[str, dict[str, object]] = {
        "dead": {"pid": 2**22 - 1},
        "reused id": {"started": 1.0},
        "other boot": {"place": "another-boot pid:[1]"},
    }
    changes = faults.get(fault, {})
    path = write(tmp_path, replace(mine, **changes))  # type: ignore[arg-type]
    if fault in ("damaged", "empty"):
        path.write_text("{" if fault == "damaged" else "")
    assert kept_machines(tmp_path) == ()
    assert not path.exists()


def test_a_name_an_image_or_a_beginning_names_one(tmp_path: Path) -> None:
    one = owned(machine(tmp_path))
    write(tmp_path, one)
    for text in (one.name, "20261128-12", "small-node"):
        assert machine_named(tmp_path, text) == one
    with pytest.raises(ConfigError, match="no kept machine is called 'x'") as caught:
        machine_named(tmp_path, "x")
    assert one.name in caught.value.hint
    write(tmp_path, replace(one, boot_path=BootPath.DIRECT))
    with pytest.raises(ConfigError, match="2 kept machines are called"):
        machine_named(tmp_path, "small-node")


def test_the_commands_without_a_machine(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project")
    assert imagekit(root, "machines", "list").stdout == "no machine is kept\n"
    assert imagekit(root, "machines", "list", "--json").stdout == "[]\n"
    assert imagekit(root, "machines", "stop").returncode == 0
    assert imagekit(root, "machines", "stop", "x").returncode == 2
    done = imagekit(root, "check", "-k", "ssh")
    assert done.returncode == 2
    assert "no machine is kept now" in done.stderr
    assert "imagekit test IMAGE --keep" in done.stderr
    assert imagekit(root, "check", "--help").stdout.startswith("Usage: imagekit check ")


def test_the_list_shows_what_is_kept(tmp_path: Path) -> None:
    root = make_project(tmp_path / "project")
    kept = owned(machine(tmp_path))
    write(load_project(root).work, kept)
    told = imagekit(root, "machines", "list").stdout
    assert told == f"{kept.name}  small-node v1  until 2026-11-28 20:00 UTC  process {os.getpid()}\n"


def test_nothing_is_said_while_a_person_works_on_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    hold(tmp_path, machine(tmp_path), timedelta(seconds=5.0), iter([False] * 14 + [True]).__next__)
    assert not [record for record in caplog.records if "waiting" in record.getMessage()]


HEAVY = (
    "cryptography",
    "docker",
    "libvirt",
    "rich",
    "urllib3",
    "imagekit.trust",
    "imagekit.build",
    "imagekit.machine.boot",
)


# The process that imagekit itself is has read the configuration; the one that runs the checks has its own reasons.
@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("imagekit.app.again", HEAVY),
        ("imagekit.checks.plugin", (*HEAVY, "imagekit.config.load", "imagekit.machine.domain")),
    ],
)
def test_checks_on_a_kept_machine_start_without_heavy_imports(module: str, heavy: tuple[str, ...]) -> None:
    code = f"import sys, {module}\nprint([name for name in {heavy!r} if name in sys.modules])"
    assert process.run([sys.executable, "-c", code], timeout=30).stdout == "[]\n"


def test_a_machine_of_a_suite_is_found_with_its_fixtures(tmp_path: Path) -> None:
    network = FixtureNetwork(folder="/run/x", port=4, pid=5, fixtures=("dns", "ad"), names={"dc1.x.test": "10.0.2.10"})
    with held(tmp_path, machine(tmp_path, suite="ad", network=network)):
        found = kept_machine(tmp_path)
    assert found is not None
    assert (found.suite, found.network) == ("ad", network)
