"""D1 through the project's own release context: the promote key is revoked in trust.yaml, and work goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from imagekit.app.context import open_release_context
from imagekit.app.decided import basis_of
from imagekit.app.keyring import create_key, public_pem, trust_key
from imagekit.app.people import Hand, approve
from imagekit.app.trusted import keys_of
from imagekit.base.errors import ConfigError
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.oci.reference import Digest, Reference
from imagekit.release.channel.promote import promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.yank import yank
from imagekit.release.ledger.chain import Standing
from imagekit.trust.gate.model import GateClosedError
from imagekit.trust.sign.keys import PASSWORD_VARIABLE
from imagekit.trust.sign.trustedit import read_trust, write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile
from tests.support.images import write_image
from tests.support.project import commit, make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.released import NAME, release

pytestmark = pytest.mark.attack
POLICY = """\
version: 1
publish: {embedded: true}
channels:
  dev: {embedded: true, tests: null, sbom: [], provenance: {required: false}}
  prod: {embedded: true, tests: null, sbom: [], provenance: {required: false}}
"""
DATE = "2026-11-22T12:00:00+00:00"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[RegistrySimulator]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    monkeypatch.setenv(PASSWORD_VARIABLE, "correct horse")
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    with simulated_registry() as simulator:
        yield simulator


@pytest.fixture
def project(world: RegistrySimulator, tmp_path: Path) -> Project:
    root = make_project(tmp_path / "project")
    found = replace(load_project(root), settings=Settings(registry=world.address))
    found.work.mkdir()
    (root / ".gitignore").write_text(".imagekit/\n")
    (root / "policy.yaml").write_text(POLICY)
    keys_of(found).signer()
    promoter(found, "old")
    return found


def promoter(project: Project, name: str) -> None:
    """A key of this clone that may promote, committed; the project's own one builds alone."""
    trust_key(project, TrustedKey(id=name, pem=public_pem(create_key(project, name)), purposes=(Purpose.PROMOTE,)))
    file = read_trust(project.root)
    assert file is not None
    keys = [key.model_copy(update={"purposes": (Purpose.BUILD,)}) if key.id == "project" else key for key in file.keys]
    write_trust(project.root, TrustFile(version=1, keys=tuple(keys)))
    commit(project.root, f"trust {name}", DATE)


def revoke(project: Project, name: str) -> None:
    """As docs/release-policy.md says."""
    file = read_trust(project.root)
    assert file is not None
    keys = [key.model_copy(update={"revoked": "stolen"}) if key.id == name else key for key in file.keys]
    write_trust(project.root, TrustFile(version=1, keys=tuple(keys)))


def published(project: Project, world: RegistrySimulator, folder: Path, version: str) -> Reference:
    labels = {"org.opencontainers.image.version": version}
    image = write_image(folder / version, (b"base" * 500, version.encode() * 500), labels)
    with world.client() as client:
        return release(project, image, client, version=version)


def test_a_revoked_promote_key_stops_nobody(project: Project, world: RegistrySimulator, tmp_path: Path) -> None:
    first, second = (published(project, world, tmp_path, version) for version in ("v1", "v2"))
    for source in (first, second):
        with open_release_context(project, actor="ann@example.org") as context:
            promote(context, source, "dev", image=NAME)
    revoke(project, "old")
    promoter(project, "new")
    with open_release_context(project, actor="bob@example.org") as context:
        chain = context.chain()
        assert [entry.standing for entry in chain.entries] == [Standing.FOLLOWED, Standing.PAST]
        promote(context, second, "prod", image=NAME)
        yank(context, second, image=NAME, reason="leaks", homes=[])
        moved = rollback(context, "dev", image=NAME, reason="leaks")
        assert moved.pointer.version == "v1"
        records = context.chain().records
        assert [(item.sequence, item.emergency) for item in records] == [(n, "") for n in range(1, 6)]
        said = dict(records[2].basis)
    assert said["trust.yaml"] == str(Digest.of((project.root / "trust.yaml").read_bytes()))
    assert said["policy.yaml"] == str(Digest.of(POLICY.encode()))


def test_a_lax_policy_that_nobody_committed_promotes_nothing(
    project: Project, world: RegistrySimulator, tmp_path: Path
) -> None:
    source = published(project, world, tmp_path, "v1")
    (project.root / "policy.yaml").write_text(POLICY + "# lax\n")
    before = world.snapshot()
    with (
        open_release_context(project, actor="ann@example.org") as context,
        pytest.raises(ConfigError, match=r"policy\.yaml: not as git's HEAD has it"),
    ):
        promote(context, source, "dev", image=NAME)
    assert world.snapshot() == before


