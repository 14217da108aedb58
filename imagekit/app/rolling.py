"""Rolls of a project: its fleet before and after each wave, each wave one commit of the ledger's checkout."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from imagekit.app.decided import ledger_of
from imagekit.app.provisioning import Decided, decided_of, inputs_of, tree_folder
from imagekit.app.rollchange import require_change
from imagekit.app.rollhealth import KubernetesHealth
from imagekit.base.errors import ConfigError
from imagekit.config.load import Project
from imagekit.config.yamlfile import file_text
from imagekit.fleet.fleet import Fleet
from imagekit.fleet.read import read_fleet_texts
from imagekit.fleet.resolve import digests_of
from imagekit.fleet.source import fleet_paths, parse_source
from imagekit.oci.reference import Digest
from imagekit.provision.render import Tree, render
from imagekit.provision.roll.around import Around, Clock
from imagekit.provision.roll.clock import SystemClock
from imagekit.provision.roll.drain import drain, undrain
from imagekit.provision.roll.health import Health, HookHealth
from imagekit.provision.roll.hooks import ProcessHooks, seconds
from imagekit.provision.roll.model import Phase, RollError, RollRecord
from imagekit.provision.roll.run import advance, first_unwell
from imagekit.provision.roll.state import (
    OVERRIDES,
    RECORD,
    Fields,
    overrides_after,
    overrides_text,
    parse_record,
    record_text,
)
from imagekit.provision.roll.waves import scope, waves
from imagekit.provision.write import difference
from imagekit.release.ledger.store import LedgerStore

_LOCK = "imagekit-roll.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The checkout in which a project's fleet is rolled."""

    project: Project
    store: LedgerStore

    @property
    def record(self) -> RollRecord | None:
        """The roll that is under way, or the last one, as committed; raises `ConfigError` where it cannot be read."""
        raw = self.store.read(RECORD)
        return parse_record(raw.decode(errors="replace")) if raw is not None else None

    @property
    def overrides(self) -> dict[str, Fields]:
        """What fleet/roll.yaml says of each node, as committed."""
        raw = self.store.read(OVERRIDES)
        if raw is None:
            return {}
        from imagekit.fleet.ranges import expand

        file = parse_source(Path(OVERRIDES), raw.decode(errors="replace")).file
        return {
            name: fields.model_dump(mode="json", by_alias=True, exclude_unset=True)
            for pattern, fields in file.overrides.items()
            for name in expand(pattern)
        }

    def texts(self) -> dict[str, str]:
        """The fleet files but fleet/roll.yaml."""
        root = self.store.root
        return {
            str(path.relative_to(root)): file_text(path)
            for path in fleet_paths(root)
            if path.relative_to(root).as_posix() != str(OVERRIDES)
        }

    def fleet(self, overrides: Mapping[str, Fields]) -> Fleet:
        """The fleet with other overrides than the committed ones."""
        return read_fleet_texts({**self.texts(), str(OVERRIDES): overrides_text(overrides)})

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else rolls on this machine meanwhile; raises `RollError`. Elsewhere the branch itself tells."""
        path = Path(self.store.git("rev-parse", "--absolute-git-dir").stdout.strip()) / _LOCK
        with path.open("a") as stream:
            try:
                fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RollError(
                    "another roll of this fleet is running on this machine",
                    hint=f"`fuser {path}` tells which one it is.",
                ) from None
            yield


def site_of(project: Project) -> Site:
    """The checkout of a project's fleet."""
    return Site(project=project, store=ledger_of(project))


def planned(site: Site, old: Digest, new: Digest, clusters: Sequence[str] = (), *, change: str = "") -> RollRecord:
    """The roll from one digest to another, under a change record, worked out and changing nothing.

    Raises `RollError` where another roll is not finished, where no node runs `old`, or `new` may not reach the nodes.
    """
    last = site.record
    if last is not None and last.phase is Phase.ROLLING:
        raise RollError(
            f"a roll of {last.image} to {Digest(last.new).short} is under way, {last.standing} of {len(last.waves)} "
            "waves done",
            hint="`imagekit provision roll --resume` goes on with it, --back takes it back.",
        )
    if old == new:
        raise RollError("a roll goes from one digest to another")
    decided = decided_of(site.project)
    before = site.overrides
    fleet = site.fleet(before)
    vouched = decided.vouched.get(old)
    if vouched is None:
        raise RollError(f"no record of the ledger knows {old}", hint="`imagekit fleet list` shows what nodes run.")
    nodes = scope(fleet, _running(site, fleet, decided), vouched.image, old, clusters)
    found = waves(fleet, nodes)
    withdrawn = old in decided.yanked or any((node.channel or "", old) in decided.blocked for node in nodes)
    started = site.store.resolve("HEAD")
    seed = "\n".join([started, str(old), str(new), *(node.name for node in nodes)])
    made = RollRecord(
        id=hashlib.sha256(seed.encode()).hexdigest()[:12],
        image=vouched.image,
        old=str(old),
        new=str(new),
        waves=found,
        change=change,
        withdrawn=withdrawn,
        before={name: dict(fields) for name, fields in before.items()},
    )
    rendered(site, made.model_copy(update={"done": len(found)}))  # the end is refused now, not in the last wave
    return made


def _running(site: Site, fleet: Fleet, decided: Decided) -> Mapping[str, Digest | None]:
    """What nodes run: what the committed tree says of those that it has, for channels may have moved since."""
    from imagekit.provision.plan import machines_in

    said = digests_of(fleet, decided.channels)
    tree = committed_tree(site, fleet)
    return {**said, **{name: Digest(digest) for name, digest in machines_in(tree).items()}}


