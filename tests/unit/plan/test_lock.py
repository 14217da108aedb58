"""Inputs from elsewhere: locked by digest, or planned, named and not built; per architecture."""

from pathlib import Path

import pytest

from imagekit.app.image import built
from imagekit.app.locking import wanted_of
from imagekit.app.options import Options
from imagekit.app.run import run_image
from imagekit.base.errors import ConfigError
from imagekit.build.builder import build
from imagekit.config.layerfile import Download
from imagekit.config.load import load_project
from imagekit.config.model import Arch
from imagekit.plan.lock import ForeignArchError, NotLockedError, address, listing_address, require_buildable
from imagekit.plan.matrix import as_matrix, make_plans
from imagekit.plan.model import Plan
from imagekit.plan.resolve import make_plan
from imagekit.plan.show import as_text
from tests.support.production import BASE_IMAGE, CHECKSUMS, DIGESTS, FILE, KAIROS_INIT, make_production


def plan_of(root: Path, arch: Arch = Arch.AMD64) -> Plan:
    return make_plan(load_project(root), "big-node", arch=arch)


def test_a_locked_plan_names_every_input_by_digest(tmp_path: Path) -> None:
    plan = plan_of(make_production(tmp_path))
    args = plan.stage("base").args
    assert args["BASE_IMAGE"] == f"{BASE_IMAGE}@{DIGESTS[BASE_IMAGE]}"
    assert args["KAIROS_INIT"] == f"{KAIROS_INIT}@{DIGESTS[KAIROS_INIT]}"
    assert args["TOOL_SHA256"] == "c" * 64
    assert plan.stage("stamp").args["BASE_DIGEST"] == DIGESTS[BASE_IMAGE]
    assert len(plan.stage("stamp").args["LOCK"]) == 64
    assert plan.unlocked == ()
    assert "BASE_IMAGE" not in plan.stage("extra").args


def test_an_unlocked_plan_is_shown_with_what_it_lacks(tmp_path: Path) -> None:
    plan = plan_of(make_production(tmp_path, locked=False))
    assert plan.unlocked == (BASE_IMAGE, KAIROS_INIT, "https://downloads.example.org/tool/v2/tool-v2-amd64")
    assert f"not locked: {BASE_IMAGE}" in as_text(plan)


def test_an_unlocked_plan_is_not_built(tmp_path: Path) -> None:
    project = load_project(make_production(tmp_path, locked=False))
    plan = make_plan(project, "big-node")
    with pytest.raises(NotLockedError, match=r"no digest for registry\.example\.org") as caught:
        built(project, plan)
    assert "imagekit lock big-node" in caught.value.hint
    with pytest.raises(NotLockedError):
        build(project, plan, {})
    assert not [path for path in (tmp_path / ".imagekit").glob("*") if path.name != "together"]


def test_another_architecture_is_planned_and_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagekit.plan.lock.machine", lambda: "x86_64")
    root = make_production(tmp_path)
    require_buildable(plan_of(root))
    plan = plan_of(root, Arch.ARM64)
    assert plan.stage("base").args["TOOL_SHA256"] == CHECKSUMS["https://downloads.example.org/tool/v2/tool-v2-arm64"]
    with pytest.raises(ForeignArchError, match="planned for arm64: on this amd64 machine"):
        require_buildable(plan)


def test_packages_follow_the_architecture(tmp_path: Path) -> None:
    root = make_production(tmp_path)
    assert plan_of(root).stage("base").args["PACKAGES"] == "less grub2-pc shim-x64"
    assert plan_of(root, Arch.ARM64).stage("base").args["PACKAGES"] == "less shim-aa64"


def test_each_architecture_and_each_lock_has_its_own_id(tmp_path: Path) -> None:
    root = make_production(tmp_path)
    before = {plan_of(root).id, plan_of(root, Arch.ARM64).id}
    lock = root / "images/images.lock"
    lock.write_text(lock.read_text().replace("a" * 64, "e" * 64))
    assert len(before | {plan_of(root).id, plan_of(root, Arch.ARM64).id}) == 4


