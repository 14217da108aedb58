"""Machines on a hypervisor at hand, made of the objects that were rendered for VirtRigaud.

Each is made from the published digest that its objects name: the digest is verified, the disk is the one that a trusted
key signed beside it, and its bytes are those that VirtualMachine and VMImage name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagekit.app.machinemaking import Maker
from imagekit.app.manifests import withdrawn
from imagekit.app.needs import libvirt_uri
from imagekit.base.errors import ConfigError
from imagekit.base.log import step
from imagekit.config.load import Project
from imagekit.machine.libvirt.persistent import local_libvirt
from imagekit.machine.persistent import Hypervisor, Open
from imagekit.provision.machines.kept import Store
from imagekit.provision.machines.plan import CHANGES, Action, Step, planned
from imagekit.provision.machines.wanted import API, KINDS, Object, Wanted, wanted_machines
from imagekit.trust.gate.model import YankedError

_SHUTDOWN = 90.0  # seconds that a node gets to shut down


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How machines are to be made; `network` is one of libvirt's, else each gets one of QEMU's own.

    `settling` objects are those of a cluster that is being changed: a machine that refers to what is not there waits.
    """

    nodes: frozenset[str] = frozenset()
    prune: bool = False
    recreate: bool = False
    dry_run: bool = False
    network: str = ""
    settling: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """What was (or, in a dry run, would be) done; `others` are machines of other hypervisors, which are left alone."""

    steps: tuple[Step, ...]
    others: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def changes(self) -> int:
        """How many machines were changed."""
        return sum(each.action in CHANGES for each in self.steps)

    @property
    def differs(self) -> bool:
        """Whether a machine stays other than it is wanted."""
        return any(each.action is Action.DIFFERS for each in self.steps)


def store_of(project: Project) -> Store:
    """Where the machines of a project's fleet are kept."""
    return Store(project.work / "fleet")


def rendered_folder(project: Project) -> Path:
    """Where the project's own tree is."""
    from imagekit.app.provisioning import fleet_root, tree_folder
    from imagekit.fleet.read import read_fleet_files

    root = fleet_root(project)
    return root / tree_folder(project, read_fleet_files(root))


def objects_of(paths: Sequence[Path]) -> list[Object]:
    """The objects of rendered files. Raises `ConfigError` for what cannot be read, with file and line."""
    from imagekit.provision.check.reading import read_tree

    tree = read_tree(paths)
    if tree.problems:
        first = tree.problems[0]
        raise ConfigError(f"{first.file}:{first.line}: {first.message}", hint="`imagekit provision check` says more.")
    return [each.data for each in tree.manifests]


def objects_in(kubeconfig: Path, context: str = "", namespace: str = "") -> list[Object]:
    """The objects of a cluster's namespace: what Flux applied. Raises `ApiError`, `ApiUnreachableError`."""
    from imagekit.kube.client import session
    from imagekit.kube.kubeconfig import read_kubeconfig

    access = read_kubeconfig(kubeconfig, context)
    found: list[Object] = []
    with session(access) as api:
        for version, kind in (*((API, each) for each in KINDS), ("v1", "Secret")):
            listed: Mapping[str, Any] = api.get(api.path_of(version, kind, namespace or access.namespace))
            found += [{**each, "apiVersion": version, "kind": kind} for each in listed.get("items") or ()]
    return [each for each in found if not (each.get("metadata") or {}).get("deletionTimestamp")]


def apply(project: Project, objects: Iterable[Object], asked: Asked, *, connect: Open = local_libvirt) -> Applied:
    """Bring the hypervisor to what the objects say; what is right already is left alone.

    Digests are verified before anything changes. Raises `YankedError`, `VerificationError`, `ForeignMachineError`,
    `ConfigError`, `HypervisorError`; what was done until then stays, and the same command goes on from there.
    """
    given = list(objects)
    incomplete: dict[str, str] = {}
    wanted, others = wanted_machines(given, incomplete if asked.settling else None)
    _require_known(asked.nodes, wanted)
    if asked.prune and not any(each.get("kind") in KINDS for each in given):
        raise ConfigError(
            "nothing of a fleet is there (no VirtualMachine, VMImage, VMClass), and --prune would remove all machines",
            hint="Are these the right files, or the right cluster and --namespace? --destroy removes all, where meant.",
        )
    with _at_work(project, asked, connect) as work:
        steps = work.steps(wanted, incomplete)
        made = {each.name: each for each in wanted}
        work.require_digests([made[each.name] for each in steps if each.action is Action.MAKE])
        if asked.dry_run:
            return Applied(tuple(steps), tuple(others))
        for each in steps:
            work.do(each, made.get(each.name))
        work.store.write_known_hosts(work.store.machines())
        dropped = work.store.drop_disks(work.store.machines()) if asked.prune else []
    return Applied(tuple(steps), tuple(others), tuple(dropped))


