"""Where the scenarios start: channel files read strictly, published images only when they verify."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.oci.layout import Compression
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import DigestMismatchError, VerificationError
from imagekit.registry.pull import pull_image
from imagekit.registry.referrers import attach_bundle
from imagekit.registry.transfer import push_image
from imagekit.release.channel.model import ChannelFile, Pointer, to_yaml
from imagekit.scenarios.start import itself, pointers, pulled
from imagekit.scenarios.table import SCENARIOS, chosen, listing
from imagekit.trust.evidence.decisions import yank_statement
from imagekit.trust.evidence.statement import signature_statement
from tests.support.images import evidence_of, signer, verifier
from tests.support.layout import layer, layout, member
from tests.support.registry import RegistrySimulator, simulated_registry
from tests.unit.scenarios.images import with_config

REPOSITORY = "imagekit/debian-node"
POINTER = Pointer(
    version="v1",
    digest="sha256:" + "a" * 64,
    reference="127.0.0.1:20555/imagekit/prod@sha256:" + "a" * 64,
    since=datetime(2026, 11, 22, tzinfo=UTC),
    record=1,
    record_hash="b" * 64,
)


@pytest.fixture
def world() -> Iterator[RegistrySimulator]:
    with simulated_registry() as simulator:
        yield simulator


def write(folder: Path, channel: str, text: str | None = None) -> None:
    folder.mkdir(exist_ok=True)
    data = to_yaml(ChannelFile(channel=channel, images={"debian-node": POINTER})) if text is None else text.encode()
    (folder / f"{channel}.yaml").write_bytes(data)


def test_channels_come_nearest_to_production_first(tmp_path: Path) -> None:
    for channel in ("dev", "prod"):
        write(tmp_path / "channels", channel)
    found = list(pointers(tmp_path / "channels", "debian-node", ("prod", "staging", "dev")))
    assert [pointer.channel for pointer in found] == ["prod", "dev"]
    assert str(found[0].reference) == "127.0.0.1:20555/imagekit/prod@sha256:" + "a" * 64


def test_a_channel_of_another_image_is_not_ours(tmp_path: Path) -> None:
    write(tmp_path / "channels", "prod")
    assert list(pointers(tmp_path / "channels", "other-node", ("prod", "staging", "dev"))) == []
    assert list(pointers(tmp_path / "nothing", "debian-node", ("prod", "staging", "dev"))) == []


@pytest.mark.parametrize(
    "text", ["[]", "version: 1\n", "version: 1\nchannel: prod\nimages: {debian-node: {digest: x}}\n", ": {", ""]
)
def test_a_damaged_channel_file_is_an_error(tmp_path: Path, text: str) -> None:
    write(tmp_path / "channels", "prod", text)
    with pytest.raises(ConfigError):
        list(pointers(tmp_path / "channels", "debian-node", ("prod", "staging", "dev")))


def test_without_any_channel_the_report_says_so(tmp_path: Path) -> None:
    assert "no channel" in itself(tmp_path, Digest.of(b"x"), "v1").said


def published(tmp_path: Path, client: Registry, *, signed: bool) -> Reference:
    folder = tmp_path / "oci"
    made = layout(folder, [layer(member("etc/kairos-release", b"KAIROS_VERSION=v7\n"))], Compression.ZSTD)
    digest = with_config(folder, made)
    reference = Reference(client.address, REPOSITORY, None, digest)
    push_image(folder, digest, reference, client)
    subject = client.manifest(REPOSITORY, digest).descriptor
    for statement in (*evidence_of(digest), signature_statement(digest)) if signed else ():
        bundle = signer().sign(statement)
        attach_bundle(client, REPOSITORY, subject, bundle, predicate_type=statement.predicate_type)
    return reference


def test_a_published_image_is_pulled_whole(tmp_path: Path, world: RegistrySimulator) -> None:
    with world.client() as client:
        reference = published(tmp_path, client, signed=True)
        start = pulled(reference, client, verifier(), tmp_path / "pulled", said="asked for")
        assert start.version == "v7"
        assert start.digest == reference.digest
        assert str(reference) in start.said
        assert pull_image(client, REPOSITORY, start.digest, start.layout) == 0


def test_what_does_not_verify_is_not_pulled(tmp_path: Path, world: RegistrySimulator) -> None:
    with world.client() as client:
        reference = published(tmp_path, client, signed=False)
        with pytest.raises(VerificationError, match="signature"):
            pulled(reference, client, verifier(), tmp_path / "pulled", said="asked for")
    assert not (tmp_path / "pulled").exists()


def test_a_yanked_image_is_no_start(tmp_path: Path, world: RegistrySimulator) -> None:
    with world.client() as client:
        reference = published(tmp_path, client, signed=True)
        assert reference.digest is not None
        subject = client.manifest(REPOSITORY, reference.digest).descriptor
        denial = yank_statement(reference.digest, person="Ada", reason="leaks")
        attach_bundle(client, REPOSITORY, subject, signer().sign(denial), predicate_type=denial.predicate_type)
        with pytest.raises(VerificationError, match="yanked by Ada"):
            pulled(reference, client, verifier(), tmp_path / "pulled", said="asked for")
    assert not (tmp_path / "pulled").exists()


def test_an_altered_layer_leaves_no_manifest(tmp_path: Path, world: RegistrySimulator) -> None:
    with world.client() as client:
        reference = published(tmp_path, client, signed=True)
        assert reference.digest is not None
        blob = client.manifest(REPOSITORY, reference.digest).blobs[-1]
        kept = world.blobs[REPOSITORY]
        kept[str(blob.digest)] = kept[str(blob.digest)][:-1] + b"?"
        with pytest.raises(DigestMismatchError):
            pull_image(client, REPOSITORY, reference.digest, tmp_path / "pulled")
    left = [path.name for path in (tmp_path / "pulled/blobs/sha256").iterdir()]
    assert reference.digest.hex not in left
    assert not [name for name in left if name.startswith(".")]


def test_scenarios_by_name_keep_the_order_of_the_table() -> None:
    assert [scenario.name for scenario in chosen(("reset", "upgrade"))] == ["upgrade", "reset"]
    assert chosen(()) == SCENARIOS
    with pytest.raises(ConfigError, match="no scenario 'rest'") as caught:
        chosen(("rest",))
    assert "'reset'" in caught.value.hint


def test_the_table_has_at_least_twelve_rows_with_a_promise_each() -> None:
    assert len(SCENARIOS) >= 12
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)
    for scenario in SCENARIOS:
        assert scenario.promise.endswith(".")
        assert len(scenario.promise) <= 120
        assert scenario.name in listing()
