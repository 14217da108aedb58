"""Publishing to real registries, CNCF distribution 2.8 and 3: crashes, races, spoilt storage, bytes and memory."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, repeat
from pathlib import Path
from random import Random
from signal import SIGKILL
from time import monotonic

import pytest

from imagekit.base.process import run
from imagekit.oci.manifest import Descriptor
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.blobs import BlobSource
from imagekit.registry.client import Registry
from imagekit.registry.transfer import copy_image, push_image
from imagekit.trust.sign.native import NativeVerifier
from imagekit.trust.verify import verify_image
from tests.support.dockerregistry import PROGRAMS, DockerRegistry
from tests.support.forked import Ended, forked
from tests.support.images import fixed_key, write_image
from tests.support.publisher import REPOSITORY
from tests.support.publisher import main as publish

pytestmark = [pytest.mark.registry, pytest.mark.attack]
ROOT = Path(__file__).parents[3]
VERIFIER = NativeVerifier(fixed_key().public_key())


def publisher(
    server: DockerRegistry, tag: str, folder: Path, kill_at: int = -1, *, kill_after: float | None = None
) -> Ended:
    """Run a publisher to its end, natural or not."""
    return forked(publish, server.address, tag, folder, kill_at, home=folder, kill_after=kill_after)


def user_tags(client: Registry) -> list[str]:
    return [tag for tag in client.tags(REPOSITORY) if not tag.startswith("sha256-")]


def kill_before(server: DockerRegistry, client: Registry, folder: Path, moments: Iterable[int]) -> int:
    """Kill a publish before each of these requests and run it again; returns how many requests a publish has."""
    for moment in moments:
        tag, each = f"v{moment + 1}", folder / f"node{moment}"
        ended = publisher(server, tag, each, kill_at=moment)
        if ended.code == 0:
            assert ended.words[0] == "published", ended.words
            return moment  # the publish was over before that request
        reference = Reference(server.address, REPOSITORY, tag)
        if client.resolve(reference) is not None:
            assert verify_image(reference, client, VERIFIER).passed, f"request {moment}"
        assert publisher(server, tag, each).words[0] in ("published", "no-op"), f"request {moment}"
        assert verify_image(reference, client, VERIFIER).passed
    raise AssertionError("unreachable")


def check_kills(server: DockerRegistry, client: Registry, folder: Path, moments: Iterable[int]) -> None:
    assert kill_before(server, client, folder, moments) > 60
    assert not [tag for tag in client.tags(REPOSITORY) if "claim" in tag]


def test_kill_9_before_each_request_leaves_no_unproven_tag_and_a_rerun_completes(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    """Every request on one of the two registries: the even ones on 2.8, the odd ones on 3."""
    check_kills(server, client, tmp_path, count(PROGRAMS.index(server.program), len(PROGRAMS)))


@pytest.mark.nightly(minutes=2)
def test_kill_9_before_each_request_on_each_registry(server: DockerRegistry, client: Registry, tmp_path: Path) -> None:
    check_kills(server, client, tmp_path, count())


@pytest.mark.nightly(minutes=2)
def test_kill_9_at_fifty_random_moments(server: DockerRegistry, client: Registry, tmp_path: Path) -> None:
    """Between requests too: while a blob is read, hashed, signed or waited for."""
    assert publisher(server, "first", tmp_path / "first").words[0] == "published"  # the server of forks starts too
    begun = monotonic()
    assert publisher(server, "v0", tmp_path / "whole").words[0] == "published"
    whole, dice, killed = monotonic() - begun, Random(20261127), 0
    for number in range(50):
        tag, folder = f"v{number + 1}", tmp_path / f"node{number}"
        ended = publisher(server, tag, folder, kill_after=dice.uniform(0.0, whole))
        killed += ended.code == -SIGKILL
        reference = Reference(server.address, REPOSITORY, tag)
        if client.resolve(reference) is not None:
            assert verify_image(reference, client, VERIFIER).passed, f"round {number}"
        assert publisher(server, tag, folder).words[0] in ("published", "no-op"), f"round {number}"
        assert verify_image(reference, client, VERIFIER).passed
    assert killed > 25
    assert not [tag for tag in client.tags(REPOSITORY) if "claim" in tag]


@dataclass(slots=True)
class Score:
    """How the rounds of a race ended; a loss is silent when the winner's tag names something else."""

    double: int = 0
    lost: int = 0
    without: int = 0
    reported: Counter[str] = field(default_factory=Counter)


def race(server: DockerRegistry, client: Registry, folder: Path, rounds: int) -> Score:
    """Two hosts (two lock folders), one tag, two digests: whole publishes at the same moment, round after round."""
    score = Score()
    with ThreadPoolExecutor(2) as pool:
        for number in range(rounds):
            folders = [folder / f"{host}{number}" for host in ("a", "b")]
            done = [each.words for each in pool.map(publisher, repeat(server), repeat(f"v{number}"), folders)]
            winners = [words[2] for words in done if words[0] == "published"]
            holder = str(client.resolve(Reference(server.address, REPOSITORY, f"v{number}")))
            score.double += len(winners) > 1
            score.without += not winners
            score.lost += any(winner != holder for winner in winners)
            score.reported.update(words[0] for words in done)
    return score


