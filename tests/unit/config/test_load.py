"""Configuration errors carry file, line, key, the allowed values and a suggestion."""

from pathlib import Path

import pytest

from imagekit.base.errors import ConfigError
from imagekit.config.load import load_project
from imagekit.config.schema import MODELS, schema
from tests.support.project import BASE, CLOUD_CONFIG, IMAGES, make_project

BAD = {
    "unknown key": (
        "images/images.yaml",
        IMAGES.replace("family:", "familly:"),
        ["images.yaml:4: images.small-node.familly: unknown key", "family", "Did you mean 'family'?"],
    ),
    "wrong choice": (
        "images/images.yaml",
        IMAGES.replace("debian", "debain"),
        ["images.yaml:4: images.small-node.family:", "'debian' or 'rhel'", "Did you mean 'debian'?"],
    ),
    "wrong type": (
        "images/images.yaml",
        IMAGES.replace("[base, extra]", "base"),
        ["images.yaml:7: images.small-node.layers:", "got 'base'"],
    ),
    "missing key": ("images/images.yaml", IMAGES.replace("version: 1\n", ""), ["images.yaml:1: version: required key"]),
    "missing layer": (
        "images/images.yaml",
        IMAGES.replace("extra]", "extr]"),
        ["images.yaml:7: layer 'extr' has no images/extr/layer.yaml", "Did you mean 'extra'?"],
    ),
    "floating base image": (
        "images/images.yaml",
        IMAGES.replace("{distro: trixie}", "{image: registry.example/rocky:latest}"),
        ["images.yaml:5: images.small-node.base"],
    ),
    "base image that names no registry": (
        "images/images.yaml",
        IMAGES.replace("{distro: trixie}", '{image: "rocky:9"}'),
        ["images.yaml:5: images.small-node.base"],
    ),
    "package for an architecture nobody knows": (
        "images/base/layer.yaml",
        BASE.replace("nano", "{amd65: nano}"),
        ["base/layer.yaml:4: packages.debian.1"],
    ),
    "download over a plain line": (
        "images/base/layer.yaml",
        BASE + "downloads:\n  SUM:\n    url: {amd64: 'http://example.org/f'}\n    checksums: https://example.org/s\n",
        ["base/layer.yaml:9: downloads.SUM.url.amd64:"],
    ),
    "digest that is none": ("images/images.lock", "version: 1\nimages: {'a.b/c:1': sha256:12}\n", ["images.lock:2:"]),
    "shell in a package name": (
        "images/base/layer.yaml",
        BASE.replace("nano", '"nano; reboot"'),
        ["base/layer.yaml:4: packages.debian.1:", "nano; reboot"],
    ),
    "newline in a build argument": (
        "images/base/layer.yaml",
        BASE.replace("blue", '"a\\nRUN id"'),
        ["base/layer.yaml:6: args.COLOUR:"],
    ),
    "reserved build argument": (
        "images/base/layer.yaml",
        BASE.replace("COLOUR", "VERSION"),
        ["VERSION is set by imagekit"],
    ),
    "layer under another name": (
        "images/base/layer.yaml",
        BASE.replace("name: base", "name: bottom"),
        ["base/layer.yaml:2: name: 'bottom' in the folder 'base'"],
    ),
    "path that leaves the project": (
        "images/images.yaml",
        IMAGES.replace("images/standin", "../standin"),
        ["images.yaml:6:", "without '..'"],
    ),
    "cloud-config without header": (
        "cloud-config/node.yaml",
        CLOUD_CONFIG.replace("#cloud-config\n", ""),
        ["node.yaml:1: no #cloud-config header"],
    ),
    "cloud-config key": (
        "cloud-config/node.yaml",
        CLOUD_CONFIG.replace("hostname", "hostnam"),
        ["node.yaml:2: key 'hostnam' means nothing", "Did you mean 'hostname'?"],
    ),
    "cloud-config stage": (
        "cloud-config/node.yaml",
        CLOUD_CONFIG.replace("initramfs", "initrd"),
        ["node.yaml:4: stage 'initrd' means nothing"],
    ),
    "cloud-config that is not there": (
        "images/images.yaml",
        IMAGES.replace("node.yaml", "nod.yaml"),
        ["images.yaml:8: cloud_config: no file cloud-config/nod.yaml"],
    ),
    "registry with a path": (
        "imagekit.yaml",
        "version: 1\nregistry: registry.example/team/images\n",
        [
            "imagekit.yaml:2: registry: 'registry.example/team/images' does not fit; it is: host and port of the",
        ],
    ),
    "settings key": ("imagekit.yaml", "version: 1\nregistri: x\n", ["imagekit.yaml:2: registri: unknown key"]),
    "a list for a mapping": ("imagekit.yaml", "- a\n", ["imagekit.yaml:1: the file must be a mapping"]),
}


@pytest.mark.parametrize(("name", "text", "says"), BAD.values(), ids=BAD)
def test_a_bad_file_is_named_with_line_key_and_remedy(tmp_path: Path, name: str, text: str, says: list[str]) -> None:
    root = make_project(tmp_path)
    (root / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_project(root)
    reported = f"{caught.value} {caught.value.hint}"
    assert caught.value.exit_code == 2
    for part in says:
        assert part in reported


def test_a_good_project_loads_frozen(tmp_path: Path) -> None:
    project = load_project(make_project(tmp_path))
    image = project.image("small-node")
    assert image.layers == ("base", "extra")
    assert image.embedded
    assert project.layers["base"].expected_packages(image.family) == ("less", "nano")
    with pytest.raises(ValueError, match="frozen"):
        image.family = None  # type: ignore[assignment,misc]


def test_an_unknown_image_is_answered_with_the_likely_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_project(make_project(tmp_path)).image("smal-node")
    assert "small-node" in caught.value.hint


@pytest.mark.parametrize("kind", MODELS)
def test_schemas_describe_every_key(kind: str) -> None:
    exported = schema(kind)
    assert exported["$schema"].startswith("https://json-schema.org/")
    assert set(exported["properties"]) == set(MODELS[kind].model_fields)
    assert exported["additionalProperties"] is False


def test_a_setup_that_nothing_runs_is_refused(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    (root / "images/extra/setup.sh").write_text("systemctl -q enable extra.service\n")
    with pytest.raises(ConfigError, match=r"extra/setup\.sh: nothing runs it") as caught:
        load_project(root)
    assert "/media/setup.sh" in caught.value.hint
