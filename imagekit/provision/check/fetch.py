"""Fill the folder of schemas, from upstream releases or from a live cluster; whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from imagekit.base.errors import ConfigError
from imagekit.build.download import fetched
from imagekit.kube.client import Api
from imagekit.provision.check.pins import Pin
from imagekit.provision.check.store import Schemas, load_schemas

MARK = ".imagekit-schemas"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_BUILT_IN = ("api/v1", "apis/rbac.authorization.k8s.io/v1", "apis/admissionregistration.k8s.io/v1", "apis/apps/v1")
_KEPT = ("apiVersion", "kind", "metadata", "spec")


def fetch_pinned(pins: Sequence[Pin], target: Path, cache: Path, mirrors: Mapping[str, str]) -> Schemas:
    """Every pinned file into `target`, which is replaced when all are there and right.

    `cache` keeps files by SHA-256; `mirrors` maps beginnings of addresses to where they are read from. Raises
    `DownloadError`, `WrongFileError`, and `ConfigError` for a folder that holds something else.
    """
    with _filled(target) as fresh:
        for pin in pins:
            file = fetched(pin.address, pin.sha256, cache, mirrors, by="the pins of imagekit")
            place = fresh / pin.target
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
        releases = "".join(sorted({f"{pin.project} {pin.release}\n" for pin in pins}))
        (fresh / MARK).write_text(releases, encoding="utf-8")
    return load_schemas(target)


def fetch_from_cluster(api: Api, target: Path) -> Schemas:
    """Every CRD of a cluster, and the schemas of the built-in kinds that it serves. Raises `ApiError`."""
    with _filled(target) as fresh:
        listed = api.get(_CRDS)["items"]
        for crd in listed:
            name = str(crd["metadata"]["name"])
            (fresh / f"{name}.yaml").write_text(yaml.safe_dump(_plain(crd), sort_keys=False), encoding="utf-8")
        for path in _BUILT_IN:
            document = api.get(f"/openapi/v3/{path}")
            file = fresh / f"{path.replace('/', '__')}_openapi.json"
            file.write_text(json.dumps(document), encoding="utf-8")
        (fresh / MARK).write_text(f"{len(listed)} CRDs of {api.server}\n", encoding="utf-8")
    return load_schemas(target)


def _plain(crd: dict[str, Any]) -> dict[str, Any]:
    """A CRD as one would declare it: without what the server keeps about it."""
    made = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", **crd}
    return {**{name: made[name] for name in _KEPT}, "metadata": {"name": crd["metadata"]["name"]}}


@contextmanager
def _filled(target: Path) -> Iterator[Path]:
    """A new folder beside `target` that takes its place at the end of the block."""
    if target.exists() and not (target / MARK).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(
            f"{target} was not filled by imagekit, and is left alone", hint="Name an empty folder with --schemas."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    old = fresh.with_name(f"{fresh.name}.old")
    try:
        fresh.chmod(0o755)
        yield fresh
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
