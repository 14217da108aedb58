"""The small project with a second image as production has it: base and framework from registries, a download."""

from __future__ import annotations

from pathlib import Path

from tests.support.project import BASE, IMAGES, commit, make_project

BASE_IMAGE = "registry.example.org/rocky/rocky:9"
KAIROS_INIT = "registry.example.org/kairos/kairos-init:v1"
FILE = "https://downloads.example.org/tool/v2/tool-v2-{arch}"
DIGESTS = {BASE_IMAGE: "sha256:" + "a" * 64, KAIROS_INIT: "sha256:" + "b" * 64}
CHECKSUMS = {FILE.format(arch="amd64"): "c" * 64, FILE.format(arch="arm64"): "d" * 64}
PRODUCTION = f"""\
  big-node:
    family: rhel
    arch: [amd64, arm64]
    base: {{image: "{BASE_IMAGE}"}}
    kairos_init: {{image: "{KAIROS_INIT}"}}
    layers: [base, extra]
"""
LAYER = """\
  rhel: [less, {amd64: grub2-pc}, {amd64: shim-x64, arm64: shim-aa64}]
args:
  TOOL: v2
downloads:
  TOOL_SHA256:
    url:
      amd64: https://downloads.example.org/tool/{TOOL}/tool-{TOOL}-amd64
      arm64: https://downloads.example.org/tool/{TOOL}/tool-{TOOL}-arm64
    checksums: https://downloads.example.org/tool/{TOOL}/sums.txt
"""


def make_production(root: Path, *, locked: bool = True) -> Path:
    """Write the project below `root`, with everything in images.lock or with nothing."""
    make_project(root)
    (root / "images/images.yaml").write_text(IMAGES + PRODUCTION)
    (root / "images/base/layer.yaml").write_text(BASE.replace("args:\n  COLOUR: blue\n", LAYER))
    if locked:
        lines = [f"  {name}: {value}" for name, value in DIGESTS.items()]
        files = [f"  {name}: {value}" for name, value in CHECKSUMS.items()]
        (root / "images/images.lock").write_text("\n".join(["version: 1", "images:", *lines, "files:", *files, ""]))
    commit(root, "production", "2026-11-22T13:00:00+00:00")
    return root
