"""What other programs are given of this one's environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

_KEPT = ("PATH", "HOME", "TMPDIR", "USER", "XDG_RUNTIME_DIR", "DOCKER_HOST", "DOCKER_CONFIG")
_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_SUDO = ("SUDO_UID",)  # git run by sudo asks it who owns the clone
_PROXIES = tuple(
    form for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for form in (name, name.upper())
)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment children get: a short list of inherited names, ``LANG=C.UTF-8`` and `extra`."""
    kept = {name: os.environ[name] for name in (*_KEPT, *_AUTHORITIES, *_SUDO, *_PROXIES) if name in os.environ}
    fallback = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    return {**fallback, **kept, "LANG": "C.UTF-8", **(extra or {})}
