"""The bake files say exactly what the plan says."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from imagekit.build import bake
from imagekit.build.mirror import MirrorError, mirror_of
from imagekit.config.engine import located
from imagekit.config.load import load_project
from imagekit.plan.resolve import make_plan
from tests.support.project import make_project


def test_targets_stand_on_targets_and_only_the_last_is_written(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    plan = make_plan(load_project(root), "small-node")
    graph = bake.Graph((plan,), root, {plan.stage("distro").id: Path("/cache/distro")})
    services = bake.compose(graph)["services"]
    assert services["distro"]["build"]["context"] == "/cache/distro"
    assert services["base"]["build"]["additional_contexts"] == {
        "scripts": str(located(root, "images/scripts")),
        "packages": str(located(root, "images/base")),  # no repository in it: from the mirror
        "kairos-init": "target:kairos-init",
        "distro": "target:distro",
    }
    assert services["extra"]["build"]["additional_contexts"]["parent"] == "target:base"
    assert services["stamp"]["build"]["additional_contexts"]["parent"] == "target:extra"
    assert services["stamp"]["build"]["args"]["VERSION"] == plan.version
    assert services["stamp"]["build"]["args"]["CREATED"] == "2026-11-22T00:00:00Z"
    assert services["stamp"]["build"]["args"]["COLOUR"] == "blue"
    assert not any(plan.source.revision in value for value in services["stamp"]["build"]["args"].values())
    assert "VERSION" not in services["extra"]["build"]["args"]  # a new version must rebuild nothing below the stamp

    targets = bake.overrides(graph, {plan.id: Path("/out/oci")})["target"]
    assert [name for name, target in targets.items() if "output" in target] == ["stamp"]
    assert "dest=/out/oci" in targets["stamp"]["output"][0]
    assert "rewrite-timestamp" not in targets["stamp"]["output"][0]
    targets = bake.overrides(graph, {plan.id: Path("/out/oci")}, clamp=True)["target"]
    assert "rewrite-timestamp=true" in targets["stamp"]["output"][0]


def test_no_string_of_the_graph_is_a_variable(tmp_path: Path) -> None:
    """W6: ``$HOME`` in a description reached a label, and so the digest, as the builder's own home."""
    root = make_project(tmp_path / "a $HOME ${USER} b")
    images = root / "images/images.yaml"
    images.write_text(images.read_text() + '    description: "team $HOME ${PATH:-x} $$ 5%"\n')
    plan = make_plan(load_project(root), "small-node")
    text = bake.compose_text(bake.Graph((plan,), root, {}))
    assert set(re.findall(r"\$+", text)) <= {"$$", "$$$$"}  # each one doubled
    read = json.loads(text.replace("$$", "$"))
    assert read == bake.compose(bake.Graph((plan,), root, {}))
    assert "team $HOME ${PATH:-x} $$ 5%" in read["services"]["stamp"]["build"]["args"].values()


def test_the_overrides_hold_no_template_of_hcl(tmp_path: Path) -> None:
    """W6: the second file is HCL, where ``${`` and ``%{`` begin a template and a lone ``$`` does not."""
    root = make_project(tmp_path)
    plan = make_plan(load_project(root), "small-node")
    text = bake.override_text(bake.Graph((plan,), root, {}), {plan.id: Path("/a ${HOME} %{if} $5 ü")})
    assert "dest=/a $${HOME} %%{if} $5 ü" in text


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/plain path", "dest=/plain path"),
        ("/a,b", '"dest=/a,b"'),
        ('/a "b"', '"dest=/a ""b"""'),
        ("/a\nb", '"dest=/a\nb"'),
    ],
)
def test_an_output_is_one_field_of_csv(path: str, field: str) -> None:
    """W5: buildx reads the options of an output as a line of CSV."""
    assert bake.csv_field(f"dest={path}") == field
    assert next(csv.reader(io.StringIO(f"type=oci,{field},tar=false"))) == ["type=oci", f"dest={path}", "tar=false"]


INDEX_TARGETS = """\
http://mirror.example/debian-security/|Debian|Debian-Security
http://mirror.example/debian/|Debian Backports|Debian Backports
http://mirror.example/debian/|Debian|Debian
http://other.example/apt/|Other|Other
"""


def test_mirrors_come_from_apt() -> None:
    mirror = mirror_of(INDEX_TARGETS)
    assert mirror.sources(["trixie", "trixie-security"], ["main"]) == [
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian-security trixie-security main",
    ]


def test_a_security_pocket_needs_a_security_archive() -> None:
    mirror = mirror_of("http://mirror.example/debian/|Debian|Debian\n")
    assert mirror.sources(["trixie", "trixie-security"], ["main"]) == ["deb http://mirror.example/debian trixie main"]


def test_a_machine_that_is_not_debian_is_told_what_to_set() -> None:
    with pytest.raises(MirrorError) as caught:
        mirror_of("http://mirror.example/ubuntu/|Ubuntu|Ubuntu\n")
    assert "debian_mirror" in caught.value.hint


def test_plans_share_the_stages_that_are_the_same(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    images = root / "images/images.yaml"
    text = images.read_text()
    bare = text.partition("  small-node:")[2].replace("[base, extra]", "[base]")
    images.write_text(f"{text}  bare-node:{bare}")
    project = load_project(root)
    plans = (make_plan(project, "small-node"), make_plan(project, "bare-node"))
    graph = bake.Graph(plans, root, {})
    services = bake.compose(graph)["services"]
    assert sorted(name.rpartition("-")[0] for name in services) == [
        *("base", "distro", "extra", "kairos-init", "stamp", "stamp")
    ]
    assert [graph.target(plan.stage("base")) for plan in plans] == [graph.target(plans[0].stage("base"))] * 2
    targets = bake.overrides(graph, {plan.id: Path(plan.image) for plan in plans})["target"]
    outputs = {name: target["output"][0].split(",")[1] for name, target in targets.items() if "output" in target}
    assert outputs == {graph.final(plans[0]): "dest=small-node", graph.final(plans[1]): "dest=bare-node"}
