"""What decisions of a project are made by, and who judges its records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imagekit.app.trusted import keys_of, trust_of
from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.base.git import Git
from imagekit.config.load import Project
from imagekit.oci.reference import Digest
from imagekit.release.ledger.basis import Basis, read_basis
from imagekit.release.ledger.judge import TrustJudge
from imagekit.release.ledger.past import GitPast
from imagekit.release.ledger.record import Pairs
from imagekit.release.ledger.store import LedgerStore
from imagekit.trust.gate.collect import MUTES, WAIVERS
from imagekit.trust.gate.policy import POLICY_FILE, load_policy
from imagekit.trust.sign.native import claimed_statement
from imagekit.trust.sign.trust import TRUST_FILE, TrustStore
from imagekit.trust.sign.trustedit import read_trust


def judge_of(project: Project, trust: TrustStore | None = None) -> TrustJudge:
    """Who tells which records count, by a trust file (the project's); its past by git where the ledger is beside it."""
    beside = (project.root / project.settings.ledger).resolve() == project.root.resolve()
    return TrustJudge(trust_of(project) if trust is None else trust, GitPast(Git(project.root)) if beside else None)


def basis_of(project: Project, digest: Digest) -> Basis:
    """Policy, trust file with its key files, mutes, and the waivers of one digest; all have to be committed."""
    mutes = (f"{MUTES}/{path.name}" for path in sorted((project.root / MUTES).glob("*.json")))
    names = [str(POLICY_FILE), str(TRUST_FILE), *_key_files(project), *_waivers(project, digest), *mutes]
    names += _change_providers(project)
    return read_basis(project.root, names, _built_in(project))


def _change_providers(project: Project) -> list[str]:
    """The programs that ask change systems: what they say decides."""
    wanted = (each.change for each in load_policy(project.root).channels.values())
    return [each.provider.run for each in wanted if each is not None and each.provider.run is not None]


def _key_files(project: Project) -> list[str]:
    """What the trust file names: public keys, and the root that vouches for keyless certificates."""
    file = read_trust(project.root)
    if file is None:
        return []
    return [path for path in (file.trusted_root, *(key.public_key for key in file.keys)) if path is not None]


def _waivers(project: Project, digest: Digest) -> Iterator[str]:
    for path in sorted((project.root / WAIVERS).glob("*.json")):
        try:
            subject = claimed_statement(path.read_bytes()).subject
        except (ImagekitError, OSError):
            continue  # whatever cannot be read waives nothing
        if subject == digest:
            yield f"{WAIVERS}/{path.name}"


def _built_in(project: Project) -> Pairs:
    """What stands for files that a project has not: imagekit's own policy, and the clone's own key."""
    found = []
    if not (project.root / POLICY_FILE).exists():
        found.append(("policy built in", str(load_policy(project.root).digest)))
    if not (project.root / TRUST_FILE).exists():
        found.append(("own key", str(Digest.of(keys_of(project).public_path.read_bytes()))))
    return tuple(found)


def ledger_of(project: Project) -> LedgerStore:
    """The ledger's checkout, with the remote branch that decisions go to; raises `ConfigError`."""
    settings = project.settings
    return LedgerStore(_ledger_folder(project), push=settings.ledger_remote, branch=settings.ledger_branch)


def _ledger_folder(project: Project) -> Path:
    folder = (project.root / project.settings.ledger).resolve()
    if not folder.is_dir():
        raise ConfigError(f"imagekit.yaml: ledger: no folder {folder}", hint="Clone the ledger's repository there.")
    return folder
