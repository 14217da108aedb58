"""Disks and machines of one boot path: which are made, and how each is started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from imagekit.app.hosts import host
from imagekit.app.interface import Subject
from imagekit.app.needs import libvirt_uri
from imagekit.app.target import suites_of as suites_of
from imagekit.artifact.installed import installed_disk
from imagekit.artifact.live import LiveArtifacts, live_artifacts
from imagekit.artifact.releaseiso import write_iso
from imagekit.base.files import mark_used
from imagekit.base.log import step
from imagekit.checks.tlspeer import Peers, TlsPeer
from imagekit.machine.boot import BootRequest, boot
from imagekit.machine.disks import DiskSource
from imagekit.machine.domain import USER, Forward, Link
from imagekit.machine.folder import machines_folder, owned_folder, seen_by
from imagekit.machine.hardware import NodeRequest
from imagekit.machine.identity import NodeKeys, fresh_keys, seed_disk
from imagekit.machine.install import AgentDisk, InstallRequest, install_by_agent
from imagekit.machine.interface import BootPath, Installer
from imagekit.machine.libvirt.provider import connect
from imagekit.machine.node import InstalledNode, node
from imagekit.machine.profile import DirectKernel, load_profile, profile_name
from imagekit.machine.provider import Provider
from imagekit.machine.saved import SavedNode


def make_disks(subject: Subject) -> LiveArtifacts:
    """Kernel, initrds and root file system of the image; kept by its digest."""
    work = subject.project.work
    made = live_artifacts(subject.image.layout, subject.image.digest, work / "disks", harness=subject.harness)
    mark_used(made.rootfs)
    return made


def make_installed_disk(subject: Subject) -> Path:
    """The disk with an installed node of the image; kept by its digest, only read."""
    path = installed_disk(subject.image.layout, subject.image.digest, subject.project.work / "disks").path
    mark_used(path)
    return path


@contextmanager
def machine_of(
    subject: Subject,
    artifacts: LiveArtifacts,
    boot_path: BootPath,
    peers: Peers | None = None,
    saved: SavedNode | None = None,
    link: Link | None = None,
) -> Iterator[InstalledNode]:
    """A booted machine for the time of the block, or a `saved` one that goes on; leftovers of killed runs go first."""
    match boot_path:
        case BootPath.LIVE if not _starts_kernels(subject):
            with medium_machine(subject, peers, saved, link) as machine:
                yield machine
        case BootPath.DIRECT | BootPath.LIVE:
            with _libvirt(subject) as uri:
                request = _boot_request(subject, artifacts, boot_path, peers, uri)
                with boot(replace(request, saved=saved, link=link)) as machine:
                    yield machine
        case BootPath.INSTALLED:
            with installed_machine(subject, peers, saved=saved, link=link) as machine:
                yield machine


@dataclass(frozen=True, slots=True)
class LocalMachines:
    """Machines of this host's libvirt, see `imagekit.app.forks.Machines`."""

    subject: Subject
    artifacts: LiveArtifacts
    boot_path: BootPath
    peers: Peers | None = None
    link: Link | None = None

    @property
    def network(self) -> str:
        """What its network card is connected to."""
        return USER if self.link is None else self.link.kind

    @contextmanager
    def provider(self) -> Iterator[Provider]:
        """libvirt, running for as long as the block."""
        with _libvirt(self.subject) as uri, connect(uri) as opened:
            yield opened

    def machine(self, saved: SavedNode | None = None) -> AbstractContextManager[InstalledNode]:
        """A running machine."""
        return machine_of(self.subject, self.artifacts, self.boot_path, self.peers, saved, self.link)


@contextmanager
def _libvirt(subject: Subject) -> Iterator[str]:
    """The libvirt that machines are started with, rid of what killed runs left."""
    with host(subject.project, subject.uri or libvirt_uri(subject.project)) as uri:
        yield uri


def _forwards(peers: Peers | None) -> tuple[Forward, ...]:
    return tuple(Forward(port=peer.port, host_port=peer.port, address=peer.address) for peer in _each(peers))


