"""Certificates reach the build checked and written anew, one canonical file each (W23 to W25)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from imagekit.base.errors import ConfigError
from imagekit.build import bake
from imagekit.build.authorities import authorities_of, authority_folders
from imagekit.config.load import Project, load_project
from imagekit.plan.resolve import make_plan
from tests.support.authorities import Authority, certificate
from tests.support.project import make_project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose upper layer declares two authorities in one file, with CRLF and a Latin-1 comment."""
    root = make_project(tmp_path / "project")
    path = root / "images/extra/layer.yaml"
    path.write_text(path.read_text() + 'present:\n  certificates: ["files/*"]\n')
    (root / "images/extra/files").mkdir()
    write(root, Authority(name="One"), Authority(name="Two"))
    return root


def write(root: Path, *wanted: Authority) -> None:
    texts = [certificate(each, ec.generate_private_key(ec.SECP256R1())) for each in wanted]
    data = b"B\xfcrgschaft\r\n" + "".join(texts).replace("\n", "\r\n").encode()
    (root / "images/extra/files/corp.crt").write_bytes(data)


def folders(project: Project) -> dict[str, Path]:
    return authority_folders(project, (make_plan(project, "small-node"),))


def test_the_build_gets_canonical_files_and_nothing_else(root: Path) -> None:
    project = load_project(root)
    folder = folders(project)["extra"]
    assert sorted(path.name for path in folder.iterdir()) == ["corp-1.pem", "corp-2.pem"]
    for path in folder.iterdir():
        text = path.read_bytes()
        assert text.startswith(b"-----BEGIN CERTIFICATE-----\n")
        assert b"\r" not in text
        assert text.isascii()
    assert folders(project)["extra"] == folder
    assert not list(folder.parent.glob(".part-*"))


def test_only_the_layer_that_declares_some_gets_the_context(root: Path) -> None:
    project = load_project(root)
    plan = make_plan(project, "small-node")
    graph = bake.Graph((plan,), root, {plan.stage("distro").id: root}, folders(project))
    services = bake.compose(graph)["services"]
    contexts = {name: service["build"]["additional_contexts"] for name, service in services.items()}
    assert [name for name, found in contexts.items() if "authorities" in found] == ["extra"]


def test_another_certificate_is_another_plan(root: Path) -> None:
    first = make_plan(load_project(root), "small-node").stage("extra").id
    write(root, Authority(name="One"), Authority(name="Three"))
    assert make_plan(load_project(root), "small-node").stage("extra").id != first


def test_a_bad_certificate_stops_the_plan(root: Path) -> None:
    write(root, Authority(name="One"), Authority(name="Leaf", is_ca=False, may_sign=False))
    with pytest.raises(ConfigError, match=r"corp.crt, certificate 2 \(CN=Leaf\): it is not a CA"):
        make_plan(load_project(root), "small-node")


def test_one_that_expired_stops_what_looks_at_the_clock(root: Path) -> None:
    project = load_project(root)
    assert set(authorities_of(project, ("base", "extra"))) == {"extra"}
    with pytest.raises(ConfigError, match="it expired on"):
        authorities_of(project, ("extra",), now=datetime.now(UTC) + timedelta(days=400))