def check_race(server: DockerRegistry, client: Registry, folder: Path, rounds: int) -> None:
    score = race(server, client, folder, rounds)
    assert (score.double, score.lost, score.without) == (0, 0, 0), score
    assert score.reported == {"published": rounds, "TagExistsError": rounds}, "who lost was told so"
    assert sorted(user_tags(client)) == sorted(f"v{number}" for number in range(rounds))


def test_of_two_publishers_of_one_tag_exactly_one_wins(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    check_race(server, client, tmp_path, 6)


@pytest.mark.nightly(minutes=1)
def test_of_eight_publishers_of_one_tag_exactly_one_wins(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    """The losers are told whose the tag is, or after a minute who holds the lock."""
    for number in range(3):
        folders = [tmp_path / f"host{host}-{number}" for host in range(8)]
        with ThreadPoolExecutor(8) as pool:
            done = [each.words for each in pool.map(publisher, repeat(server), repeat(f"v{number}"), folders)]
        [winner] = [words[2] for words in done if words[0] == "published"]
        assert {words[0] for words in done} <= {"published", "TagExistsError", "LockedError"}
        assert str(client.resolve(Reference(server.address, REPOSITORY, f"v{number}"))) == winner


@pytest.mark.nightly(minutes=3)
def test_of_two_publishers_exactly_one_wins_in_each_of_200_rounds(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    check_race(server, client, tmp_path, 200)


def test_registry_killed_in_the_middle_of_a_blob(server: DockerRegistry, client: Registry) -> None:
    size, part = 100 << 20, bytes(1 << 20)
    digest = Digest.of_chunks(part for _ in range(100))
    killed: list[bool] = []

    def open_at(offset: int) -> Iterator[bytes]:
        for position in range(offset, size, len(part)):
            if position == 80 << 20 and not killed:
                killed.append(True)
                server.kill()
                server.start()
            yield part

    sent = client.put_blob("x", BlobSource(digest=digest, size=size, where="layer", open_at=open_at))
    assert killed
    assert sent <= size + (80 << 20)
    descriptor = Descriptor(media_type="a/b", digest=digest, size=size)
    assert sum(len(chunk) for chunk in client.blob("x", descriptor)) == size


def test_second_push_sends_only_the_top_layer(server: DockerRegistry, client: Registry, tmp_path: Path) -> None:
    reference = Reference(server.address, "x")
    lower = tuple(bytes([number]) * (4 << 20) for number in range(4))
    first = write_image(tmp_path / "oci", (*lower, b"a" * 100_000))
    second = write_image(tmp_path / "oci", (*lower, b"b" * 100_000))
    assert push_image(first.layout, first.digest, reference, client).sent_bytes > 16 << 20
    assert 100_000 < push_image(second.layout, second.digest, reference, client).sent_bytes < 110_000
    assert push_image(second.layout, second.digest, reference, client).sent_bytes == 0
    copied = copy_image(reference, second.digest, Reference(server.address, "y"), client, client)
    assert copied.sent_bytes == 0


def test_spoilt_storage_is_named(server: DockerRegistry, client: Registry, tmp_path: Path) -> None:
    publisher(server, "v1", tmp_path / "node")
    reference = Reference(server.address, REPOSITORY, "v1")
    image = client.manifest(REPOSITORY, "v1")
    for digest in (*(blob.digest for blob in image.blobs), image.digest):
        stored = server.blob_file(digest)
        good = stored.read_bytes()
        # One hex digit changes, so that what is JSON stays JSON: the registry itself notices nothing.
        stored.write_bytes(
            re.sub(rb"(?<=sha256:)[0-9a-f]", lambda digit: b"%x" % (int(digit[0], 16) ^ 1), good, count=1)
            if b"sha256:" in good
            else b"?" + good[1:]
        )
        found = verify_image(reference.at(image.digest), client, VERIFIER)
        assert any(str(digest) in item.reason for item in found.unsatisfied), digest
        stored.write_bytes(good)
    assert verify_image(reference, client, VERIFIER).passed


def test_memory_of_a_push_is_bounded(server: DockerRegistry, tmp_path: Path) -> None:
    """A sparse layer of 1 GiB; the peak of the process (VmHWM) before and after."""
    layer = tmp_path / "layer"
    script = (
        "import sys,re; from pathlib import Path\n"
        "from imagekit.oci.reference import Digest; from imagekit.registry.client import Registry\n"
        "from imagekit.registry.blobs import BlobSource; from imagekit.oci.manifest import Descriptor\n"
        "def peak(): return int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])\n"
        "path = Path(sys.argv[2]); client = Registry(sys.argv[1]); client.ping(); idle = peak()\n"
        "digest = Digest.of_file(path); sent = client.put_blob('x', BlobSource.of_file(path, digest))\n"
        "pushed = peak()\n"
        "blob = Descriptor(media_type='a/b', digest=digest, size=sent)\n"
        "got = sum(map(len, client.blob('x', blob)))\n"
        "sys.stdout.write(f'{sent} {got} {idle} {pushed} {peak()}')\n"
    )
    with layer.open("wb") as stream:
        stream.truncate(1 << 30)
    said = run([sys.executable, "-c", script, server.address, layer], timeout=300, cwd=ROOT).stdout
    sent, got, idle, pushed, pulled = map(int, re.findall(r"\d+", said))
    assert sent == got == 1 << 30
    assert pushed - idle < 64 << 10, said
    assert pulled - idle < 64 << 10, said
