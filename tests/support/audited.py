"""A small project with a registry, a ledger and a fleet, whose decisions an audit asks about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest

from imagekit.app.auditreport import Asked, audit
from imagekit.app.context import open_release_context
from imagekit.app.keyring import create_key, public_pem, trust_key
from imagekit.app.trusted import keys_of
from imagekit.audit.model import Report
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.oci.reference import Reference
from imagekit.release.channel.promote import promote
from imagekit.release.channel.rollback import rollback
from imagekit.release.channel.yank import yank
from imagekit.trust.sign.keys import PASSWORD_VARIABLE
from imagekit.trust.sign.trustedit import read_trust, write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile
from tests.support.fleethistory import fleet_yaml
from tests.support.images import write_image
from tests.support.project import commit, git, make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.released import NAME, release

POLICY = """\
version: 1
publish: {embedded: true}
channels:
  dev: {embedded: true, tests: null, sbom: [], provenance: {required: false}}
  prod: {embedded: true, tests: null, sbom: [], provenance: {required: false}}
"""


def moment(text: str) -> datetime:
    """A time of the year 2026 in UTC, such as ``03-01T10:00``."""
    return datetime.fromisoformat(f"2026-{text}:00").replace(tzinfo=UTC)


@dataclass
class Scene:
    """The project, with helpers that decide at times of their own."""

    project: Project
    world: RegistrySimulator
    folder: Path

    def version(self, number: int) -> Reference:
        """A published version, signed by the builder."""
        labels = {
            "org.opencontainers.image.version": f"v{number}",
            "org.opencontainers.image.created": "2026-01-01T00:00:00+00:00",
        }
        image = write_image(self.folder / f"v{number}", (b"base" * 500, b"%d" % number * 500), labels)
        with self.world.client() as client:
            return release(self.project, image, client, version=f"v{number}")

    def fleet(self, nodes: Mapping[str, Mapping[str, str]], at: str) -> None:
        """Write the fleet file and commit it at a time."""
        path = self.project.root / "fleet" / "all.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(fleet_yaml({name: {"image": NAME, **fields} for name, fields in nodes.items()}))
        commit(self.project.root, "fleet", moment(at).isoformat())

    def promote(self, source: Reference, channel: str, at: str, reason: str = "a change") -> None:
        """Let a version into a channel, at a time."""
        with self._at(at), open_release_context(self.project, actor="ann@example.org") as context:
            promote(replace(context, now=moment(at)), source, channel, image=NAME, reason=reason)

    def rollback(self, channel: str, at: str) -> None:
        """Let a channel go back."""
        with self._at(at), open_release_context(self.project, actor="ann@example.org") as context:
            rollback(replace(context, now=moment(at)), channel, image=NAME, reason="it is bad")

    def yank(self, source: Reference, at: str) -> None:
        """Withdraw a version."""
        with self._at(at), open_release_context(self.project, actor="ann@example.org") as context:
            yank(replace(context, now=moment(at)), source, image=NAME, reason="for good", homes=[])

    @contextmanager
    def _at(self, at: str) -> Iterator[None]:
        """git's clock for the commits of a decision."""
        names = ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")
        dates = {name: moment(at).isoformat() for name in names}
        with mock.patch.dict("imagekit.base.git._ENVIRONMENT", dates):
            yield

    def ask(self, **asked: object) -> Report:
        """An audit of the project."""
        return audit(self.project, Asked(**asked))  # type: ignore[arg-type]  # tests name options freely


@contextmanager
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch, policy: str = POLICY) -> Iterator[Scene]:
    """A project whose own key builds, and another one promotes; committed on 2026-01-01."""
    monkeypatch.setenv("DOCKER_CONFIG", str(folder / "no-docker-config"))
    monkeypatch.setenv(PASSWORD_VARIABLE, "correct horse")
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    with simulated_registry() as world:
        root = make_project(folder / "project")
        project = replace(load_project(root), settings=Settings(registry=world.address))
        project.work.mkdir()
        (root / ".gitignore").write_text(".imagekit/\n")
        (root / "policy.yaml").write_text(policy)
        keys_of(project).signer()
        key = TrustedKey(id="lead", pem=public_pem(create_key(project, "lead")), purposes=(Purpose.PROMOTE,))
        trust_key(project, key)
        file = read_trust(root)
        assert file is not None
        keys = [
            each.model_copy(update={"purposes": (Purpose.BUILD,)}) if each.id == "project" else each
            for each in file.keys
        ]
        write_trust(root, TrustFile(version=1, keys=tuple(keys)))
        git(root, "update-ref", "-d", "HEAD")  # dated after the decisions to come
        commit(root, "begin", "2026-01-01T00:00:00+00:00")
        git(root, "config", "user.email", "ann@example.org")
        git(root, "config", "user.name", "Ann")
        yield Scene(project, world, folder)
