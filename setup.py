"""The wheel carries imagekit's own data, which lies in folders of this repository, as imagekit/data."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

# What projects are built and tested with; imagekit/config/engine.py finds it there, or here in a checkout.
DATA = (
    "images/scripts",
    "images/stamp",
    "images/distro",
    "images/kairos-init-standin",
    "images/base",
    "images/k0s",
    "images/sssd",
    "images/ca-trust",
    "images/guest-agents",
    "images/spire",
    "images/kata",
    "vm-harness",
    "tests/conformance",
    "docs/runbook",
)
# The demo authorities are this repository's own: whoever builds on the wheel puts theirs into images/ca-trust/files/.
LEFT_OUT = ("__pycache__", "rootfs.tar", "page.py")
DEMO = "imagekit-demo-*"


class BuildWithData(build_py):
    """build_py, and the data beside the code; an editable install finds it in the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "imagekit" / "data"
        shutil.rmtree(target, ignore_errors=True)
        for name in DATA:
            left_out = (*LEFT_OUT, DEMO) if name.startswith("images/") else LEFT_OUT
            ignore = shutil.ignore_patterns(*left_out)
            shutil.copytree(Path(__file__).parent / name, target / name, ignore=ignore)


setup(cmdclass={"build_py": BuildWithData})
