"""A registry that is killed (signal 9) at any moment of a publish, and comes back at once or only later."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Timer

import pytest

from imagekit.oci.reference import Reference
from imagekit.registry.client import Registry
from imagekit.registry.errors import RegistryUnavailableError
from imagekit.registry.timeouts import Timeouts
from imagekit.release.publish import Published, publish_image
from imagekit.trust.verify import verify_image
from tests.support.dockerregistry import PROGRAMS, DockerRegistry
from tests.support.images import evidence_of, signer, verifier, write_image

pytestmark = [pytest.mark.registry, pytest.mark.attack]
REPOSITORY = "imagekit/node"
# An answer that was never given is waited for by the request; what is asked anew finds the registry within a second.
PATIENT = Timeouts(attempts=8, first_pause=0.05, longest_pause=0.5)
QUICK = Timeouts(attempts=2, first_pause=0.01)


def publish(
    server: DockerRegistry, folder: Path, tag: str, timeouts: Timeouts, observe: Callable[[], None]
) -> Published:
    image = write_image(folder / tag, (b"base" * 1000, tag.encode() * 1000))
    with Registry(server.address, timeouts=timeouts, observe=lambda *_: observe()) as client:
        return publish_image(
            image.layout,
            image.digest,
            Reference(server.address, REPOSITORY, tag),
            evidence=evidence_of(image.digest),
            signer=signer(),
            verifier=verifier(),
            client=client,
            locks=folder / "locks",
        )


def requests_of_a_publish(server: DockerRegistry, folder: Path) -> int:
    seen: list[None] = []
    publish(server, folder, "v0", PATIENT, lambda: seen.append(None))
    return len(seen)


def moments(server: DockerRegistry, folder: Path, number: int) -> list[int]:
    """So many requests, spread over a whole publish; other ones on the other registry."""
    total = requests_of_a_publish(server, folder)
    assert total > 60
    shift = PROGRAMS.index(server.program) * total // (2 * number)
    return [shift + each * total // number for each in range(number)]


def at(moment: int, act: Callable[[], None], after: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """Called before each request; acts before one of them, and before the next."""
    requests = count()

    def observe() -> None:
        match next(requests) - moment:
            case 0:
                act()
            case 1:
                after()

    return observe


def restart(server: DockerRegistry) -> None:
    server.kill()
    server.start()


def killed_meanwhile(server: DockerRegistry, moment: int) -> Callable[[], None]:
    """Kills it a little after a request began; it is back before the next one, or the same one anew."""
    late = Timer(0.003, server.kill)

    def back() -> None:
        late.join()
        server.start()  # not by the timer: the server would end with the thread that started it

    return at(moment, late.start, back)


def require_proven(server: DockerRegistry, client: Registry, tag: str, *, given: bool | None = None) -> None:
    """A tag is there only over what verifies; nobody's claim stays."""
    reference = Reference(server.address, REPOSITORY, tag)
    there = client.resolve(reference) is not None
    assert given is None or there is given, tag
    assert not there or verify_image(reference, client, verifier()).passed, tag


def test_a_registry_that_comes_back_at_once_is_not_noticed(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    """Killed before a request, and at every second moment while the request is under way."""
    for number, moment in enumerate(moments(server, tmp_path, 10)):
        strike = killed_meanwhile(server, moment) if number % 2 else at(moment, lambda: restart(server))
        publish(server, tmp_path, f"v{moment + 1}", PATIENT, strike)
        require_proven(server, client, f"v{moment + 1}", given=True)
    assert not [tag for tag in client.tags(REPOSITORY) if "claim" in tag]


def test_a_registry_that_stays_away_ends_in_a_clean_error_and_a_rerun_completes(
    server: DockerRegistry, client: Registry, tmp_path: Path
) -> None:
    ended, complete = 0, True
    for moment in moments(server, tmp_path, 5):
        tag = f"v{moment + 1}"
        reported = True
        try:
            publish(server, tmp_path, tag, QUICK, at(moment, server.kill))
        except RegistryUnavailableError as error:
            reported, ended = False, ended + 1
            words = f"{error}: {error.hint}"
            complete = complete and server.address in words and "Running the same command again goes on" in words
        server.start()
        # Whoever was told of a success has a tag: only the claim was still to be withdrawn then.
        require_proven(server, client, tag, given=reported or None)
        publish(server, tmp_path, tag, PATIENT, lambda: None)
        require_proven(server, client, tag, given=True)
    assert ended >= 4
    assert complete, "each error names the registry and what to do"
    assert not [tag for tag in client.tags(REPOSITORY) if "claim" in tag]
