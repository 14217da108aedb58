"""A container of an image in a Docker daemon, for questions that need neither its kernel nor its service manager."""

from __future__ import annotations

import io
import json
import os
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    # Imported here: the SDK costs a quarter of a second.
    from docker import DockerClient
    from docker.errors import DockerException
    from docker.utils import kwargs_from_env

    digest = str(manifest["digest"])
    wanted = kwargs_from_env(environment={**os.environ, "DOCKER_HOST": engine.host})
    try:
        client: Any = DockerClient(**wanted, timeout=_API_SECONDS, use_ssh_client=True)
    except DockerException as error:
        raise _failed(engine, digest, error) from None
    try:
        tag = _loaded(client, layout, manifest)
        try:
            running = client.containers.run(
                tag,
                entrypoint=["/bin/sleep"],
                command=[str(seconds)],
                detach=True,
                auto_remove=True,
                network_mode="none",
                tmpfs=_MEMORY,
                labels={"imagekit.container": "checks"},
            )
            try:
                code, said = running.exec_run(["/bin/sh", "-c", prepare])
                if code:
                    raise ServiceError(
                        f"a container of {digest[:19]} could not be prepared: {said.decode(errors='replace')}"
                    )
                yield Container(id=str(running.id), host=engine.host)
            finally:
                running.remove(force=True)
        finally:
            if not engine.ours:
                client.images.remove(tag, force=True)
    except (DockerException, OSError) as error:
        raise _failed(engine, digest, error) from None
    finally:
        client.close()


def _loaded(client: Any, layout: Path, manifest: Mapping[str, Any]) -> str:
    """The name under which the daemon has the image; it is handed over when it has not."""
    from docker.errors import ImageNotFound

    tag = f"{_NAME}:{str(manifest['digest']).partition(':')[2][:32]}"
    try:
        client.images.get(tag)
    except ImageNotFound:
        with (
            step(f"Loading {tag.rpartition(':')[2][:12]} into the container engine"),
            tempfile.TemporaryFile(dir=layout.parent) as archive,
        ):
            _write_archive(archive, layout, manifest, tag)
            archive.seek(0)
            client.images.load(archive)
    return tag


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


def _failed(engine: Engine, digest: str, error: Exception) -> ServiceError:
    return ServiceError(
        f"the Docker daemon at {engine.host} runs no container of {digest[:19]}: {error}",
        hint="`imagekit test` runs the same checks on a machine.",
    )
