"""The programs that a worker is tested with are those of the k0s that layer k0s declares."""

from __future__ import annotations

import re
from pathlib import Path

from imagekit.config.yamlfile import read_yaml

ROOT = Path(__file__).parents[2]


def test_the_kubelet_is_of_the_declared_k0s() -> None:
    declared = str(read_yaml(ROOT / "images/k0s/layer.yaml").data["args"]["K0S_VERSION"])
    pins = (ROOT / "tests/support/kubelet/go.mod").read_text()
    found = re.search(r"^\s*k8s\.io/kubernetes (v\S+)", pins, re.MULTILINE)
    assert found is not None
    assert found[1] == declared.partition("+")[0], (
        "layer k0s declares another k0s: take its kubelet into tests/support/kubelet/go.mod, and containerd and runc "
        "as its embedded-bins/Makefile.variables names them into tests/support/containerd and runc"
    )
