"""Programs that no distribution packages as they are wanted here, as Kubernetes's: where this host has them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from imagekit.base.process import ProgramMissingError

ASSETS = "KUBEBUILDER_ASSETS"
"""The folder into which setup-envtest of controller-runtime puts etcd, kube-apiserver and kubectl."""


def find_programs(names: Sequence[str], *, more: str = "") -> dict[str, Path]:
    """Each program by its name, in the folder of KUBEBUILDER_ASSETS, else in PATH; links are followed.

    Raises `ProgramMissingError`, which names all that are missing; `more` ends its hint.
    """
    places = os.pathsep.join(filter(None, (os.environ.get(ASSETS), os.environ.get("PATH"))))
    found = {name: shutil.which(name, path=places) for name in names}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise ProgramMissingError(
            f"program not found: {' and '.join(missing)}",
            hint=f"Put {' and '.join(missing)} into PATH, or name their folder in {ASSETS} (setup-envtest fetches "
            f"etcd and kube-apiserver, https://dl.k8s.io has all of Kubernetes){'. ' + more if more else '.'}",
        )
    return {name: Path(str(path)).resolve() for name, path in found.items()}
