"""Two builds of one lock are the same image: other place, umask, language, time zone, and no mirror to ask.

Each has an engine and caches of its own. The bundle is all that they share; the second, engine and all, is in a network
namespace with nothing but loopback, so what asked anybody would fail.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from imagekit.base.process import run
from imagekit.inventory.layerdiff import Image, LayerChange, layer_changes
from imagekit.oci.reference import Digest

pytestmark = [pytest.mark.docker, pytest.mark.nightly(minutes=20)]
ROOT = Path(__file__).parents[3]
IMAGE = "debian-node"
_CUT_OFF = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "cut-off")
_BUILD = """\
import os, sys
os.umask(int(os.environ["BUILD_UMASK"], 8))
sys.argv[0] = "imagekit"
from imagekit.cli import main
main()
"""


def clone(folder: Path, store: Path | None) -> Path:
    """A clone with a work folder of its own; packages that another one has fetched are taken from there."""
    run(["git", "clone", "-q", ROOT, folder], timeout=120)
    nowhere = "debian_mirror: http://127.0.0.1:9/debian\n" if store else ""
    (folder / "imagekit.yaml").write_text(f"version: 1\n{nowhere}")
    if store:
        target = folder / ".imagekit/packages/sha256"
        target.mkdir(parents=True)
        for file in store.iterdir():
            os.link(file, target / file.name)
    return folder


def build(folder: Path, *, cut_off: bool = False, **environ: str) -> Image:
    """Build the locked image there; `cut_off` without any network."""
    env = {"PYTHONPATH": str(ROOT), "BUILD_UMASK": "022", **environ}
    argv: list[str | Path] = [sys.executable, "-c", _BUILD, "--project", folder, "build", IMAGE, "--locked", "--json"]
    done = json.loads(run([*_CUT_OFF, *argv] if cut_off else argv, timeout=3000, env=env, cwd=folder).stdout)
    return Image(layout=Path(done["layout"]), manifest=Digest(done["digest"]["value"]))


def told_of(change: LayerChange) -> list[str]:
    """What differs in a layer, a line for each file."""
    lines = [f"/{one.path}: {'; '.join(one.texts)}" for one in change.members[:20]]
    return [f"layer {change.layer}: {line}" for line in (lines or [change.note])]


def test_two_builds_of_one_lock_are_one_digest(tmp_path: Path) -> None:
    first = build(clone(tmp_path / "one", None))
    store = tmp_path / "one/.imagekit/packages/sha256"
    other = clone(tmp_path / "another place" / "two", store)
    second = build(other, cut_off=True, BUILD_UMASK="077", LANG="C", LC_ALL="C", TZ="Asia/Tokyo")
    assert [told for each in layer_changes(first, second) for told in told_of(each)] == []
    assert first.manifest == second.manifest
