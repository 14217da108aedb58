"""What `imagekit provision check` and `provision schemas` do, with what the project knows of its digests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.base.errors import ConfigError
from imagekit.oci.reference import Digest

if TYPE_CHECKING:
    from imagekit.config.load import Project
    from imagekit.kube.local import Cluster
    from imagekit.provision.check.check import Report
    from imagekit.provision.check.store import Schemas

VARIABLE = "IMAGEKIT_SCHEMAS"


def schemas_folder(named: Path | None, work: Path) -> Path:
    """Where the schemas are: as named, as IMAGEKIT_SCHEMAS says, or in the work folder."""
    if named is not None:
        return named
    return Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else work / "schemas"


def check_manifests(
    paths: Sequence[Path], schemas: Schemas, *, project: Project | None, external: Iterable[str] = ()
) -> Report:
    """Read and check manifests; with a project, against its withdrawn digests and its fleet.lock too.

    Raises `ConfigError`, `LedgerError`.
    """
    from imagekit.provision.check.check import check_tree
    from imagekit.provision.check.reading import read_tree

    tree = replace(read_tree(paths), external=frozenset(_external(external)))
    if project is not None:
        tree = replace(tree, denied=withdrawn(project), records=_inside(project))
    return replace(check_tree(tree, schemas), ledger=project is not None)


def _inside(project: Project) -> dict[Digest, dict[str, str]]:
    """What fleet.lock says is inside each digest."""
    from imagekit.app.provisioning import fleet_root
    from imagekit.provision.lockfile import read_lock, releases_of

    found = releases_of(read_lock(fleet_root(project)))
    return {
        digest: {"KAIROS_VERSION": each.version, **({"k0s": each.k0s} if each.k0s else {})}
        for digest, each in found.items()
    }


def asked_server(
    paths: Sequence[Path],
    report: Report,
    schemas: Schemas,
    *,
    server: Callable[[], Cluster] | None,
    kubeconfig: Path | None,
    context: str,
) -> Report:
    """The report with what an API server says: a live cluster's, else that of one that is starting for it alone.

    Raises `ServerFailedError`, `ApiUnreachableError`.
    """
    from imagekit.kube.client import session
    from imagekit.kube.kubeconfig import read_kubeconfig
    from imagekit.provision.check.reading import read_tree
    from imagekit.provision.check.server import check_live, check_with

    tree = read_tree(paths)
    if kubeconfig is not None:
        with session(read_kubeconfig(kubeconfig, context)) as api:
            return report.with_more(*check_live(api, tree))
    assert server is not None
    with session(server().access) as api:
        return report.with_more(*check_with(api, tree, schemas))


def manage_zones(
    paths: Sequence[Path], address: str, token_file: Path | None, *, create: bool, doomed: Sequence[str]
) -> list[tuple[str, str]]:
    """Each zone of the manifests, and each that was to be removed, with what became of it, through bindcar.

    Raises `ConfigError` for a zone to remove that a manifest has, `ZoneRefusedError`, `BindcarError`.
    """
    from imagekit.provision.check.reading import read_tree
    from imagekit.provision.nameserver.bindcar import Bindcar, zone_name

    wanted = {zone_name(each): each for each in read_tree(paths).of("DNSZone")}
    kept = sorted(name for name in doomed if name.rstrip(".") in wanted)
    if kept:
        raise ConfigError(f"{kept[0]} is a zone of the manifests", hint="Take it out of the fleet first.")
    bindcar = Bindcar(address, token_file.read_text(encoding="utf-8").strip() if token_file else "")
    there, rows = set(bindcar.zones()), []
    for name, zone in sorted(wanted.items()):
        state = "there" if name in there else "made" if create else "missing"
        if state == "made":
            bindcar.create(zone)
        rows.append((name, state))
    for name in doomed:
        rows.append((name, "removed" if bindcar.delete(name.rstrip(".")) else "was not there"))
    return rows


def _external(names: Iterable[str]) -> Iterable[str]:
    for name in names:
        kind, slash, rest = name.partition("/")
        if not (kind and slash and rest):
            raise ConfigError(f"--external {name}: not KIND/NAME", hint="Such as --external Secret/libvirt-1.")
        yield name


def withdrawn(project: Project) -> Mapping[Digest, str]:
    """Every digest that a record of the ledger or a signed denial of the project withdraws, and why.

    Raises `LedgerError` where the ledger does not verify: what it withdraws cannot be told then.
    """
    from imagekit.app.decided import judge_of, ledger_of
    from imagekit.app.trusted import files_of, trust_if_any
    from imagekit.release.channel.history import yanked
    from imagekit.release.ledger.judge import TrustJudge
    from imagekit.trust.gate.model import Evidence
    from imagekit.trust.gate.people import denial_of

    trust = trust_if_any(project)
    # Where nobody's word counts no record does, and a ledger that has some does not verify.
    judge = judge_of(project) if trust.holders else TrustJudge(trust, None)
    records = ledger_of(project).chain(judge).records
    found = {digest: f"{record.actor}: {record.reason}" for digest, record in yanked(records).items()}
    items = files_of(project, trust)
    for digest in {each.reading.statement.subject for each in items if each.reading.statement is not None}:
        if digest not in found and (reported := denial_of(Evidence(digest=digest, image="", items=items))):
            found[digest] = reported
    return found
