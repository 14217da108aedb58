"""The layer of guest agents in an image, and the hypervisor's questions to its node; every night."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Clone, last_result

pytestmark = [pytest.mark.vm, pytest.mark.docker, pytest.mark.online]
IMAGE = "debian-node"
LAYERS = "layers: [base, k0s, sssd, ca-trust]"


@pytest.mark.nightly(minutes=4)
def test_the_hypervisor_is_answered_and_not_obeyed(pristine: Clone) -> None:
    """As `debian-node` with one layer more: asked through libvirt, as a platform asks."""
    path = pristine.root / "images" / "images.yaml"
    text = path.read_text()
    assert LAYERS in text
    path.write_text(text.replace(LAYERS, f"{LAYERS[:-1]}, guest-agents]", 1))
    done = pristine.imagekit("test", IMAGE, "--boot", "direct")
    assert done.returncode == 0, done.stdout + done.stderr[-6000:]
    checks = last_result(pristine)["suites"]["checks"]
    found = {check["id"].partition("::")[2]: check["outcome"] for check in checks}
    assert found["test_the_hypervisor_gets_an_answer"] == "passed"
    assert found["test_the_hypervisor_learns_the_addresses"] == "passed"
    assert found["test_the_hypervisor_changes_nothing[guest-exec]"] == "passed"
