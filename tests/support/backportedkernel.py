"""The kernel of the distribution's backports: years newer than its own, for the same image otherwise."""

from __future__ import annotations

from pathlib import Path

from imagekit.build.mirror import debian_mirror
from imagekit.packages.apt import Apt
from imagekit.packages.aptsource import AptSource
from imagekit.packages.interface import Ask, Keep
from tests.support.aptrepository import SignedArchive

_SUITE = "trixie"
_BACKPORTS = f"{_SUITE}-backports"
KERNEL = "linux-image-cloud-amd64"


def put_backported_kernel(archive: SignedArchive, folder: Path) -> None:
    """Put it into an archive, with what of the backports it needs, and publish that.

    From there it counts like any other package; the backports themselves say NotAutomatic, so that nobody gets what is
    not named. `folder` is for apt. Raises `AssertionError` where there is no file of it.
    """
    sources = tuple(
        AptSource(uri=debian_mirror().main, suite=suite, components=("main",)) for suite in (_SUITE, _BACKPORTS)
    )
    apt = Apt(folder / "apt", "amd64", sources)
    found = apt.resolve((Ask("kernel", "", (f"{KERNEL}/{_BACKPORTS}",)),), Keep())
    rows = [each for each in found if f"/{_BACKPORTS}/" in each.origin]
    files = folder / "files"
    files.mkdir()
    assert apt.fetch(rows, files) == {}
    for each in rows:
        archive.put((files / each.sha256).rename(files / Path(each.path).name))
    archive.publish()
