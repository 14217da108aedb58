"""A yanked digest as a source of anything: every command refuses it, wherever the denial is known."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagekit.app.conformance import fetched_subject
from imagekit.app.context import open_release_context
from imagekit.app.disks import source_of
from imagekit.app.interface import Subject
from imagekit.app.lifecycle import start_of
from imagekit.app.release import PREDICATE_ANNOTATION
from imagekit.app.trusted import gate_of, keys_of
from imagekit.base.errors import RefusedError
from imagekit.base.process import Completed
from imagekit.build.result import Build
from imagekit.config.load import Project, load_project
from imagekit.config.settings import Settings
from imagekit.oci.reference import MEDIA_TYPE_INDEX, MEDIA_TYPE_MANIFEST, Digest, Reference
from imagekit.registry.referrers import attach_bundle
from imagekit.release.channel.model import ChannelFile, Pointer, channel_path, to_yaml
from imagekit.release.channel.promote import promote
from imagekit.release.channel.yank import yank
from imagekit.scenarios.options import ScenarioOptions
from imagekit.trust.evidence.decisions import YANK_TYPE, yank_statement
from imagekit.trust.sign.keys import KeyStore
from imagekit.trust.sign.trustedit import write_trust
from imagekit.trust.sign.trustfile import Purpose, TrustedKey, TrustFile
from tests.support.images import write_image
from tests.support.project import git, make_project
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.support.released import NAME, release
from tests.unit.cli.test_exit_codes import imagekit

pytestmark = pytest.mark.attack
REPORTED = r"yanked by Bob: CVE-2026-1"
REPOSITORY = f"imagekit/{NAME}"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A project, the registry, and a digest that was released and then yanked."""

    project: Project
    world: RegistrySimulator
    reference: Reference
    build: Build

    def subject(self, digest: Digest) -> Subject:
        """An image under test that has this digest."""
        image = replace(self.build, digest=digest)
        return Subject(project=self.project, name=NAME, image=image, run_id="1", folder=self.project.work)

    def run(self, *arguments: str) -> Completed:
        """Run imagekit as a program."""
        return imagekit(self.project.root, *arguments)


Act = Callable[[Withdrawn], None]


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Withdrawn]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "no-docker-config"))
    # The simulator stands where the embedded registry would be started.
    monkeypatch.setattr("imagekit.app.release.embedded_registry", lambda *_: nullcontext())
    root = make_project(tmp_path / "project")
    image = write_image(tmp_path / "oci", labels={"org.opencontainers.image.version": "v1"})
    build = Build(
        image=NAME,
        plan_id="1" * 64,
        version="v1",
        digest=image.digest,
        layout=image.layout,
        layers=(),
        seconds=1.0,
        reused=True,
    )
    with simulated_registry(referrers_api=True) as world, world.client() as client:
        project = replace(load_project(root), settings=Settings(registry=world.address))
        project.work.mkdir()
        monkeypatch.setattr("imagekit.app.disks.built", lambda *_: build)
        yield Withdrawn(project, world, release(project, image, client), build)


def withdraw(released: Withdrawn) -> None:
    with open_release_context(released.project, actor="Bob") as context:
        yank(context, released.reference, image=NAME, reason="CVE-2026-1", homes=[])


def _as_it_is(released: Withdrawn) -> None:
    """The denial is at the registry and among the files."""


def _lost_by_the_registry(released: Withdrawn) -> None:
    manifests = released.world.manifests[REPOSITORY]
    [denial] = [
        digest
        for digest, (_, raw) in manifests.items()
        if json.loads(raw).get("annotations", {}).get(PREDICATE_ANNOTATION) == YANK_TYPE
    ]
    del manifests[denial]


def _not_in_this_checkout(released: Withdrawn) -> None:
    git(released.project.root, "reset", "-q", "--hard", "HEAD~1")
    assert not (released.project.root / "yanks").exists()


def _deleted_from_the_folder(released: Withdrawn) -> None:
    """Whoever may delete one file of the checkout, and a pusher: the commit has the denial still."""
    _lost_by_the_registry(released)
    [path] = (released.project.root / "yanks").iterdir()
    path.unlink()


def _at_the_registry_alone(released: Withdrawn) -> None:
    """A checkout of before the yank: no file of it names the digest."""
    [path] = (released.project.root / "yanks").iterdir()
    path.unlink()


