"""One publisher at a time, and no claim outlives its publisher."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from imagekit.registry import lock
from imagekit.registry.claim import CLAIM_PREFIX
from imagekit.registry.client import Registry
from imagekit.registry.errors import LockedError, RegistryError
from imagekit.registry.hostlock import owner_of
from imagekit.registry.lock import locked
from tests.support.registry import RegistrySimulator


def claims(world: RegistrySimulator) -> list[str]:
    return [tag for tag in world.tags.get("x", {}) if tag.startswith(CLAIM_PREFIX)]


def test_claim_is_there_while_held_and_gone_after(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    with locked(client, "x", tmp_path) as held:
        held.require_still_mine()
        assert claims(world) == [held.tag]
    assert claims(world) == []


@pytest.mark.attack
def test_a_refused_claim_is_tried_again_a_few_times(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    """Distribution 2.8 refuses it while another host writes the same blob for the first time."""
    world.fail(f"PUT .*/manifests/{CLAIM_PREFIX}", status=400, times=2)
    with locked(client, "x", tmp_path) as held:
        assert claims(world) == [held.tag]
    world.fail(f"PUT .*/manifests/{CLAIM_PREFIX}", status=400, times=9)
    with pytest.raises(RegistryError, match="status 400"), locked(client, "x", tmp_path):
        pass
    assert claims(world) == []


def test_claim_is_given_back_after_an_error(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(client, "x", tmp_path):
        raise KeyboardInterrupt
    assert claims(world) == []


def test_second_publisher_of_this_host_waits_in_vain(client: Registry, tmp_path: Path) -> None:
    with (
        locked(client, "x", tmp_path),
        pytest.raises(LockedError, match="another process of this host"),
        locked(client, "x", tmp_path, seconds=0.2),
    ):
        pass


def test_publisher_of_another_host_waits_in_vain(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    with locked(client, "x", tmp_path / "here") as held:
        with (
            pytest.raises(LockedError, match="claimed by another publisher: host"),
            locked(client, "x", tmp_path / "there", seconds=0.6),
        ):
            pass
        held.require_still_mine()
        assert claims(world) == [held.tag]


def test_other_repositories_are_free(client: Registry, tmp_path: Path) -> None:
    with locked(client, "x", tmp_path), locked(client, "y", tmp_path):
        pass


def leave_claim(client: Registry, folder: Path) -> None:
    """What a kill -9 leaves behind."""
    folder.mkdir(parents=True, exist_ok=True)
    lock._Host(client, "x", owner_of(folder))._write()


def test_own_dead_claim_is_swept(world: RegistrySimulator, client: Registry, tmp_path: Path) -> None:
    leave_claim(client, tmp_path)
    with locked(client, "x", tmp_path, seconds=1) as held:
        assert claims(world) == [held.tag]


@pytest.mark.parametrize(("minutes", "free"), [(30, False), (50, False), (61, True), (120, True)])
def test_foreign_dead_claim_blocks_for_an_hour_of_the_registry_s_clock(
    world: RegistrySimulator, client: Registry, tmp_path: Path, minutes: int, free: bool
) -> None:
    leave_claim(client, tmp_path / "there")
    world.ahead = minutes * 60
    if free:
        with locked(client, "x", tmp_path / "here", seconds=0.5) as held:
            assert claims(world) == [held.tag]
    else:
        with pytest.raises(LockedError), locked(client, "x", tmp_path / "here", seconds=0.5):
            pass


def test_claims_are_overwritten_where_nothing_can_be_deleted(
    world: RegistrySimulator, client: Registry, tmp_path: Path
) -> None:
    world.deletes = False
    for folder in ("here", "there", "here"):
        with locked(client, "x", tmp_path / folder, seconds=1):
            pass
    assert len(claims(world)) == 3


def test_never_two_winners(world: RegistrySimulator, tmp_path: Path) -> None:
    """Four hosts at once; each raises a counter while it holds the repository."""
    inside, most = [0], [0]

    def publish(host: int) -> None:
        with world.client() as client, locked(client, "x", tmp_path / str(host), seconds=30):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            client.ping()
            inside[0] -= 1

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(publish, host) for host in range(4)]:
            done.result()
    assert most == [1]
    assert claims(world) == []
