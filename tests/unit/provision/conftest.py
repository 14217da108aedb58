"""The real CRDs, read once."""

import pytest

from imagekit.provision.check.store import Schemas, load_schemas
from tests.support.manifests import schemas_folder


@pytest.fixture(scope="session")
def schemas() -> Schemas:
    """The folder of CRDs."""
    return load_schemas(schemas_folder())
