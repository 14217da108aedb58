"""The folder of schemas: pins held to their checksums, over HTTP, whole or not at all."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from imagekit.base.errors import ConfigError
from imagekit.build.download import DownloadError, WrongFileError
from imagekit.provision.check.fetch import MARK, fetch_from_cluster, fetch_pinned
from imagekit.provision.check.pins import Pin, read_pins
from imagekit.provision.check.store import load_schemas
from tests.support.answering import answering

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.dev}
spec:
  group: example.dev
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {a: {type: string}}}}}}
"""
UPSTREAM = "https://upstream.example/"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the screen."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[dict[str, str]]:
    """`mirrors` of imagekit.yaml: a server on loopback in upstream's place."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "thing.yaml").write_text(CRD)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path / "www")))
    with answering(server):
        yield {UPSTREAM: f"http://127.0.0.1:{server.server_address[1]}/"}


def pin(name: str = "thing.yaml", checksum: str = hashlib.sha256(CRD.encode()).hexdigest()) -> Pin:
    return Pin("things", "v1.0.0", f"{UPSTREAM}{name}", checksum, Path("things", name))


def test_the_pins_are_of_releases_by_commit() -> None:
    pins = read_pins()
    assert len(pins) > 50
    assert len({each.target for each in pins}) == len(pins)
    assert all(each.address.startswith("https://") for each in pins)
    assert {each.project for each in pins} >= {"virtrigaud", "bindy", "k0smotron", "kcm", "flux-source", "kubernetes"}


def test_the_folder_is_filled(tmp_path: Path, mirror: dict[str, str]) -> None:
    found = fetch_pinned([pin()], tmp_path / "schemas", tmp_path / "cache", mirror)
    assert set(found.kinds) == {("example.dev/v1", "Thing")}
    assert (tmp_path / "schemas" / MARK).read_text() == "things v1.0.0\n"
    again = fetch_pinned([pin()], tmp_path / "schemas", tmp_path / "cache", {UPSTREAM: "http://127.0.0.1:1/"})
    assert set(again.kinds) == set(found.kinds)  # kept by its checksum, nobody was asked


@pytest.mark.parametrize(
    ("wrong", "error"), [(pin(checksum="0" * 64), WrongFileError), (pin("gone.yaml", "1" * 64), DownloadError)]
)
def test_on_a_fault_the_folder_stays_as_it_was(
    tmp_path: Path, mirror: dict[str, str], wrong: Pin, error: type[Exception]
) -> None:
    fetch_pinned([pin()], tmp_path / "schemas", tmp_path / "cache", mirror)
    before = (tmp_path / "schemas" / "things" / "thing.yaml").stat().st_ino
    with pytest.raises(error) as caught:
        fetch_pinned([pin(), wrong], tmp_path / "schemas", tmp_path / "cache", mirror)
    assert "images.lock" not in str(caught.value)
    assert (tmp_path / "schemas" / "things" / "thing.yaml").stat().st_ino == before
    assert sorted(each.name for each in tmp_path.iterdir()) == ["cache", "schemas", "www"]


def test_offline_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        fetch_pinned([pin()], tmp_path / "schemas", tmp_path / "cache", {UPSTREAM: "http://127.0.0.1:1/"})
    assert "mirrors" in caught.value.hint
    assert not (tmp_path / "schemas").exists()


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, mirror: dict[str, str]) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "mine.yaml").write_text("x: 1")
    with pytest.raises(ConfigError, match="left alone"):
        fetch_pinned([pin()], tmp_path / "schemas", tmp_path / "cache", mirror)
    assert (tmp_path / "schemas" / "mine.yaml").exists()


@pytest.mark.parametrize("text", ["", "kind: CustomResourceDefinition\nspec: {}\n", "a: [", "x: 1"])
def test_a_folder_without_schemas_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_schemas(tmp_path)
    with pytest.raises(ConfigError, match="no folder"):
        load_schemas(tmp_path / "gone")


def test_from_a_cluster(tmp_path: Path) -> None:
    import yaml

    crd = yaml.safe_load(CRD)
    live = {**crd, "metadata": {"name": "things.example.dev", "managedFields": [], "uid": "x"}, "status": {}}
    component = {
        "type": "object",
        "properties": {"kind": {"type": "string"}, "apiVersion": {"type": "string"}, "data": {"type": "object"}},
        "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "ConfigMap"}],
    }

    class Fake:
        server = "https://cluster"

        def get(self, path: str) -> Any:
            return {"items": [live]} if "customresource" in path else {"components": {"schemas": {"c": component}}}

    found = fetch_from_cluster(Fake(), tmp_path / "schemas")  # type: ignore[arg-type]
    assert set(found.kinds) == {("example.dev/v1", "Thing"), ("v1", "ConfigMap")}
    text = (tmp_path / "schemas" / "things.example.dev.yaml").read_text()
    assert "uid" not in text
    assert found.kinds[("v1", "ConfigMap")].validator.is_valid({"kind": "ConfigMap", "apiVersion": "v1"})
    assert not found.kinds[("v1", "ConfigMap")].validator.is_valid({"kind": "ConfigMap", "dta": {}})
