"""A container of an image in a Docker daemon, for questions that need neither its kernel nor its service manager."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from imagekit.base.log import step
from imagekit.services.dockerd import Engine
from imagekit.services.model import ServiceError

_API_SECONDS = 300
_INDEX = "application/vnd.oci.image.index.v1+json"
_NAME = "imagekit.invalid/checked"  # RFC 2606: nobody can push there by mistake
_MEMORY = {"/run": "", "/tmp": ""}  # as systemd has them on a node


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A running container: its id, and the DOCKER_HOST of the daemon that has it."""

    id: str
    host: str


@contextmanager
def container(
    engine: Engine, layout: Path, manifest: Mapping[str, Any], *, prepare: str, seconds: int
) -> Iterator[Container]:
    """A container of the image in an OCI layout that `manifest`, its descriptor, names; without any network.

    `prepare` is run in it by its shell first. It ends with the block, and by itself after `seconds` when nobody is left
    to end it; what was written in it is gone then. In a daemon of the user's no image stays behind; in imagekit's own
    it is kept, and loaded once.
    Raises `ServiceError` when the daemon does not take or start it, or what prepares it fails.
    """
    digest = str(manifest["digest"])
    with ExitStack() as stack:
        try:
            client = stack.enter_context(closing(_client(engine)))
            tag = _loaded(client, layout, manifest)
            if not engine.ours:
                stack.callback(client.images.remove, tag, force=True)
            running = client.containers.run(
                digest,
                entrypoint=["/bin/sleep"],
                command=[str(seconds)],
                detach=True,
                auto_remove=True,
                network_mode="none",
                tmpfs=_MEMORY,
                labels={"imagekit.container": "checks"},
            )
            stack.callback(_end, running)
            code, said = running.exec_run(["/bin/sh", "-c", prepare])
        except (_docker().DockerException, OSError) as error:
            raise _failed(engine, digest, str(error)) from None
        if code:
            raise _failed(engine, digest, said.decode(errors="replace") or f"preparing it ended with {code}")
        yield Container(id=str(running.id), host=engine.host)


def _docker() -> Any:
    """The errors of the SDK, which costs a quarter of a second to import."""
    from docker import errors

    return errors


def _client(engine: Engine) -> Any:
    from docker import DockerClient
    from docker.utils import kwargs_from_env

    wanted = kwargs_from_env(environment={**os.environ, "DOCKER_HOST": engine.host})
    return DockerClient(**wanted, timeout=_API_SECONDS, use_ssh_client=True)


def _end(running: Any) -> None:
    with suppress(_docker().NotFound):  # it has ended itself
        running.remove(force=True)


def _loaded(client: Any, layout: Path, manifest: Mapping[str, Any]) -> str:
    """The tag under which the daemon has the image; it is handed over when it has not.

    In the image store of containerd, which every engine of imagekit has, an image's id is the digest of its manifest;
    that and not the tag says what it is.
    """
    digest = str(manifest["digest"])
    tag = f"{_NAME}:{digest.partition(':')[2][:32]}"
    if not _has(client, tag, digest):
        with (
            step(f"Loading {digest[7:19]} into the container engine"),
            tempfile.TemporaryFile(dir=layout.parent) as archive,
        ):
            _write_archive(archive, layout, manifest, tag)
            archive.seek(0)
            client.images.load(archive)
        if not _has(client, tag, digest):
            raise ServiceError(f"the Docker daemon took the image {digest[:19]} and does not have it under its digest")
    return tag


def _has(client: Any, tag: str, digest: str) -> bool:
    try:
        return bool(client.images.get(tag).id == digest)
    except _docker().ImageNotFound:
        return False


def _write_archive(into: IO[bytes], layout: Path, manifest: Mapping[str, Any], tag: str) -> None:
    """An OCI archive of one image. The name is containerd's annotation, which a daemon with its image store goes by."""
    named = {**manifest, "annotations": {"io.containerd.image.name": tag}}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [named]}
    with tarfile.open(fileobj=into, mode="w") as archive:
        for name, value in (("oci-layout", {"imageLayoutVersion": "1.0.0"}), ("index.json", index)):
            data = json.dumps(value).encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for path in sorted((layout / "blobs/sha256").iterdir()):
            archive.add(path, f"blobs/sha256/{path.name}", recursive=False)


def _failed(engine: Engine, digest: str, why: str) -> ServiceError:
    return ServiceError(
        f"the Docker daemon at {engine.host} runs no container of {digest[:19]}: {why.strip()}",
        hint="`imagekit test` runs the same checks on a machine.",
    )