def test_the_matrix_has_what_can_be_built_and_no_more(tmp_path: Path) -> None:
    jobs = as_matrix(make_plans(load_project(make_production(tmp_path))))["include"]
    assert [(job["image"], job["arch"], job["runner"], job["embedded"], job["boot"]) for job in jobs] == [
        ("small-node", "amd64", "ubuntu-24.04", True, True),
        ("big-node", "amd64", "ubuntu-24.04", False, True),
        ("big-node", "arm64", "ubuntu-24.04-arm", False, False),
    ]


def test_an_unlocked_image_is_not_in_the_matrix(tmp_path: Path) -> None:
    plans = make_plans(load_project(make_production(tmp_path, locked=False)), arch=Arch.AMD64)
    assert [job["image"] for job in as_matrix(plans)["include"]] == ["small-node"]


def test_an_address_names_only_arguments_of_its_layer() -> None:
    with pytest.raises(ConfigError, match="no build argument 'NONE'"):
        address("https://example.org/{NONE}", {"TOOL": "v2"})


def test_a_run_of_an_unlocked_image_ends_with_its_plan(tmp_path: Path) -> None:
    project = load_project(make_production(tmp_path, locked=False))
    finished = run_image(project, "big-node", Options(publish=False))
    assert finished.result.failure is not None
    assert finished.result.failure.stage == "plan"
    assert isinstance(finished.error, NotLockedError)


def test_a_plan_says_what_is_fetched_for_a_layer(tmp_path: Path) -> None:
    """K2: imagekit fetches it, for the framework knows one address alone; where it comes from changes no plan."""
    root = make_production(tmp_path)
    plan = plan_of(root)
    assert plan.stage("base").downloads == {"https://downloads.example.org/tool/v2/tool-v2-amd64": "c" * 64}
    assert plan.stage("extra").downloads == {}
    (root / "imagekit.yaml").write_text("version: 1\nmirrors: {'https://downloads.example.org/': 'file:///srv/'}\n")
    assert plan_of(root).id == plan.id


def test_a_layers_own_download_is_taken_on_the_stand_in_too(tmp_path: Path) -> None:
    """What the framework would fetch the stand-in brings by itself; a program of the layer's own nobody else brings."""
    root = make_production(tmp_path)
    layer = root / "images/base/layer.yaml"
    args = make_plan(load_project(root), "small-node").stage("base").args
    assert "TOOL_SHA256" not in args
    layer.write_text(layer.read_text().replace("sums.txt\n", "sums.txt\n    with_standin: true\n"))
    assert set(wanted_of(load_project(root), ["small-node"]).files) == {FILE.format(arch="amd64")}
    plan = make_plan(load_project(root), "small-node")
    assert plan.stage("base").args["TOOL_SHA256"] == "c" * 64
    assert plan.stage("base").downloads == {"https://downloads.example.org/tool/v2/tool-v2-amd64": "c" * 64}
    (root / "images/images.lock").write_text("version: 1\n")
    plan = make_plan(load_project(root), "small-node")
    assert plan.unlocked == ("https://downloads.example.org/tool/v2/tool-v2-amd64",)
    with pytest.raises(NotLockedError):
        require_buildable(plan)


def test_each_architecture_may_have_a_list_of_its_own() -> None:
    url = {arch: f"https://example.org/{{TOOL}}-{arch}" for arch in Arch}
    each = Download(url=url, checksums={arch: f"https://example.org/{{TOOL}}-{arch}.sha256" for arch in Arch})
    assert listing_address(each, {"TOOL": "v2"}, Arch.ARM64) == "https://example.org/v2-arm64.sha256"
    half = Download(url=url, checksums={Arch.AMD64: "https://example.org/sums"})
    with pytest.raises(ConfigError, match="no checksums are declared for arm64"):
        listing_address(half, {}, Arch.ARM64)
