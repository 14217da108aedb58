"""Keys made, trusted and rotated in a project, and what people sign with them, up to the gate's answer."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from imagekit.app.keyring import create_key, list_keys, public_pem, rotate_key, trust_key
from imagekit.app.people import Hand, approve, waive
from imagekit.app.release import require_signer
from imagekit.app.trusted import keys_of, require_not_yanked, signer_of, trust_of, waivers_for
from imagekit.base.errors import ConfigError
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.transfer import push_image
from imagekit.trust.gate.collect import collect, read_files
from imagekit.trust.sign.interface import KeyFileError, SignatureError
from imagekit.trust.sign.keys import PASSWORD_VARIABLE, KeyStore
from imagekit.trust.sign.trust import load_trust
from imagekit.trust.sign.trustedit import write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile
from tests.support.images import write_image
from tests.support.project import make_project
from tests.support.registry import simulated_registry
from tests.support.release import ADA, BOB

ENVIRON = {PASSWORD_VARIABLE: "correct horse"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / ".imagekit").mkdir()
    return Project(root=tmp_path, images={}, layers={}, settings=Settings())


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    with simulated_registry() as world, world.client() as made:
        yield made


@pytest.fixture
def image(client: Registry, tmp_path: Path) -> Reference:
    made = write_image(tmp_path / "oci")
    reference = Reference(client.address, "imagekit/node", None, made.digest)
    push_image(made.layout, made.digest, reference, client)
    return reference


def person(project: Project, name: str, *purposes: Purpose, holder: str | None = None) -> None:
    """A key pair of this clone, trusted."""
    pem = public_pem(create_key(project, name, environ=ENVIRON))
    trust_key(project, TrustedKey(id=name, pem=pem, purposes=purposes, person=holder))


def hand(project: Project, name: str | None = None, *, who: str | None = None) -> Hand:
    key = f".imagekit/keys/{name}.key" if name else None
    return Hand(project=project, key=key, person=who, environ=ENVIRON)


def test_first_trust_file_keeps_the_own_key(project: Project) -> None:
    keys_of(project).signer()
    person(project, "ada", Purpose.APPROVE, holder=ADA)
    assert [key.id for key in load_trust(project.root).keys] == ["project", "ada"]
    assert signer_of(project, Purpose.BUILD).label == trust_of(project).holders[0].material
    assert {row.key.id: (row.state, row.private) for row in list_keys(project)} == {
        "project": ("counts now", True),
        "ada": ("counts now", True),
    }


def test_the_first_trust_file_of_a_project_that_never_ran_has_its_own_key_too(tmp_path: Path) -> None:
    project = load_project(make_project(tmp_path / "project"))
    person(project, "ada", Purpose.WAIVE, holder=ADA)
    assert [key.id for key in load_trust(project.root).keys] == ["project", "ada"]
    require_signer(project)
    write_trust(project.root, TrustFile(version=1, keys=load_trust(project.root).keys[1:]))
    with pytest.raises(ConfigError, match="trusts no key of this clone to build") as caught:
        require_signer(project)
    assert "keys trust project .imagekit/keys/cosign.pub --purpose build" in caught.value.hint


def test_the_own_keys_password_is_its_own_where_a_persons_is_set(project: Project) -> None:
    KeyStore(project.work / "keys", environ={}).ensure()
    assert KeyStore(project.work / "keys", environ=ENVIRON).open()


def test_private_part_stays_and_is_closed_to_others(project: Project) -> None:
    person(project, "ada", Purpose.APPROVE, holder=ADA)
    private = project.work / "keys" / "ada.key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert "ENCRYPTED" in private.read_text()
    assert "PRIVATE" not in (project.root / "trust.yaml").read_text()
    assert not (project.work / "keys" / "ada.password").exists()
    with pytest.raises(KeyFileError, match="is a private key"):
        public_pem(private)
    private.chmod(0o644)
    with pytest.raises(KeyFileError, match="may be read by others"):
        signer_of(project, Purpose.APPROVE, environ=ENVIRON)


def test_key_without_a_password_is_not_made(project: Project) -> None:
    with pytest.raises(KeyFileError, match="no password for"):
        create_key(project, "ada", environ={})
    assert list((project.work / "keys").glob("*.key")) == []


def test_key_is_never_replaced(project: Project) -> None:
    create_key(project, "ada", environ=ENVIRON)
    with pytest.raises(ConfigError, match="is there already"):
        create_key(project, "ada", environ=ENVIRON)


def test_rotation_changes_who_signs(project: Project) -> None:
    keys_of(project).signer()
    old = signer_of(project, Purpose.BUILD).label
    new = rotate_key(project, "project", new="build-2", environ=ENVIRON)
    signer = signer_of(project, Purpose.BUILD, environ=ENVIRON)
    assert (new, signer.label == old) == ("build-2", False)
    first, second = load_trust(project.root).keys
    assert first.not_after is not None
    assert second.not_before == first.not_after
    assert second.purposes == (Purpose.BUILD, Purpose.PROMOTE)
    rotate_key(project, "build-2", new="build-3", overlap=timedelta(days=1), environ=ENVIRON)
    assert signer_of(project, Purpose.BUILD, environ=ENVIRON).label == trust_of(project).holders[2].material


def test_signing_key_of_the_settings(project: Project) -> None:
    create_key(project, "release", environ=ENVIRON)
    settings = Settings(signing_key=".imagekit/keys/release.key")
    chosen = Project(root=project.root, images={}, layers={}, settings=settings)
    assert signer_of(chosen, Purpose.BUILD, environ=ENVIRON).label
    remote = Project(root=project.root, images={}, layers={}, settings=Settings(signing_key="awskms:///alias/x"))
    assert signer_of(remote, Purpose.BUILD).label == "awskms:///alias/x"
    with pytest.raises(ConfigError, match="a key file is named NAME"):
        signer_of(project, Purpose.BUILD, key="release.pem")


def test_approval_is_attached_in_the_name_of_the_keys_holder(
    project: Project, client: Registry, image: Reference
) -> None:
    person(project, "ada", Purpose.APPROVE, holder=ADA)
    digest = approve(hand(project), client, image, channel="prod", reason="looks good")
    [item] = collect(client, image.repository, digest, trust_of(project), suites={}).items
    assert item.reading.problem is None
    assert item.reading.statement is not None
    assert item.reading.statement.predicate == {"channel": "prod", "person": ADA, "reason": "looks good"}


def test_waiver_is_a_file_that_the_gate_reads(project: Project, client: Registry, image: Reference) -> None:
    person(project, "bob", Purpose.WAIVE, holder=BOB)
    path = waive(hand(project), client, image, check="scenario/install", channels=["prod"], reason="ticket", days=7)
    assert path.parent == project.root / "waivers"
    [item] = read_files(project.root, trust_of(project))
    assert item.reading.problem is None
    assert item.source == str(path.relative_to(project.root))
    assert image.digest is not None
    assert waivers_for(project, image.digest) == (str(Digest.of_file(path)),)
    assert waivers_for(project, Digest.of(b"another")) == ()


def test_who_may_not_is_told_before_anything_is_written(project: Project, client: Registry, image: Reference) -> None:
    person(project, "ada", Purpose.APPROVE, holder=ADA)
    with pytest.raises(SignatureError, match="trusted to approve, not to waive"):
        waive(hand(project, "ada"), client, image, check="scenario/install", channels=["prod"], reason="r", days=1)
    with pytest.raises(SignatureError, match="holds key ada, not Bob"):
        approve(hand(project, "ada", who=BOB), client, image, channel="prod", reason="")
    create_key(project, "eve", environ=ENVIRON)
    with pytest.raises(ConfigError, match="does not say who holds this key"):
        approve(hand(project, "eve"), client, image, channel="prod", reason="")
    with pytest.raises(SignatureError, match="a key that is not trusted"):
        approve(hand(project, "eve", who=ADA), client, image, channel="prod", reason="")
    assert not (project.root / "waivers").exists()
    assert collect(client, image.repository, image.digest, trust_of(project), suites={}).items == ()  # type: ignore[arg-type]


def test_what_nobody_denied_may_be_used(project: Project, client: Registry, image: Reference) -> None:
    keys_of(project).signer()
    assert require_not_yanked(project, client, image) == image.digest
