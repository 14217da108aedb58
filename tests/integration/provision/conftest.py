"""A real API server with all CRDs, once a session; skipped with the reason where its programs are not, failed in CI."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from imagekit.base.process import ProgramMissingError
from imagekit.kube.client import Api, session
from imagekit.kube.local import Cluster, api_server, find_programs
from imagekit.provision.check.store import Schemas, load_schemas
from tests.support.manifests import schemas_folder


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """The folder of CRDs."""
    return load_schemas(schemas_folder())


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """An empty API server."""
    try:
        programs = find_programs()
    except ProgramMissingError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{error}: `bin/test nightly` builds them")
    with api_server(tmp_path_factory.mktemp("work"), programs) as found:
        yield found


@pytest.fixture(scope="session")
def api(cluster: Cluster) -> Iterator[Api]:
    """Its administrator."""
    with session(cluster.access) as found:
        yield found
