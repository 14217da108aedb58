"""Where machines answer, and what a health hook says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from imagekit.app import machinehealth
from imagekit.app.applying import store_of
from imagekit.app.machinehealth import health_of, listed, observe_machines, place_text, wait_for_login
from imagekit.app.observing import place_of
from imagekit.base.errors import ConfigError
from imagekit.base.waiting import DeadlineError
from imagekit.cli import cli
from imagekit.config.load import Project, load_project
from imagekit.machine.errors import BootFailedError
from imagekit.machine.persistent import Found
from imagekit.observe.model import Observation, Source
from imagekit.observe.ssh import Login, Place, Silent
from imagekit.observe.store import Observations
from imagekit.provision.machines.kept import Kept
from imagekit.provision.machines.plan import Action, Step
from tests.support.project import make_project
from tests.support.simhypervisor import SimHypervisor

REFERENCE = f"registry.bank.example/kairos/node@sha256:{'a' * 64}"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load_project(make_project(tmp_path / "project"))


def kept(project: Project, name: str, *, port: int = 0, address: str = "") -> Kept:
    made = Kept(
        name=name,
        node=name.rpartition("-")[0],
        reference=REFERENCE,
        checksum="c" * 64,
        uuid="u",
        token="0" * 64,
        made_of="x",
        port=port,
        address=address,
        host_key="ssh-ed25519 AAAA",
        complete=True,
    )
    store_of(project).write(made)
    return made


def on(*machines: Kept, running: bool = True) -> SimHypervisor:
    return SimHypervisor(
        {each.name: Found(name=each.name, uuid="u", token="0" * 64, running=running) for each in machines}
    )


def test_the_list_tells_state_and_place(project: Project) -> None:
    assert listed(project) == []
    first, second, third = (
        kept(project, "w-1-aaaaaaaaaaaa", port=2222),
        kept(project, "w-2-aaaaaaaaaaaa", address="10.0.0.2"),
        kept(project, "w-3-aaaaaaaaaaaa"),
    )
    hypervisor = on(first, second)
    hypervisor.machines[second.name] = Found(name=second.name, uuid="u", token="1" * 64, running=True)
    rows = listed(project, connect=hypervisor.opened)
    assert [row["state"] for row in rows] == ["running", "gone", "gone"], "one that is not proven ours is gone"
    assert [place_text(row) for row in rows] == ["w-1=127.0.0.1:2222", "", ""]
    assert place_of(place_text(rows[0])) == Place("w-1", "127.0.0.1", 2222)
    assert (second.known_host, third.known_host) == ("10.0.0.2 ssh-ed25519 AAAA\n", "")


def test_the_answer_of_a_health_hook(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        kept(project, f"w-{number}-aaaaaaaaaaaa", port=2220 + number)
    kept(project, "w-4-aaaaaaaaaaaa")

    def said(places: list[Place], login: Login, *, at: int, observer: str) -> Iterator[Observation | Silent]:
        assert login.known_hosts == store_of(project).known_hosts
        for place, mode in zip(places, ("active", "passive", ""), strict=True):
            if not mode:
                yield Silent(place.node, "Connection refused")
                continue
            yield Observation(
                node=place.node, at=at, source=Source.SSH, where="x", observer=observer, version="v1", mode=mode
            )

    monkeypatch.setattr(machinehealth, "observe_nodes", said)
    nodes = health_of(project, user="kairos", key=Path("key"))["nodes"]
    assert {host: each["ready"] for host, each in nodes.items()} == {
        "w-1": True,
        "w-2": False,
        "w-3": False,
        "w-4": False,
    }
    assert nodes["w-1"]["version"] == "v1"
    assert "passive" in nodes["w-2"]["detail"], "a node that fell back is not well"
    assert nodes["w-3"]["detail"] == "Connection refused"


def test_nobody_to_ask_is_no_observation(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no machine is on"):
        observe_machines(project, Observations(tmp_path / "o.sqlite"), user="kairos", key=tmp_path / "key")


def test_waiting_ends_at_a_machine_that_ended_and_at_the_deadline(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagekit.app.applying import Applied

    made = kept(project, "w-1-aaaaaaaaaaaa", port=1)
    done = Applied((Step(name=made.name, node="w-1", action=Action.MAKE),))
    hypervisor = on(made)
    with pytest.raises(DeadlineError, match="the SSH server of"):
        wait_for_login(project, done, seconds=0, connect=hypervisor.opened)
    looks = iter([True, False])

    def find(name: str) -> Found:
        return Found(name=name, uuid="u", token="0" * 64, running=next(looks))

    monkeypatch.setattr(hypervisor, "find", find)
    with pytest.raises(BootFailedError, match="is off"):
        wait_for_login(project, done, seconds=60, connect=hypervisor.opened)


def test_the_commands(project: Project) -> None:
    def call(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["--project", str(project.root), "provision", *words])
        return done.exit_code, done.output

    assert json.loads(call("machines", "--json")[1]) == []
    assert call("machines", "--json", "--places")[0] == 2
    assert call("machines", "--health")[0] == 2
    assert call("apply")[0] == 2
    assert call("apply", "--target", "libvirt", "--destroy", "--prune")[0] == 2