def index_of(released: Withdrawn) -> Reference:
    """An index at the registry that lists the released image."""
    entry = {"mediaType": MEDIA_TYPE_MANIFEST, "digest": str(released.reference.digest), "size": 1}
    listed = entry | {"platform": {"os": "linux", "architecture": "amd64"}}
    raw = json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE_INDEX, "manifests": [listed]}).encode()
    released.world.manifests[REPOSITORY][str(Digest.of(raw))] = (MEDIA_TYPE_INDEX, raw)
    return released.reference.at(Digest.of(raw))


def _disk(released: Withdrawn) -> None:
    source_of(released.project, str(released.reference))


def _disk_by_key(released: Withdrawn) -> None:
    source_of(released.project, str(released.reference), verifier=keys_of(released.project).verifier())


def _conformance(released: Withdrawn) -> None:
    fetched_subject(released.project, released.reference)


def _conformance_of_an_index(released: Withdrawn) -> None:
    """The denial is of the image, what is named is an index that lists it."""
    fetched_subject(released.project, index_of(released))


def _upgrade_from(released: Withdrawn) -> None:
    start_of(released.subject(Digest.of(b"newer")), ScenarioOptions(upgrade_from=str(released.reference)))


def _upgrade_from_what_a_channel_names(released: Withdrawn) -> None:
    pointer = Pointer(
        version="v1",
        digest=str(released.reference.digest),
        reference=str(released.reference),
        since=datetime.now(UTC),
        record=1,
        record_hash="0" * 64,
    )
    path = released.project.root / channel_path("prod")
    path.parent.mkdir()
    path.write_bytes(to_yaml(ChannelFile(channel="prod", images={NAME: pointer})))
    start_of(released.subject(Digest.of(b"newer")), ScenarioOptions())


def _gate(released: Withdrawn) -> None:
    with released.world.client() as client:
        gate_of(released.project, client, released.reference, "dev").require_passed()


def _promote(released: Withdrawn) -> None:
    with open_release_context(released.project, actor="Bob") as context:
        promote(context, released.reference, "dev", image=NAME)


USES = {
    "disk REF": _disk,
    "disk REF --key": _disk_by_key,
    "conformance REF": _conformance,
    "conformance INDEX": _conformance_of_an_index,
    "test --upgrade-from": _upgrade_from,
    "test --lifecycle, from a channel": _upgrade_from_what_a_channel_names,
    "gate": _gate,
    "promote": _promote,
}


@pytest.mark.parametrize(
    ("use", "state"),
    [pytest.param(use, _as_it_is, id=name) for name, use in USES.items()]
    + [
        pytest.param(USES[name], state, id=f"{name}, {state.__name__.strip('_').replace('_', ' ')}")
        for name in ("disk REF", "test --upgrade-from", "gate", "promote")
        for state in (_lost_by_the_registry, _not_in_this_checkout, _deleted_from_the_folder)
    ],
)
def test_refused(released: Withdrawn, use: Act, state: Act) -> None:
    withdraw(released)
    state(released)
    before = released.world.tags.copy()
    with pytest.raises(RefusedError, match=REPORTED.replace(": ", r".*: ")):
        use(released)
    assert released.world.tags == before
    assert not list(released.project.work.glob("pulled/*"))
    assert not list(released.project.work.glob("fetched/*"))


def test_verify_and_gate_say_so_and_end_with_1(released: Withdrawn) -> None:
    withdraw(released)
    _lost_by_the_registry(released)
    for arguments in (("verify", str(released.reference)), ("gate", str(released.reference), "--channel", "dev")):
        done = released.run(*arguments)
        assert done.returncode == 1, done.stdout + done.stderr
        assert re.search(f"unsatisfied +yank +{REPORTED}", done.stdout), done.stdout


