"""A real API server that admits nodes, and the stand-in's worker as a process of this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from imagekit.base.process import ProgramMissingError
from imagekit.kube.client import Api, session
from imagekit.kube.local import Cluster, api_server, find_programs
from tests.support.joining import bind


def lacking(reason: str) -> None:
    (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{reason}: `bin/test nightly` builds it")


@pytest.fixture(scope="session")
def standin() -> Path:
    """The stand-in, built for this machine."""
    found = shutil.which("standin")
    if found is None:
        lacking("program not found: standin")
    return Path(str(found))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An API server as k0s sets one up for nodes."""
    try:
        programs = find_programs()
    except ProgramMissingError as error:
        lacking(str(error))
    with api_server(tmp_path_factory.mktemp("work"), programs, nodes=True) as found:
        with session(found.access) as api:
            bind(api)
        yield found


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Iterator[Api]:
    """Its administrator."""
    with session(cluster.access) as found:
        yield found
