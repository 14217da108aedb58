"""Which certificates a server may show, and which is shown to it.

The system's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR (OpenSSL's own variables), and besides for one host
what docker keeps for it: https://docs.docker.com/engine/security/certificates/
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from imagekit.base.errors import ConfigError
from imagekit.registry.address import Place

_SYSTEM = Path("/etc/docker/certs.d")


def context_for(place: Place, environ: Mapping[str, str], system: Path = _SYSTEM) -> ssl.SSLContext:
    """What a TLS connection to a place is checked against; raises `ConfigError` naming a file that cannot be used."""
    context = ssl.create_default_context()
    for folder in _folders(place, environ, system):
        for path in sorted(folder.glob("*.crt")):
            _use(path, partial(context.load_verify_locations, path))
        for path in sorted(folder.glob("*.cert")):
            key = path.with_suffix(".key")
            _use(path, partial(context.load_cert_chain, path, key))
    return context


def _folders(place: Place, environ: Mapping[str, str], system: Path) -> Iterator[Path]:
    """docker's folder for a host, of the system and of a rootless daemon; port 443 may be left out."""
    home = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "/")) / ".config")
    names = [place.authority, *([place.authority.removesuffix(":443")] if place.port == 443 else [])]
    for base in (system, Path(home) / "docker" / "certs.d"):
        yield from (base / name for name in names)


def _use(path: Path, load: Callable[[], object]) -> None:
    try:
        load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{path} is not a certificate that can be used: {error.strerror or error}",
            hint="As docker reads this folder, *.crt are authorities, *.cert with *.key of one name the client's own.",
        ) from None
