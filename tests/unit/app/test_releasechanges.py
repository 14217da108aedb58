"""What a promotion changes is told from signed inventories before it is decided, and hangs at the digest afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagekit.app.context import open_release_context
from imagekit.app.releasechanges import ReleaseChanges, attaching, changes_of
from imagekit.app.trusted import keys_of, trust_of
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.inventory.live import Listening, LiveInventory
from imagekit.inventory.take import take
from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.referrers import attach_bundle
from imagekit.release.channel.promote import promote
from imagekit.trust.evidence.inventory import CHANGES_TYPE, inventory_statement, read_inventory
from imagekit.trust.evidence.statement import MalformedStatementError
from imagekit.trust.proof import read_proof
from imagekit.trust.sign.trustfile import Purpose
from tests.support.images import LayoutImage
from tests.support.inventories import base, inventory, put
from tests.support.layout import layer, layout
from tests.support.project import make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.released import NAME, release

SSH = Listening("tcp", "network", 22, "sshd")
EXPORTER = Listening("tcp", "network", 9100, "node-exporter")


@dataclass(frozen=True, slots=True)
class Fixture:
    """A project and its registry."""

    project: Project
    world: RegistrySimulator

    def published(self, folder: Path, version: str, *, sshd: bytes, open_: tuple[Listening, ...] | None) -> Reference:
        """An image with this sshd_config, released; with `open_` its inventory is in the evidence."""
        members = base()
        put(members, "etc/ssh/sshd_config", sshd)
        digest = layout(folder, [layer(*members.values())], labels={"org.opencontainers.image.version": version})
        with self.world.client() as client:
            reference = release(self.project, LayoutImage(folder, digest, ()), client, version=version)
            if open_ is not None:
                self._attach(client, reference, folder, open_)
        return reference

    def _attach(self, client: Registry, reference: Reference, folder: Path, open_: tuple[Listening, ...]) -> None:
        assert reference.digest is not None
        live = (LiveInventory(boot_path="direct", listening=open_, units={"sshd.service": 1.0}, seconds=30.0),)
        said = inventory_statement(take(folder, reference.digest)[1], live, name=NAME)
        bundle = keys_of(self.project).signer().sign(said.stamped(datetime.now(UTC)))
        image = client.manifest(reference.repository, reference.digest).descriptor
        attach_bundle(client, reference.repository, image, bundle, predicate_type=said.predicate_type)

    def promote(self, reference: Reference) -> ReleaseChanges | None:
        """Promote to dev as the command does."""
        with open_release_context(self.project, actor="Bob") as context:
            changes = changes_of(self.project, context, reference, "dev", NAME)
            promote(attaching(context, changes), reference, "dev", image=NAME)
        return changes


@pytest.fixture
def fixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fixture]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    root = make_project(tmp_path / "project")
    (root / ".git/info/exclude").write_text(".imagekit\n")
    with simulated_registry(referrers_api=True) as world:
        project = replace(load_project(root), settings=Settings(registry=world.address))
        project.work.mkdir()
        yield Fixture(project, world)


def test_the_changes_are_told_before_and_attached_after(fixture: Fixture, tmp_path: Path) -> None:
    first = fixture.published(tmp_path / "one", "v1", sshd=b"PermitRootLogin no\n", open_=(SSH,))
    second = fixture.published(
        tmp_path / "two", "v2", sshd=b"PermitRootLogin no\nPasswordAuthentication no\n", open_=(SSH, EXPORTER)
    )
    new = fixture.promote(first)
    assert new is not None
    assert "dev has no small-node yet" in new.text
    changes = fixture.promote(second)
    assert changes is not None
    assert changes.lines == ("TCP 9100 listens (node-exporter)", "sshd now refuses password logins")
    assert "- sshd now refuses password logins" in changes.markdown
    assert fixture.promote(second) is None
    verifier = trust_of(fixture.project).verifier(Purpose.PROMOTE)
    assert second.digest is not None
    with fixture.world.client() as client:
        (said,) = read_proof(client, f"imagekit/dev/{NAME}", second.digest, verifier).of_type(CHANGES_TYPE)
    assert said.predicate == {"channel": "dev", "before": str(first.digest), "changes": list(changes.lines)}


def test_without_a_signed_inventory_it_is_said_and_nothing_is_attached(fixture: Fixture, tmp_path: Path) -> None:
    first = fixture.published(tmp_path / "one", "v1", sshd=b"PermitRootLogin no\n", open_=None)
    second = fixture.published(tmp_path / "two", "v2", sshd=b"PermitRootLogin yes\n", open_=(SSH,))
    fixture.promote(first)
    changes = fixture.promote(second)
    assert changes is not None
    assert first.digest is not None
    assert f"not known: {first.digest.short} has no signed inventory" in changes.text
    assert changes.lines == ()
    verifier = trust_of(fixture.project).verifier(Purpose.PROMOTE)
    assert second.digest is not None
    with fixture.world.client() as client:
        assert read_proof(client, f"imagekit/dev/{NAME}", second.digest, verifier).of_type(CHANGES_TYPE) == ()


def test_an_inventory_reads_back_as_it_was_stated(tmp_path: Path) -> None:
    found = inventory(tmp_path)
    live = (LiveInventory(boot_path="live", listening=None, units={"a.service": 2.5}),)
    static, again = read_inventory(inventory_statement(found, live))
    assert again == live
    assert static == replace(found, files={"usr/bin/su": found.files["usr/bin/su"]})


@pytest.mark.parametrize("fault", ["missing", "other digest", "wrong type"])
def test_a_statement_that_is_no_inventory_is_refused(tmp_path: Path, fault: str) -> None:
    said = inventory_statement(inventory(tmp_path), ())
    if fault == "missing":
        said = replace(said, predicate={})
    elif fault == "other digest":
        static = {**said.predicate["static"], "digest": "sha256:" + "0" * 64}
        said = replace(said, predicate={**said.predicate, "static": static})
    else:
        said = replace(said, predicate={**said.predicate, "booted": [{"boot_path": 7}]})
    with pytest.raises(MalformedStatementError):
        read_inventory(said)
