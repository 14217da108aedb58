"""The optional layers `spire` and `kata` in an image, out of a mirror that is a folder; markers for the programs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from imagekit.config.load import load_project
from tests.e2e.conftest import IMAGE, Clone, last_result
from tests.support.markerprograms import fill_mirror

pytestmark = [pytest.mark.vm, pytest.mark.docker, pytest.mark.online]
LAYERS = "layers: [base, k0s, sssd, ca-trust]"
PROFILE = "cloud_config: [cloud-config/node.yaml]"
OPTIONAL = ("spire", "kata")


def named(clone: Clone, mirror: Path) -> None:
    """Both layers in `debian-node`, and where their programs come from."""
    path = clone.root / "images/images.yaml"
    text = path.read_text()
    assert LAYERS in text
    path.write_text(text.replace(LAYERS, f"{LAYERS[:-1]}, spire, kata]", 1))
    layers = load_project(clone.root).layers
    mirrors = fill_mirror(mirror, layers["spire"].args["SPIRE_VERSION"], layers["kata"].args["KATA_VERSION"])
    settings = clone.root / "imagekit.yaml"
    settings.write_text(settings.read_text() + yaml.safe_dump({"mirrors": mirrors}))


def outcomes(clone: Clone) -> dict[str, str]:
    """What became of each check of the two layers."""
    checks = last_result(clone)["suites"]["checks"]
    return {check["id"].partition("::")[2]: check["outcome"] for check in checks if check["layer"] in OPTIONAL}


@pytest.mark.nightly(minutes=8)
def test_a_layer_of_ones_own_takes_its_program_from_a_mirror(pristine: Clone, tmp_path: Path) -> None:
    """Unlocked it is not built; locked it waits on a node without a configuration, and runs on one that has it."""
    images = pristine.root / "images/images.yaml"
    kept = (pristine.root / "imagekit.yaml").read_text()
    named(pristine, tmp_path / "mirror")
    try:
        refused = pristine.imagekit("build", IMAGE)
        assert refused.returncode == 2
        assert "images.lock has no digest for https://github.com/spiffe/spire/" in refused.stderr
        locked = pristine.imagekit("lock", IMAGE, "--no-packages")
        assert locked.returncode == 0, locked.stderr
        done = pristine.imagekit("test", IMAGE, "--boot", "direct")
        assert done.returncode == 0, done.stdout + done.stderr[-6000:]
        found = outcomes(pristine)
        assert len(found) > 20
        assert set(found.values()) == {"passed"}
        text = images.read_text()
        assert PROFILE in text
        images.write_text(text.replace(PROFILE, f"{PROFILE[:-1]}, cloud-config/profiles/spire.yaml]", 1))
        done = pristine.imagekit("test", IMAGE, "--boot", "direct")
        assert done.returncode == 0, done.stdout + done.stderr[-6000:]
        assert outcomes(pristine) == found
    finally:
        (pristine.root / "imagekit.yaml").write_text(kept)