def _boot_request(
    subject: Subject, artifacts: LiveArtifacts, boot_path: BootPath, peers: Peers | None, uri: str
) -> BootRequest:
    return BootRequest(
        name=subject.name,
        run_id=subject.run_id,
        artifacts=artifacts,
        folder=subject.folder / boot_path.value,
        harness=subject.harness,
        boot_path=boot_path,
        shape=subject.shape,
        forwards=_forwards(peers),
        cloud_config=subject.cloud_config,
        uri=uri,
    )


@contextmanager
def installed_machine(
    subject: Subject,
    peers: Peers | None = None,
    *,
    installer: Installer = Installer.DISK,
    saved: SavedNode | None = None,
    link: Link | None = None,
) -> Iterator[InstalledNode]:
    """An overlay on an installed disk, booted by firmware and GRUB.

    Who may log in is said by a NoCloud disk, or was said to the agent that installed.
    """
    match installer:
        case Installer.DISK:
            disk, keys = make_installed_disk(subject), None
        case Installer.AGENT:
            made = agent_disk(subject)
            disk, keys = made.path, made.keys
    disks = (DiskSource(backing=disk),)
    with _firmware_boot(subject, BootPath.INSTALLED, peers, disks=disks, keys=keys, saved=saved, link=link) as machine:
        yield machine


def agent_disk(subject: Subject) -> AgentDisk:
    """The disk of a node that the image's own agent installed from the live system; kept by what it was made from."""
    with _libvirt(subject) as uri:
        return install_by_agent(
            InstallRequest(
                name=subject.name,
                run_id=subject.run_id,
                artifacts=make_disks(subject),
                folder=subject.folder / "install",
                into=subject.project.work / "disks" / "agent",
                harness=subject.harness,
                shape=subject.shape,
                cloud_config=subject.cloud_config,
                uri=uri,
            )
        )


@contextmanager
def medium_machine(
    subject: Subject, peers: Peers | None = None, saved: SavedNode | None = None, link: Link | None = None
) -> Iterator[InstalledNode]:
    """The image's ISO, booted by firmware and its own GRUB; for firmware that starts no kernel without them."""
    with owned_folder(subject.run_id, _machines(subject)) as folder:
        write_iso(subject.image.layout, subject.image.digest, folder / "medium.iso")
        media = (folder / "medium.iso",)
        with _firmware_boot(subject, BootPath.LIVE, peers, media=media, saved=saved, link=link) as machine:
            yield machine


@contextmanager
def _firmware_boot(
    subject: Subject,
    boot_path: BootPath,
    peers: Peers | None,
    *,
    disks: tuple[DiskSource, ...] = (),
    media: tuple[Path, ...] = (),
    keys: NodeKeys | None = None,
    saved: SavedNode | None = None,
    link: Link | None = None,
) -> Iterator[InstalledNode]:
    """Boot by firmware; without `keys` that the node knows already, a NoCloud disk brings new ones."""
    with ExitStack() as stack:
        uri = stack.enter_context(_libvirt(subject))
        if keys is None:
            keys = saved.keys if saved is not None else fresh_keys()
            folder = stack.enter_context(owned_folder(subject.run_id, seen_by(uri, subject.folder)))
            media = (*media, seed_disk(keys, subject.name, folder, subject.cloud_config))
        request = NodeRequest(
            name=subject.name,
            run_id=subject.run_id,
            folder=subject.folder / boot_path.value,
            work=_machines(subject),
            harness=subject.harness,
            disks=disks,
            media=media,
            keys=keys,
            shape=subject.shape,
            forwards=_forwards(peers),
            boot_path=boot_path,
            saved=saved,
            link=link,
            uri=uri,
        )
        machine = stack.enter_context(node(request))
        verb = "Booting" if saved is None else "Forking"
        with step(f"{verb} {subject.name} ({boot_path}, {profile_name(subject.shape)})") as reported:
            machine.start()
            record = machine.wait_boot() if saved is None else machine.wait_fork()
            reported.note = ", ".join(f"{phase.name} {phase.seconds:.1f} s" for phase in record.phases)
        yield machine


def _starts_kernels(subject: Subject) -> bool:
    return load_profile(subject.shape.firmware, subject.harness).direct_kernel is not DirectKernel.NONE


def _machines(subject: Subject) -> Path:
    folder = machines_folder(subject.project.work)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _each(peers: Peers | None) -> tuple[TlsPeer, ...]:
    return () if peers is None else (peers.trusted, peers.untrusted)
