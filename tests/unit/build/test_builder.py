"""Results of builds are kept whole, and an altered one counts for nothing; failures are told for what they are."""

import json
import os
import shutil
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from imagekit.base.errors import ToolError
from imagekit.base.process import ProcessError
from imagekit.build import bake, builder, result
from imagekit.build.progress import Progress
from imagekit.config.load import load_project
from imagekit.oci.reference import Digest
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from tests.support.layout import layer, layout, member
from tests.support.project import make_project

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make_plan(load_project(make_project(tmp_path / "project")), "small-node")


def keep(work: Path, plan: Plan) -> Digest:
    """What a build leaves behind."""
    folder = result.folder_of(work, plan)
    digest = layout(folder / "oci", [layer(member("etc/a", b"a"))])
    built = result.Build(
        image=plan.image,
        plan_id=plan.id,
        version=plan.version,
        digest=digest,
        layout=folder / "oci",
        layers=(result.LayerBuild(name="base", id="x", seconds=1.5, reused=False),),
        seconds=2.0,
        reused=False,
    )
    result.keep(folder, plan, built)
    return digest


def test_the_same_plan_finds_its_earlier_build(tmp_path: Path, plan: Plan) -> None:
    digest = keep(tmp_path, plan)
    found = result.earlier_build(tmp_path, plan)
    assert found is not None
    assert (found.digest, found.reused, found.layers[0].seconds) == (digest, True, 1.5)


def test_using_a_build_changes_the_mark_and_not_when_it_was_built(tmp_path: Path, plan: Plan) -> None:
    """The provenance has the time of the result's file; changed, each run would sign and publish another one."""
    keep(tmp_path, plan)
    folder = result.folder_of(tmp_path, plan)
    for path in (folder / "build.json", folder / "oci", folder):
        os.utime(path, (1_000_000, 1_000_000))
    assert result.earlier_build(tmp_path, plan) is not None
    assert (folder / "build.json").stat().st_mtime == 1_000_000
    assert folder.stat().st_mtime == 1_000_000, "the order of builds is that of their making"
    assert (folder / "oci").stat().st_mtime > 1_000_000, "the budget sees that it was used"


@pytest.mark.parametrize("damage", ["manifest", "result", "gone"])
def test_a_damaged_earlier_build_is_built_again(tmp_path: Path, plan: Plan, damage: str) -> None:
    digest = keep(tmp_path, plan)
    folder = result.folder_of(tmp_path, plan)
    manifest = folder / "oci/blobs/sha256" / digest.hex
    match damage:
        case "manifest":
            manifest.write_bytes(manifest.read_bytes() + b" ")
        case "result":
            (folder / "build.json").write_text(json.dumps({"image": "x"}))
        case _:
            shutil.rmtree(folder / "oci")
    assert result.earlier_build(tmp_path, plan) is None


def test_too_little_space_is_told_before_anything_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, builder.NEEDED_BYTES - 1))
    project = load_project(make_project(tmp_path / "project"))
    with pytest.raises(ToolError, match=r"a build needs about 3815 MiB in .*: not enough to begin"):
        builder.build(project, make_plan(project, "small-node"), {})


def test_a_full_disk_is_no_fault_of_a_layer(plan: Plan) -> None:
    progress = Progress({"base": "FROM x AS base\nRUN a"})
    progress.take("ERROR: write /x: no space left on device")
    failed = ProcessError("exit status 1", returncode=1, stdout="", stderr="")
    reported = builder._explained(bake.Graph((plan,), Path(), {}), progress, failed)
    assert isinstance(reported, ToolError)
    assert "no disk space left" in str(reported)


def interrupted_build(folder: Path) -> None:
    with builder._partial(folder) as partial:
        (partial / "file").write_text("half")
        raise KeyboardInterrupt


def test_a_failed_build_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "builds" / "abc"
    folder.parent.mkdir()
    with pytest.raises(KeyboardInterrupt):
        interrupted_build(folder)
    assert list(folder.parent.iterdir()) == []


def test_builds_of_one_work_folder_follow_one_another(tmp_path: Path) -> None:
    reported: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait(10)
        with builder.alone(tmp_path / "locks"):
            reported.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with builder.alone(tmp_path / "locks"):
        inside.set()
        thread.join(0.2)
        reported.append("first")
    thread.join(10)
    assert reported == ["first", "second"]


def late(folder: Path, time: int) -> None:
    """A layout whose only layer holds a file of this time, as the engine leaves it."""
    digest = layout(folder / "oci", [layer(member("etc/a", b"a", mtime=str(time)))])
    (folder / "oci/index.json").write_text(json.dumps({"manifests": [{"digest": str(digest)}]}))


def test_an_image_with_a_file_of_today_is_written_again_with_times_held(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Dockerfile of somebody's own need not end with finish-layer.sh."""
    partial, asked = tmp_path / "partial", list[bool]()

    def baked(*_: object, clamp: bool = False) -> None:
        asked.append(clamp)
        late(partial, plan.source.epoch)

    late(partial, plan.source.epoch + 1)
    monkeypatch.setattr(builder, "_bake", baked)
    graph = bake.Graph((plan,), tmp_path, {})
    progress = Progress(dict.fromkeys(graph.stages(), "FROM x\nRUN a"))
    builder._hold_times(tmp_path, graph, {}, {plan.id: partial}, progress)
    assert asked == [True]
    builder._hold_times(tmp_path, graph, {}, {plan.id: partial}, progress)
    assert asked == [True], "one that is in order is written once"


def test_an_engine_that_does_not_hold_times_is_told(
    tmp_path: Path, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = tmp_path / "partial"
    late(partial, plan.source.epoch + 1)
    monkeypatch.setattr(builder, "_bake", lambda *_, **__: late(partial, plan.source.epoch + 1))
    graph = bake.Graph((plan,), tmp_path, {})
    progress = Progress(dict.fromkeys(graph.stages(), "FROM x\nRUN a"))
    with pytest.raises(ToolError, match="/etc/a with a time after that of the plan"):
        builder._hold_times(tmp_path, graph, {}, {plan.id: partial}, progress)
    assert not (partial / "times.json").exists()
