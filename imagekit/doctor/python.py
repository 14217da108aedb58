"""The Python that runs this, and the libraries of the lock file."""

from __future__ import annotations

import platform
import sys
from importlib.util import find_spec

from imagekit.doctor.model import Finding, Host, Need, State

LEAST = (3, 11)
_LIBRARIES = (
    "click",
    "cryptography",
    "docker",
    "jinja2",
    "libvirt",
    "pydantic",
    "pytest",
    "yaml",
    "zstandard",
)


def check(_host: Host) -> Finding:
    """Whether Python is new enough and the locked libraries are there."""
    found, wanted = f"Python {platform.python_version()}", "Python 3.11 or newer with the locked libraries"
    lacking = [name for name in _LIBRARIES if find_spec(name) is None]
    if sys.version_info < LEAST:
        return Finding(
            need=Need.PYTHON, state=State.BROKEN, found=found, wanted=wanted, remedy="IMAGEKIT_PYTHON=PATH bin/setup"
        )
    if lacking:
        found += f" without {', '.join(lacking)}"
        return Finding(need=Need.PYTHON, state=State.MISSING, found=found, wanted=wanted, remedy="bin/setup")
    return Finding(need=Need.PYTHON, state=State.OK, found=found, wanted=wanted)
