"""imagekit's own OCI image: Debian 13 with all that imagekit needs, for hosts that lack it (docs/hosts.md).

The base is the embedded distribution, made by mmdebstrap; packages and Python libraries come from where this machine's
apt and pip get theirs.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from imagekit import __version__
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.base.log import step
from imagekit.base.process import run
from imagekit.build.bake import csv_field
from imagekit.build.distro import distro_context
from imagekit.config.imagesfile import DistroBase
from imagekit.config.load import Project, load_project
from imagekit.plan.resolve import make_plan
from imagekit.services.dockerapi import docker_program
from imagekit.services.dockerd import engine

NAME = "imagekit"
_TIMEOUT = 3600.0
# Of Debian and of Fedora, https://go.dev/src/crypto/x509/root_linux.go
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def tool_image(project: Project, target: Path, docker_host: str) -> None:
    """Write the image to `target` as an archive that docker and podman load under the name ``imagekit:VERSION``."""
    distro = distro_context(project, make_plan(project, _embedded(project)))
    with tempfile.TemporaryDirectory(prefix="source-", dir=project.work) as source:
        _committed(project.root, Path(source))
        argv = arguments(project.root, distro, Path(source), target.resolve(), os.environ)
        with step(f"imagekit's own image, {NAME}:{__version__}"):
            env = {"DOCKER_HOST": docker_host, "BUILDX_NO_DEFAULT_LOAD": "1"}
            run([docker_program(), *argv], timeout=_TIMEOUT, env=env)


def arguments(root: Path, distro: Path, source: Path, target: Path, environ: Mapping[str, str]) -> list[str]:
    """What docker is given; settings of pip and authorities are secrets: nothing of this machine stays in it."""
    argv = ["buildx", "build", "--progress=plain", "--network=host", "--provenance=false"]
    argv += ["--file", str(root / "container" / "Dockerfile"), "--build-context", f"source={source}"]
    if (settings := _pip_settings(environ)) is not None:
        argv += ["--secret", csv_field("id=pip") + "," + csv_field(f"src={settings}")]
    if (authorities := _authorities(environ)) is not None:
        argv += ["--secret", csv_field("id=authorities") + "," + csv_field(f"src={authorities}")]
    argv += [f"--build-arg={name}" for name in _PROXIES if environ.get(name)]
    output = ("type=docker", f"name={NAME}:{__version__}", csv_field(f"dest={target}"))
    return [*argv, "--output", ",".join(output), str(distro)]


def _embedded(project: Project) -> str:
    """The name of an image whose base is the embedded distribution."""
    found = [name for name, image in project.images.items() if isinstance(image.base, DistroBase)]
    if not found:
        raise ConfigError(
            "no image here has the embedded distribution as its base",
            hint="bin/container is run in a checkout of imagekit itself.",
        )
    return found[0]


def _pip_settings(environ: Mapping[str, str]) -> Path | None:
    """The file with this machine's settings of pip, in the order in which pip lets one win over another."""
    home = Path(environ.get("HOME", "/root"))
    named = [Path(environ["PIP_CONFIG_FILE"])] if environ.get("PIP_CONFIG_FILE") else []
    places = [*named, home / ".config/pip/pip.conf", home / ".pip/pip.conf", Path("/etc/pip.conf")]
    return next((path for path in places if path.is_file()), None)


def _authorities(environ: Mapping[str, str]) -> Path | None:
    """The bundle that pip and OpenSSL are told of here, else the distribution's own: a private mirror needs it."""
    named = [environ[name] for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE") if environ.get(name)]
    return next((path for path in map(Path, [*named, *_BUNDLES]) if path.is_file()), None)


def _committed(root: Path, into: Path) -> None:
    """The files of the newest commit: what is not committed, and no ignored file, gets into an image."""
    archive = into / "source.tar"
    trust = ("-c", "safe.directory=*")
    run(["git", *trust, "archive", "--format=tar", f"--output={archive}", "HEAD"], timeout=120, cwd=root)
    shutil.unpack_archive(archive, into, filter="data")
    archive.unlink()


if __name__ == "__main__":
    try:
        here = load_project(Path(sys.argv[1]))
        with engine(here.work) as running:
            tool_image(here, Path(sys.argv[2]), running.host)
    except ImagekitError as error:
        sys.stderr.write(f"error: {error}\n{error.hint}\n")
        raise SystemExit(error.exit_code) from None
