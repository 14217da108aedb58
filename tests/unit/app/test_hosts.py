"""Where machines go when there are several hosts: asked, probed, left out by name, refused with what would fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from imagekit.app import hosts
from imagekit.app.needs import libvirt_uri, libvirt_uris
from imagekit.base.errors import ToolError
from imagekit.config.load import Project, load_project
from imagekit.machine.accel import Acceleration
from imagekit.machine.errors import HypervisorError
from imagekit.machine.hosts import HostLoad
from imagekit.machine.interface import Accelerator, VmShape
from tests.support.project import make_project

SYSTEM, SESSION, OTHER = "qemu:///system", "qemu:///session", "qemu+ssh://tester@lab.example/system"
SHAPE = VmShape(memory_mib=2048)


@pytest.fixture
def spread(tmp_path: Path) -> Callable[..., Project]:
    def made(*uris: str) -> Project:
        root = make_project(tmp_path)
        listed = "".join(f"\n  - {uri}" for uri in uris)
        (root / "imagekit.yaml").write_text("version: 1\n" + (f"libvirt_uris:{listed}\n" if uris else ""))
        return load_project(root)

    return made


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> dict[str, HostLoad | str]:
    """What each host says; a text is why it cannot start a machine."""
    told: dict[str, HostLoad | str] = {}

    def probed(_project: Project, uri: str) -> Acceleration:
        if isinstance(found := told[uri], str):
            raise HypervisorError(found)
        return Acceleration(Accelerator.TCG, 1.0)

    def loaded(uri: str) -> HostLoad:
        found = told[uri]
        assert not isinstance(found, str)
        return found

    class Answers:
        def __init__(self, _uri: str) -> None:
            pass

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(hosts, "acceleration_at", probed)
    monkeypatch.setattr(hosts, "host_load", loaded)
    monkeypatch.setattr(hosts, "libvirt", Answers)
    return told


def load(uri: str, *, busy: int = 0, free: int = 8000) -> HostLoad:
    return HostLoad(uri=uri, computer=uri, cores=4, busy=busy, free_mib=free)


def test_of_several_addresses_the_first_is_the_one_for_all_else(spread: Callable[..., Project]) -> None:
    project = spread(SESSION, OTHER, SESSION)
    assert libvirt_uri(project) == SESSION
    assert libvirt_uris(project) == (SESSION, OTHER)


def test_an_only_host_is_not_asked(spread: Callable[..., Project], answering: dict[str, HostLoad | str]) -> None:
    assert hosts.host_for(spread(OTHER), "node", SHAPE) == OTHER
    assert hosts.host_for(spread(), "node", SHAPE) == libvirt_uri(spread())
    assert answering == {}


def test_a_machine_goes_to_the_freest(spread: Callable[..., Project], answering: dict[str, HostLoad | str]) -> None:
    answering |= {SYSTEM: load(SYSTEM, busy=2), OTHER: load(OTHER)}
    assert hosts.host_for(spread(SYSTEM, OTHER), "node", SHAPE) == OTHER


@pytest.mark.parametrize(
    "why", ["libvirt does not answer at qemu+ssh://tester@lab.example/system: no route to host", "no such file"]
)
def test_a_host_that_can_start_none_is_left_out_and_named(
    spread: Callable[..., Project],
    answering: dict[str, HostLoad | str],
    caplog: pytest.LogCaptureFixture,
    why: str,
) -> None:
    answering |= {SYSTEM: load(SYSTEM, busy=4), OTHER: why}
    with caplog.at_level("INFO", logger="imagekit"):
        assert hosts.host_for(spread(SYSTEM, OTHER), "node", SHAPE) == SYSTEM
    assert f"no machine goes to {OTHER}: {why}" in caplog.text


def test_when_none_can_all_reasons_are_said(
    spread: Callable[..., Project], answering: dict[str, HostLoad | str]
) -> None:
    answering |= {SYSTEM: "it is off", OTHER: "no route to host"}
    with pytest.raises(ToolError) as caught:
        hosts.host_for(spread(SYSTEM, OTHER), "node", SHAPE)
    assert f"{SYSTEM}: it is off" in str(caught.value)
    assert f"{OTHER}: no route to host" in str(caught.value)


def test_a_machine_that_fits_nowhere_is_refused_with_what_fits(
    spread: Callable[..., Project], answering: dict[str, HostLoad | str]
) -> None:
    answering |= {SYSTEM: load(SYSTEM, free=2000), OTHER: load(OTHER, free=2256)}
    with pytest.raises(ToolError, match="2048 MiB of memory, and no host has that left") as caught:
        hosts.host_for(spread(SYSTEM, OTHER), "node", SHAPE)
    assert "up to 2000 MiB fit" in caught.value.hint


def test_servers_of_a_test_are_reached_from_this_host_alone(
    spread: Callable[..., Project], answering: dict[str, HostLoad | str]
) -> None:
    answering |= {SYSTEM: load(SYSTEM, busy=4), OTHER: load(OTHER)}
    assert hosts.host_for(spread(SYSTEM, OTHER), "node", SHAPE, here=True) == SYSTEM
    with pytest.raises(ToolError, match="must run on this host"):
        hosts.host_for(spread(OTHER), "node", SHAPE, here=True)


def test_suites_with_servers_go_side_by_side_on_this_host_alone(
    spread: Callable[..., Project], answering: dict[str, HostLoad | str]
) -> None:
    answering |= {SYSTEM: load(SYSTEM), OTHER: load(OTHER)}
    project = spread(SYSTEM, OTHER)
    assert set(hosts.hosts_for(project, "node", SHAPE, 9)) == {SYSTEM, OTHER}
    assert set(hosts.hosts_for(project, "node", SHAPE, 9, here=True)) == {SYSTEM}


def test_a_run_is_refused_before_its_build_when_its_machine_fits_nowhere(
    spread: Callable[..., Project], answering: dict[str, HostLoad | str]
) -> None:
    project = spread(SYSTEM, OTHER)
    answering |= {SYSTEM: load(SYSTEM, free=100), OTHER: load(OTHER, free=200)}
    with pytest.raises(ToolError, match="no host has that left"):
        hosts.require_room(project, next(iter(project.images)))
    answering[OTHER] = load(OTHER)
    hosts.require_room(project, next(iter(project.images)))
