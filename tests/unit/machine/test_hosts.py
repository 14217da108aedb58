"""Hosts: which one a machine goes to, and how many machines run side by side where."""

from __future__ import annotations

import pytest

from imagekit.machine.hosts import HostLoad, freest, is_remote, lanes

SYSTEM, SESSION, OTHER = "qemu:///system", "qemu:///session", "qemu+ssh://tester@lab.example/system"


def load(uri: str = SYSTEM, *, computer: str = "", cores: int = 4, busy: int = 0, free: int = 20000) -> HostLoad:
    return HostLoad(uri=uri, computer=computer or uri, cores=cores, busy=busy, free_mib=free)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (None, False),
        (SYSTEM, False),
        (SESSION, False),
        ("qemu+unix:///system?socket=/run/lab/libvirt-sock", False),
        (OTHER, True),
        ("qemu+ssh://10.0.0.7:2222/system?keyfile=/root/key", True),
        ("qemu+tls://lab.example/system", True),
        ("qemu+ssh://[2001:db8::7]/session", True),
    ],
)
def test_an_address_with_a_host_is_another_host(uri: str | None, expected: bool) -> None:
    assert is_remote(uri) is expected


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ([load(SYSTEM, busy=1), load(OTHER)], OTHER),
        ([load(SYSTEM), load(OTHER, busy=1)], SYSTEM),
        ([load(SYSTEM, cores=2), load(OTHER, cores=32, busy=16)], OTHER),
        ([load(SYSTEM, free=4000), load(OTHER, free=5000)], OTHER),
        ([load(SYSTEM), load(OTHER)], SYSTEM),
        ([load(SYSTEM, cores=64, free=1000), load(OTHER, cores=2, busy=2)], OTHER),
        ([load(SYSTEM, cores=2, busy=8), load(OTHER, cores=2, busy=9)], SYSTEM),
    ],
)
def test_a_machine_goes_where_most_is_idle(loads: list[HostLoad], expected: str) -> None:
    found = freest(loads, memory_mib=1280)
    assert found is not None
    assert found.uri == expected


def test_two_daemons_of_one_computer_share_its_processors() -> None:
    """The session's daemon has no guest, and yet its computer is busy with the system's."""
    one = [load(SYSTEM, computer="a", busy=4), load(SESSION, computer="a")]
    found = freest([*one, load(OTHER, cores=2)], memory_mib=1280)
    assert found is not None
    assert found.uri == OTHER


def test_a_guest_that_fits_nowhere_goes_nowhere() -> None:
    assert freest([load(free=1000), load(OTHER, free=1279)], memory_mib=1280) is None
    assert freest([], memory_mib=1) is None


@pytest.mark.parametrize(
    ("cores", "free", "expected"),
    [(1, 8000, 1), (2, 20000, 1), (4, 20000, 2), (16, 20000, 8), (16, 3000, 1), (8, 100, 1)],
)
def test_as_many_lanes_as_cores_and_memory_carry(cores: int, free: int, expected: int) -> None:
    assert lanes([load(cores=cores, free=free)], memory_mib=1024, cpus=2) == (SYSTEM,) * expected


def test_machines_of_one_processor_take_a_core_each() -> None:
    assert lanes([load(cores=2)], memory_mib=1024, cpus=1) == (SYSTEM, SYSTEM)


def test_each_host_adds_its_own_lanes() -> None:
    found = lanes([load(cores=2), load(OTHER, cores=6)], memory_mib=1024, cpus=2)
    assert sorted(found) == sorted([SYSTEM, OTHER, OTHER, OTHER])


def test_the_first_lanes_are_one_of_each_computer_the_most_idle_first() -> None:
    loads = [load(SYSTEM, busy=3), load(OTHER, cores=8), load("qemu+ssh://third.example/system", cores=2)]
    found = lanes(loads, memory_mib=1024, cpus=1)
    assert found[:3] == (OTHER, "qemu+ssh://third.example/system", SYSTEM)
    assert len(found) == 14


def test_daemons_of_one_computer_take_turns_on_it() -> None:
    found = lanes([load(SYSTEM, computer="a"), load(SESSION, computer="a")], memory_mib=1024, cpus=1)
    assert found == (SYSTEM, SESSION, SYSTEM, SESSION)


def test_a_host_without_memory_adds_none() -> None:
    assert lanes([load(free=900), load(OTHER, cores=2)], memory_mib=1024, cpus=2) == (OTHER,)
