"""A project with a real ledger, fleet files and a rendered tree in git; its nodes are what the checkout says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from imagekit.app.provisioning import inputs_of
from imagekit.app.rolling import Site, site_of
from imagekit.base.process import run
from imagekit.config.load import Project, load_project
from imagekit.oci.reference import Digest, Reference
from imagekit.provision.lockfile import LOCK_PATH, FleetLock, LockedDisk, LockedRelease, lock_text, read_lock
from imagekit.provision.render import render
from imagekit.provision.write import write_tree
from imagekit.registry.transfer import push_image
from imagekit.release.channel.promote import promote
from imagekit.release.channel.yank import yank
from tests.support.images import fixed_key, write_image
from tests.support.project import git, make_project
from tests.support.registry import RegistrySimulator
from tests.support.releasefixture import IMAGE, ReleaseFixture

FLEET = """\
version: 1
platform:
  registries: ["REGISTRY/imagekit/"]
  git: {url: "ssh://git@git.bank.example/fleet.git"}
providers:
  lab: {type: libvirt, artifacts: "https://artifacts.bank.example/disks"}
classes:
  worker: {cpus: 2, memory_mib: 2048}
clusters:
  risk:
    endpoint: risk.bank.example
    roll: {strategy: recreate, batch: 2, canaries: 1, soak: "0", hooks: {health: [{run: hooks/health}]}}
nodes:
  w-[1-4]: {image: node, channel: prod, provider: lab, class: worker, cluster: risk, addresses: ["10.0.0.[1-4]"]}
"""
# Every machine of the tree that is checked out is there and well, but those named in the file `sick`.
HEALTH = r"""#!/bin/sh
# In awk: a roll asks for it after each wave, and Python would take most of the time of a test.
exec awk -v sick="$(cat sick 2>/dev/null | tr '\n' ' ')" '
BEGIN { count = split(sick, names); while (count) ill[names[count--]]; printf "{\"version\": 1, \"nodes\": {" }
match($0, /"machine": *"[^"]*"/) {
    host = substr($0, RSTART, RLENGTH)
    sub(/^"machine": *"/, "", host)
    sub(/-[^-]*"$/, "", host)
    printf "%s\"%s\": {\"ready\": %s}", between, host, (host in ill) ? "false" : "true"
    between = ", "
}
END { print "}}" }' provision/nodes.jsonl
"""


@dataclass
class FleetSite:
    """The project, and what is done to it."""

    release: ReleaseFixture

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.release.root / "work"

    @property
    def project(self) -> Project:
        """The project as it is now."""
        return load_project(self.root)

    @property
    def site(self) -> Site:
        """Its fleet."""
        return site_of(self.project)

    def publish(self, version: str, *channels: str) -> Digest:
        """A version that is published, locked and let into channels."""
        labels = {
            "org.opencontainers.image.version": version,
            "org.opencontainers.image.created": "2026-11-20T00:00:00+00:00",
        }
        image = write_image(self.release.root / version, (b"base" * 50, version.encode() * 50), labels)
        target = self.release.source(image.digest)
        with self.release.registry(target.registry) as client:
            push_image(image.layout, image.digest, target, client)
            client.put_manifest(target.repository, client.manifest(target.repository, image.digest), version)
        self._lock(image.digest, version)
        for channel in channels:
            self.promote(image.digest, channel)
        return image.digest

    def promote(self, digest: Digest, channel: str) -> None:
        """Let a digest into a channel."""
        promote(self.release.context(), self.release.source(digest), channel, image=IMAGE)

    def yank(self, digest: Digest) -> None:
        """Withdraw a digest."""
        target = self.release.source(digest)
        homes = [Reference(target.registry, target.repository), self.release.context().home("prod", IMAGE)]
        yank(self.release.context(), target, image=IMAGE, reason="loses disks", homes=homes)

    def _lock(self, digest: Digest, version: str) -> None:
        path = self.root / LOCK_PATH
        known = read_lock(self.root).releases
        disk: dict[Literal["qcow2", "ova", "raw"], LockedDisk] = {"qcow2": LockedDisk(sha256=digest.hex)}
        locked = LockedRelease(image=IMAGE, version=version, k0s="v1.36.3+k0s.2", disks=disk)
        path.parent.mkdir(exist_ok=True)
        path.write_text(lock_text(FleetLock(releases={**known, str(digest): locked})))
        self.commit(f"lock {version}")

    def render(self) -> None:
        """Render and commit, as a pull request of the platform team does."""
        write_tree(self.root / "provision", render(inputs_of(self.project)))
        self.commit("render")

    def commit(self, message: str) -> None:
        """Commit everything."""
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "--allow-empty", "-m", message)

    def log(self) -> list[str]:
        """The subjects of all commits, the first one first."""
        return run(["git", "log", "--reverse", "--format=%s"], timeout=20, cwd=self.root).stdout.splitlines()


def open_fleet_site(root: Path, simulator: RegistrySimulator) -> FleetSite:
    """A project with one fleet file and no version yet."""
    work = root / "work"
    work.mkdir(parents=True)
    make_project(work)
    git(work, "config", "user.email", "ann@example.org")
    git(work, "config", "user.name", "Ann")
    pem = fixed_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    trust = "version: 1\nkeys:\n  - id: ours\n    purposes: [build, promote]\n    pem: |\n"
    (work / "trust.yaml").write_text(trust + "".join(f"      {line}\n" for line in pem.splitlines()))
    (work / "fleet").mkdir()
    (work / "fleet" / "site.yaml").write_text(FLEET.replace("REGISTRY", simulator.address))
    (work / "hooks").mkdir()
    (work / "hooks" / "health").write_text(HEALTH)
    (work / "hooks" / "health").chmod(0o755)
    (work / ".gitignore").write_text(".imagekit/\nsick\n")
    site = FleetSite(ReleaseFixture(root, simulator))
    site.commit("a fleet")
    return site
