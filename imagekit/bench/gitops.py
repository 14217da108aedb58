"""Manifests before real programs: an API server from start to verdict, a commit to the objects that Flux applies."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import yaml

from imagekit.app.manifests import VARIABLE, schemas_folder
from imagekit.base.log import step
from imagekit.base.process import ProgramMissingError, run
from imagekit.base.waiting import Deadline, wait_until
from imagekit.bench.cost import Cost, cost, load
from imagekit.bench.fluxlab import SPACE, GitRepo, find_controllers, flux, flux_objects, git_server, own_crds
from imagekit.bench.model import Bound, Goal, Row, median
from imagekit.bench.provision import fleet_text, inputs_of
from imagekit.bench.subject import BenchSubject
from imagekit.kube.client import Api, session
from imagekit.kube.local import api_server, find_programs
from imagekit.oci.reference import Digest
from imagekit.provision.check.server import make_crds
from imagekit.provision.check.store import load_schemas
from imagekit.provision.render import render
from imagekit.provision.write import write_tree

_NODES = 20
_ROUNDS = 3
_VERDICT = Goal(limit=15.0, bound=Bound.VALUE)
_APPLIED = Goal(limit=10.0, bound=Bound.VALUE)
_DIGESTS = tuple(Digest.of(b"version %d" % number) for number in range(_ROUNDS + 1))
Key = tuple[str, str, str, str]


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds; without the programs, or without schemas, there is no number."""
    schemas = schemas_folder(None, bench.project.work)
    with step("An API server from start to verdict"):
        verdict, note = _verdicts(bench.scratch, schemas)
    with step("A commit to the objects that Flux applies"):
        applied, reported = _applied(bench, schemas)
    return [
        Row(name="API server, start to verdict", measured=verdict, unit="s", goal=_VERDICT, note=note),
        Row(name="commit to applied by Flux", measured=applied, unit="s", goal=_APPLIED, note=reported),
    ]


def _verdicts(scratch: Path, schemas: Path) -> tuple[float | None, str]:
    """The whole command on the tree of a fleet, median of some."""
    try:
        find_programs()
    except ProgramMissingError as error:
        return None, f"{error}"
    folder = scratch / "verdict"
    write_tree(folder / "provision", render(inputs_of(fleet_text(_NODES))))
    taken = [_verdict(folder, schemas) for _ in range(_ROUNDS)]
    spent = median(each.cpu_seconds for each in taken)
    note = f"{_NODES} nodes; {spent:.1f} CPU s, both programs included; load average {load()}; median of {_ROUNDS}"
    return median(each.seconds for each in taken), note


def _verdict(folder: Path, schemas: Path) -> Cost:
    own: list[str | Path] = [sys.executable, "-c", "from imagekit.cli import main; main()", "provision", "check"]
    env = os.environ | {VARIABLE: str(schemas)}
    with cost() as taken:
        run(
            [*own, folder / "provision", "--apiserver", "--without-ledger"], timeout=180, cwd=folder, env=env, ok=(0, 1)
        )
    return taken


def _applied(bench: BenchSubject, schemas: Path) -> tuple[float | None, str]:
    """From a push that moves every node to another digest, until its objects are there and those of before are gone."""
    try:
        find_programs()
        find_controllers()
    except ProgramMissingError as error:
        return None, f"{error}"
    folder = bench.scratch / "flux"
    folder.mkdir()
    repo, trees = GitRepo(folder), [render(inputs_of(fleet_text(_NODES), digest)) for digest in _DIGESTS]
    with _loop(folder, repo, schemas, bench.project.root / "tests" / "support" / "flux") as (api, address):
        repo.commit(trees[0], "the fleet")
        for each in flux_objects(trees[0]["flux/flux.yaml"], address):
            api.apply(each, force=True)
        _arrived(api, trees[0], set(), 180.0)
        taken = [_rolled(api, repo, before, after) for before, after in pairwise(trees)]
    note = f"{_NODES} nodes, every one replaced, {len(_objects(trees[1]))} objects; median of {_ROUNDS}"
    return median(each.seconds for each in taken), f"{note}; longest {max(each.seconds for each in taken):.1f} s"


@contextmanager
def _loop(folder: Path, repo: GitRepo, schemas: Path, module: Path) -> Iterator[tuple[Api, str]]:
    with ExitStack() as stack:
        cluster = stack.enter_context(api_server(folder))
        api = stack.enter_context(session(cluster.access))
        make_crds(api, [*load_schemas(schemas).crds, *own_crds(module)])
        for name in (SPACE, "fleet"):
            api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, force=True)
        address = stack.enter_context(git_server(repo.bare))
        stack.enter_context(flux(cluster, folder))
        yield api, address


def _rolled(api: Api, repo: GitRepo, before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Cost:
    with cost() as taken:
        repo.commit(after, "another digest")
        _arrived(api, after, _objects(before) - _objects(after), 120.0)
    return taken


def _arrived(api: Api, tree: Mapping[str, bytes], gone: set[Key], seconds: float) -> None:
    """Wait until all objects of a tree are there, and others are not."""
    wanted = _objects(tree)
    places = sorted({key[:3] for key in wanted | gone})

    def done() -> bool:
        there = {(*place, name) for place in places for name in _names(api, *place)}
        return wanted <= there and not gone & there

    wait_until(done, Deadline.after(seconds), what=f"{len(wanted)} objects there, {len(gone)} gone", every=0.2)


def _names(api: Api, version: str, kind: str, namespace: str) -> list[str]:
    found = api.get(api.path_of(version, kind, namespace))["items"]
    return [each["metadata"]["name"] for each in found if "deletionTimestamp" not in each["metadata"]]


def _objects(tree: Mapping[str, bytes]) -> set[Key]:
    """Those of the folders that Flux is let to apply here."""
    folders = ("images/", "machines/", "dns/", "platform/")
    texts = [data for path, data in tree.items() if path.startswith(folders) and "kustomization" not in path]
    found = [each for text in texts for each in yaml.safe_load_all(text)]
    return {
        (one["apiVersion"], one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in found
    }
