"""Whether a daemon is needed by somebody who is no imagekit, asked of the package that knows the daemon.

The guard is a process of its own and gets its daemon as JSON: so the question is named, and a service needs to know
nothing of libvirt.
"""

from __future__ import annotations

import pkgutil


def busy(question: str) -> bool:
    """What the function ``module:function`` answers; no name, no reason."""
    return bool(question) and bool(pkgutil.resolve_name(question)())