def test_a_trusted_root_that_nobody_committed_promotes_nothing(
    project: Project, world: RegistrySimulator, tmp_path: Path
) -> None:
    """It says who may give certificates: whoever writes that one file is every keyless identity of trust.yaml."""
    source = published(project, world, tmp_path, "v1")
    file = read_trust(project.root)
    assert file is not None
    (project.root / "root.json").write_text("{}")
    write_trust(project.root, file.model_copy(update={"trusted_root": "root.json"}))
    commit(project.root, "a Sigstore of our own", DATE)
    (project.root / "root.json").write_text('{"of": "an attacker"}')
    with (
        open_release_context(project, actor="ann@example.org") as context,
        pytest.raises(ConfigError, match=r"root\.json: not as git's HEAD has it"),
    ):
        promote(context, source, "dev", image=NAME)


def test_a_summary_without_a_record_is_no_soak(project: Project, world: RegistrySimulator, tmp_path: Path) -> None:
    """A key that may promote signs a summary of dev, dated as it likes, for what never was in dev."""
    policy = POLICY.replace("prod: {", "prod: {soak: {channel: dev, time: 1d}, ")
    (project.root / "policy.yaml").write_text(policy)
    commit(project.root, "soak", DATE)
    source = published(project, world, tmp_path, "v1")
    assert source.digest is not None
    with open_release_context(project, actor="ann@example.org") as context:
        with context.registry(source.registry) as client:
            decision = replace(context.gate(client, source, "dev"), at=datetime.now(UTC) - timedelta(days=9))
            context.summarize(client, source, decision)
        with pytest.raises(GateClosedError, match="no record of the ledger let it into dev"):
            promote(context, source, "prod", image=NAME)


def test_what_decides_without_files_is_named_too(project: Project) -> None:
    (project.root / "policy.yaml").unlink()
    (project.root / "trust.yaml").unlink()
    commit(project.root, "neither", DATE)
    names = [name for name, _ in basis_of(project, Digest.of(b"x")).entries]
    assert names == ["policy built in", "own key", "git commit"]


def test_the_soak_is_asked_of_the_ledger(project: Project, world: RegistrySimulator, tmp_path: Path) -> None:
    """D5, whole: the summary of dev is still attached to what dev was rolled back from."""
    policy = POLICY.replace("prod: {", "prod: {soak: {channel: dev, time: 0m}, ")
    (project.root / "policy.yaml").write_text(policy)
    commit(project.root, "soak", DATE)
    sources = [published(project, world, tmp_path, version) for version in ("v1", "v2")]
    with open_release_context(project, actor="ann@example.org") as context:
        for source in sources:
            promote(context, source, "dev", image=NAME)
        rollback(context, "dev", image=NAME, reason="bad")
        first, second = (context.home("dev", NAME).at(source.digest) for source in sources if source.digest)
        with pytest.raises(GateClosedError, match="soak: it was taken back from dev: rolled back by record 3: bad"):
            promote(context, second, "prod", image=NAME)
        promote(context, first, "prod", image=NAME)


def test_an_approval_does_not_outlive_a_rollback(project: Project, world: RegistrySimulator, tmp_path: Path) -> None:
    """One person's --release does not bring back what two decided about before it turned out bad."""
    policy = POLICY.replace("prod: {", "prod: {approvals: {persons: 1}, ")
    (project.root / "policy.yaml").write_text(policy)
    pem = public_pem(create_key(project, "ada"))
    trust_key(project, TrustedKey(id="ada", pem=pem, purposes=(Purpose.APPROVE,), person="Ada"))
    commit(project.root, "approvals", DATE)
    sources = [published(project, world, tmp_path, version) for version in ("v1", "v2")]
    with world.client() as client:
        for source in sources:
            approve(Hand(project=project), client, source, channel="prod", reason="")
    with open_release_context(project, actor="ann@example.org") as context:
        for source in sources:
            promote(context, source, "prod", image=NAME)
        rollback(context, "prod", image=NAME, reason="bad")
        before = world.snapshot()
        with pytest.raises(GateClosedError, match="given before the digest was taken back from prod: rolled back by"):
            promote(context, sources[1], "prod", image=NAME, release=True)
        assert world.snapshot() == before
