"""Every package of the Debian family exists, for every architecture an image is declared for."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.build.mirror import debian_mirror
from imagekit.config.imagesfile import DistroBase
from imagekit.config.load import load_project
from imagekit.config.model import Arch, Family

pytestmark = pytest.mark.online
ROOT = Path(__file__).parents[3]
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@pytest.mark.parametrize("arch", list(Arch))
def test_every_package_is_in_the_archive(arch: Arch, tmp_path: Path) -> None:
    project = load_project(ROOT)
    image = project.image("debian-node")
    assert isinstance(image.base, DistroBase)
    assert arch in image.arch
    wanted = {name for layer in image.layers for name in project.layers[layer].packages_of(Family.DEBIAN, arch)}
    assert wanted - packages(image.base.distro, arch, tmp_path) == set()


def packages(suite: str, arch: Arch, folder: Path) -> set[str]:
    """Names in the archive's list for an architecture, fetched and checked by apt into a folder of its own."""
    lines = debian_mirror(load_project(ROOT).settings.debian_mirror).sources((suite,), ("main",))
    (folder / "sources").write_text("\n".join(line.replace("deb ", f"deb [signed-by={KEYRING}] ") for line in lines))
    (folder / "lists/partial").mkdir(parents=True)
    own = {
        "Dir::Etc::sourcelist": folder / "sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder,
        "APT::Architecture": arch.value,
        "APT::Architectures": arch.value,
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "APT::Sandbox::User": "root",
    }
    options = [part for key, value in own.items() for part in ("-o", f"{key}={value}")]
    run(["apt-get", *options, "-qq", "update"], timeout=180)
    return set(run(["apt-cache", *options, "pkgnames"], timeout=60).stdout.split())