@pytest.mark.parametrize("state", [_as_it_is, _lost_by_the_registry, _at_the_registry_alone])
def test_verify_by_one_key_refuses_what_others_deny(released: Withdrawn, tmp_path: Path, state: Act) -> None:
    """D34: `verify --key BUILD.pub` said yes to a digest that the promoter had yanked."""
    root = released.project.root
    pem = KeyStore(tmp_path / "promoter", environ={})
    pem.ensure()
    keys = [
        TrustedKey(id="build", pem=keys_of(released.project).public_path.read_text(), purposes=(Purpose.BUILD,)),
        TrustedKey(id="promoter", pem=pem.public_path.read_text(), purposes=(Purpose.PROMOTE,)),
    ]
    write_trust(root, TrustFile(version=1, keys=tuple(keys)))
    build = str(keys_of(released.project).public_path)
    good = released.run("verify", str(released.reference), "--key", build)
    assert good.returncode == 0, good.stdout + good.stderr
    digest = released.reference.digest
    assert digest is not None
    said = yank_statement(digest, person="Bob", reason="CVE-2026-1").stamped(datetime.now(UTC))
    bundle = pem.open().sign(said)
    (root / "yanks").mkdir()
    (root / "yanks" / f"{digest.hex}.json").write_bytes(bundle)
    with released.world.client() as client:
        subject = client.manifest(REPOSITORY, digest).descriptor
        attach_bundle(client, REPOSITORY, subject, bundle, predicate_type=said.predicate_type)
    state(released)
    done = released.run("verify", str(released.reference), "--key", build)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(f"unsatisfied +yank +{REPORTED}", done.stdout), done.stdout


@pytest.mark.parametrize("use", [USES[name] for name in ("disk REF", "conformance REF", "gate", "promote")])
def test_what_nobody_yanked_may_be_used(released: Withdrawn, use: Act) -> None:
    use(released)


def test_no_disk_of_an_own_build_whose_digest_was_yanked(released: Withdrawn) -> None:
    assert source_of(released.project, NAME).manifest == released.reference.digest
    withdraw(released)
    with pytest.raises(RefusedError, match=REPORTED):
        source_of(released.project, NAME)


def test_an_image_in_a_yanked_index_is_refused(released: Withdrawn) -> None:
    index = index_of(released)
    assert index.digest is not None
    said = yank_statement(index.digest, person="Bob", reason="CVE-2026-1")
    bundle = keys_of(released.project).signer().sign(said)
    with released.world.client() as client:
        subject = client.manifest(REPOSITORY, index.digest).descriptor
        attach_bundle(client, REPOSITORY, subject, bundle, predicate_type=said.predicate_type)
    with pytest.raises(RefusedError, match=REPORTED):
        fetched_subject(released.project, index)


def test_an_image_of_strangers_may_be_looked_at_where_nobody_is_trusted(released: Withdrawn) -> None:
    keys_of(released.project).public_path.unlink()
    assert fetched_subject(released.project, released.reference).digest == released.reference.digest


def test_a_ledger_elsewhere_keeps_the_denial(released: Withdrawn, tmp_path: Path) -> None:
    ledger = make_project(tmp_path / "ledger")
    project = replace(released.project, settings=released.project.settings.model_copy(update={"ledger": str(ledger)}))
    elsewhere = replace(released, project=project)
    withdraw(elsewhere)
    _lost_by_the_registry(elsewhere)
    assert not (project.root / "yanks").exists()
    with pytest.raises(RefusedError, match=REPORTED):
        _disk(elsewhere)


def test_a_manifest_with_the_digest_is_refused(released: Withdrawn, tmp_path: Path) -> None:
    """`provision check` reads the project's ledger and its signed denials; without them it says that it did not."""
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "nodeops.operator.kairos.io"},
        "spec": {
            "group": "operator.kairos.io",
            "names": {"kind": "NodeOp", "plural": "nodeops"},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": "v1alpha1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                }
            ],
        },
    }
    (tmp_path / "crds").mkdir()
    (tmp_path / "crds" / "nodeop.yaml").write_text(json.dumps(crd))
    image = f"registry.bank.example/kairos/node@{released.reference.digest}"
    manifest = {"apiVersion": "operator.kairos.io/v1alpha1", "kind": "NodeOp", "spec": {"image": image}}
    (tmp_path / "m.yaml").write_text(json.dumps({**manifest, "metadata": {"name": "x", "namespace": "fleet"}}))
    argv = ("provision", "check", str(tmp_path / "m.yaml"), "--schemas", str(tmp_path / "crds"))
    assert released.run(*argv).returncode == 0
    withdraw(released)
    done = released.run(*argv)
    assert done.returncode == 1
    assert "[image-yanked]" in done.stdout
    assert re.search("CVE-2026-1", done.stdout)
    done = released.run(*argv, "--without-ledger")
    assert (done.returncode, "withdrawn digests were not asked for" in done.stdout) == (0, True)