def destroy(project: Project, asked: Asked, *, connect: Open = local_libvirt) -> Applied:
    """Remove every machine that this work folder made (of the named nodes), and nothing else."""
    with _at_work(project, asked, connect) as work:
        kept = work.store.machines()
        if asked.nodes:
            _require_among(asked.nodes, {each.node for each in kept.values()})
        steps = planned([], kept, {name: work.hypervisor.find(name) for name in kept}, prune=True, asked=asked.nodes)
        if asked.dry_run:
            return Applied(tuple(steps))
        for each in steps:
            work.do(each, None)
        left = work.store.machines()
        work.store.write_known_hosts(left)
        return Applied(tuple(steps), (), tuple(work.store.drop_disks(left)))


def _require_known(nodes: frozenset[str], wanted: Sequence[Wanted]) -> None:
    if nodes:
        _require_among(nodes, {each.node for each in wanted})


def _require_among(nodes: frozenset[str], known: set[str]) -> None:
    unknown = sorted(nodes - known)
    if unknown:
        raise ConfigError(f"no machine of node {unknown[0]}", hint=f"There are: {', '.join(sorted(known)) or 'none'}.")


@contextmanager
def _at_work(project: Project, asked: Asked, connect: Open) -> Iterator[Work]:
    with store_of(project).held(), connect(libvirt_uri(project)) as opened:
        yield Work(project, store_of(project), opened, asked)


@dataclass(slots=True)
class Work:
    """One `apply`: the project, its machines, and the hypervisor that they are on."""

    project: Project
    store: Store
    hypervisor: Hypervisor
    asked: Asked

    def steps(self, wanted: Sequence[Wanted], incomplete: Mapping[str, str]) -> list[Step]:
        """What is to be done."""
        kept = self.store.machines()
        names = {*kept, *(each.name for each in wanted)}
        found = {name: self.hypervisor.find(name) for name in names}
        how = self.asked
        return planned(
            wanted, kept, found, prune=how.prune, recreate=how.recreate, asked=how.nodes, incomplete=incomplete
        )

    def require_digests(self, machines: Sequence[Wanted]) -> None:
        """Hold each digest that a machine is to be made from to its signature, and to what was withdrawn."""
        from imagekit.app.disks import require_verified
        from imagekit.app.release import registry_client
        from imagekit.app.trusted import publish_verifier

        references = {str(each.reference): each.reference for each in machines}
        gone = withdrawn(self.project) if references else {}
        for each in references.values():
            if each.digest is not None and each.digest in gone:
                raise YankedError(
                    f"{each} was withdrawn by {gone[each.digest]}", hint="Roll the nodes to another digest, and render."
                )
        for each in references.values():
            with registry_client(self.project, each.registry) as client:
                require_verified(self.project, client, each, publish_verifier(self.project))

    @property
    def maker(self) -> Maker:
        """What makes machines here."""
        return Maker(self.project, self.store, self.hypervisor, self.asked.network)

    def do(self, what: Step, wanted: Wanted | None) -> None:
        """Carry out one step."""
        if what.action not in CHANGES:
            return
        with step(f"{what.action.value.capitalize()} {what.name}"):
            match what.action:
                case Action.REMOVE:
                    self.hypervisor.remove(what.name)
                    self.store.remove(what.name)
                case Action.STOP:
                    self.hypervisor.stop(what.name, seconds=_SHUTDOWN)
                case Action.START:
                    assert wanted is not None
                    self.maker.start(wanted, self.store.machines()[wanted.name])
                case _:
                    assert wanted is not None
                    self.maker.make(wanted, anew=what.action is Action.MAKE)