def committed_tree(site: Site, fleet: Fleet) -> Tree:
    """The rendered tree as git has it."""
    folder = tree_folder(site.project, fleet)
    listed = site.store.git.tree("HEAD", str(folder))
    data = site.store.git.blobs(list(listed.values()))
    return {str(PurePosixPath(path).relative_to(folder)): each for path, each in zip(listed, data, strict=True)}


def rendered(site: Site, record: RollRecord) -> tuple[Tree, str]:
    """The tree, and fleet/roll.yaml, as they are after the waves of a record; raises what `render` raises."""
    overrides = overrides_after(record, site.fleet(record.before), record.before)
    text = overrides_text(overrides)
    return render(inputs_of(site.project, fleet=site.fleet(overrides))), text


def commit_wave(site: Site, record: RollRecord, message: str) -> None:
    """Write a wave as one commit: the record, what it says of nodes, and the tree. Raises `LedgerBusyError`."""
    tree, overrides = rendered(site, record)
    fleet = site.fleet(record.before)
    folder = tree_folder(site.project, fleet)
    changed = difference(committed_tree(site, fleet), tree)
    files: dict[PurePosixPath, bytes | None] = {
        RECORD: record_text(record).encode(),
        OVERRIDES: overrides.encode(),
        **{folder / path: tree[path] for path in (*changed.added, *changed.changed)},
        **{folder / path: None for path in changed.removed},
    }
    with site.store.locked():
        last = site.record
        if last is not None and last.phase is Phase.ROLLING and last.id != record.id:
            raise RollError(
                f"another roll, {last.id}, began meanwhile", hint="`git log fleet/roll.json` tells whose it is."
            )
        site.store.commit(files, f"{message}\n\nRoll {record.id}: {record.image} {record.old} -> {record.new}\n")


@contextmanager
def surroundings(
    site: Site, record: RollRecord, kubeconfigs: Mapping[str, Path], *, wait: bool, clock: Clock | None = None
) -> Iterator[Around]:
    """What a roll reaches the world through. Raises `ConfigError` where nothing tells how a cluster's nodes are."""
    from imagekit.kube.client import session
    from imagekit.kube.kubeconfig import read_kubeconfig

    fleet = site.fleet(record.before)
    hooks = ProcessHooks(site.project.root)
    asked = {name: fleet.clusters[name].roll.hooks.health for name in sorted({wave.cluster for wave in record.waves})}
    for name, asking in asked.items():
        if not asking and name not in kubeconfigs:
            raise ConfigError(
                f"nothing tells how the nodes of {name} are",
                hint=f"--kubeconfig {name}=FILE, or a health hook of the cluster (`roll.hooks.health`).",
            )
    known = decided_of(site.project).vouched
    ticking = clock or SystemClock()
    with ExitStack() as held:
        watching = KubernetesHealth(
            lambda name: held.enter_context(session(read_kubeconfig(kubeconfigs[name]))), HookHealth(hooks, asked)
        )

        def empty(cluster: str, hosts: Sequence[str]) -> None:
            drain(watching.api(cluster), hosts, ticking, seconds=seconds(fleet.clusters[cluster].roll.ready_within))

        def refill(cluster: str, hosts: Sequence[str]) -> None:
            undrain(watching.api(cluster), hosts)

        yield Around(
            fleet=fleet,
            versions=(known[Digest(record.old)].version, known[Digest(record.new)].version),
            commit=lambda made, message: commit_wave(site, made, message),
            health=watching,
            hooks=hooks,
            clock=ticking,
            drains={name: partial(empty, name) for name in asked if name in kubeconfigs},
            undrains={name: partial(refill, name) for name in asked if name in kubeconfigs},
            permit=lambda made: require_change(site.project, made, fleet),
            wait_for_window=wait,
        )


def begin(record: RollRecord, around: Around) -> RollRecord:
    """Look at the clusters once, then go through the waves; raises `RollError` where it stops."""
    clusters = sorted({wave.cluster for wave in record.waves})
    return advance(record.model_copy(update={"unwell": first_unwell(around, clusters)}), around)


def under_way(site: Site) -> RollRecord:
    """The roll that is not finished; raises `RollError` where there is none."""
    record = site.record
    if record is None or record.phase is not Phase.ROLLING:
        raise RollError("no roll is under way", hint="`imagekit provision roll --from A --to B` begins one.")
    return record


def resumed(site: Site, *, change: str = "") -> RollRecord:
    """The roll that is not finished, under another change record where one is named, such as when the first closed."""
    record = under_way(site)
    return record.model_copy(update={"change": change}) if change else record


def turned_back(site: Site) -> RollRecord:
    """The last roll, now going back; raises `RollError` where it was taken back already or there is none."""
    record = site.record
    if record is None or record.phase is Phase.TAKEN_BACK:
        raise RollError("there is no roll to take back")
    old = Digest(record.old)
    decided = decided_of(site.project)
    if old in decided.yanked and not record.withdrawn:
        raise RollError(f"{old.short} was withdrawn since: {decided.yanked[old]}", hint="Roll to another digest.")
    return record.model_copy(update={"back": True, "phase": Phase.ROLLING})


def back_at_once(site: Site, record: RollRecord) -> RollRecord:
    """Take every wave back in one commit, and wait for nothing."""
    made = record.model_copy(update={"undone": record.done, "phase": Phase.TAKEN_BACK})
    commit_wave(site, made, f"fleet: take all of roll {record.id} back")
    return made


__all__ = ["Health", "Site", "advance", "begin", "planned", "site_of", "surroundings", "under_way"]
