"""Released digests of a real ledger and fleet file, rehearsed against a simulated registry and machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from imagekit.app.context import open_release_context
from imagekit.checks.outcome import Outcome
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.drift.fleet import rehearse, released_of
from imagekit.drift.interface import InfrastructureError
from imagekit.drift.model import Released, Result, Trial
from imagekit.oci.reference import Reference
from imagekit.release.channel.promote import promote
from imagekit.release.channel.yank import yank
from tests.support.images import LayoutImage, write_image
from tests.support.inventories import base, put
from tests.support.layout import layer, layout
from tests.support.project import commit, make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.released import NAME, release
from tests.support.simbackend import SimBackend


@dataclass
class House:
    """A project with two releases, the second promoted later."""

    project: Project
    world: RegistrySimulator
    old: Reference
    new: Reference

    def rehearse(self, released: Released, newest: Released | None, backend: SimBackend | None = None) -> Trial:
        folder = self.project.work / "nights/n1/x"
        return rehearse(self.project, backend or SimBackend(), NAME, released, newest, folder)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    root = make_project(tmp_path / "project")
    (root / ".git/info/exclude").write_text(".imagekit\n")
    with simulated_registry(referrers_api=True) as world, world.client() as client:
        project = replace(load_project(root), settings=Settings(registry=world.address))
        project.work.mkdir()
        made = []
        for version in ("v1", "v2"):
            members = base()
            put(members, "etc/kairos-release", f'KAIROS_VERSION="{version}"\n'.encode())
            labels = {"org.opencontainers.image.version": version}
            digest = layout(tmp_path / version, [layer(*members.values())], labels=labels)
            image = LayoutImage(tmp_path / version, digest, ())
            made.append(release(project, image, client, version=version))
            with open_release_context(project, actor="Bob") as context:
                # Seconds later, as records have whole seconds.
                later = replace(context, now=context.now + timedelta(seconds=len(made)))
                promote(later, made[-1], "dev", image=NAME)
        yield House(project, world, *made)


def test_what_channels_and_fleet_files_name(house: House) -> None:
    assert house.old.digest is not None
    text = f'version: 1\nnodes:\n  n1:\n    image: {NAME}\n    digest: "{house.old.digest}"\n'
    (house.project.root / "fleet").mkdir()
    (house.project.root / "fleet/site.yaml").write_text(text)
    commit(house.project.root, "fleet", "2026-11-24T12:00:00+00:00")
    found = released_of(house.project, NAME)
    assert [(each.digest, each.named_by) for each in found] == [
        (str(house.new.digest), ("channel dev",)),
        (str(house.old.digest), ("node n1",)),
    ]
    assert released_of(house.project, "other") == ()


def both(house: House) -> tuple[Released, Released]:
    [new] = released_of(house.project, NAME)
    old = Released(digest=str(house.old.digest), reference=str(house.old), named_by=("node n1",))
    return old, new


def test_the_newest_is_installed_and_an_older_one_gone_back_to(house: House) -> None:
    old, new = both(house)
    backend = SimBackend()
    assert house.rehearse(new, None, backend).result is Result.GOOD
    assert house.rehearse(old, new, backend).result is Result.GOOD
    assert [name for name in backend.calls if name.startswith("scenario")] == ["scenario install", "scenario rollback"]
    assert [subject.image.version for subject in backend.subjects] == ["v2", "v2"]


def test_a_scenario_that_breaks_its_promise(house: House) -> None:
    old, new = both(house)
    found = house.rehearse(old, new, SimBackend(scenario_outcomes={"rollback": Outcome.FAILED}))
    assert (found.result, found.failed) == (Result.BAD, ("scenario:rollback",))


def test_a_withdrawn_digest_is_no_good_answer(house: House) -> None:
    old, new = both(house)
    with open_release_context(house.project, actor="Bob") as context:
        homes = [Reference.parse(f"{house.world.address}/imagekit/{NAME}")]
        yank(context, house.new, image=NAME, reason="CVE-2026-1", homes=homes)
    found = house.rehearse(new, None)
    assert found.result is Result.BAD
    assert "CVE-2026-1" in found.reason or "withdrawn" in found.reason or "yank" in found.reason
    assert house.rehearse(old, None).result is Result.GOOD


def test_a_digest_that_is_signed_by_nobody_is_bad(house: House, tmp_path: Path) -> None:
    from imagekit.registry.transfer import push_image

    image = write_image(tmp_path / "bare", (b"bare" * 300,))
    reference = Reference(house.world.address, f"imagekit/{NAME}", None, image.digest)
    with house.world.client() as client:
        push_image(image.layout, image.digest, reference, client)
    found = house.rehearse(Released(digest=str(image.digest), reference=str(reference), named_by=("node n1",)), None)
    assert found.result is Result.BAD


def test_a_registry_that_is_down_is_no_answer(house: House) -> None:
    _, new = both(house)
    gone = replace(new, reference=new.reference.replace(house.world.address, "127.0.0.1:1"))
    with pytest.raises(InfrastructureError):
        house.rehearse(gone, None)


def test_machines_that_do_not_work_are_no_answer(house: House) -> None:
    _, new = both(house)

    class Broken(SimBackend):
        def called(self, name: str) -> None:
            if name.startswith("scenario"):
                raise OSError(28, "No space left on device")
            super().called(name)

    with pytest.raises(InfrastructureError, match="No space left"):
        house.rehearse(new, None, Broken())


def test_a_project_without_a_key_has_released_nothing(tmp_path: Path) -> None:
    project = load_project(make_project(tmp_path / "project"))
    assert released_of(project, NAME) == ()
