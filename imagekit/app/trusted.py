"""The project's keys, trust file and policy put together: who signs here, whose word counts, what the gate says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit.base.errors import ConfigError, ImagekitError
from imagekit.checks.suitehash import suite_hash
from imagekit.config.load import Project
from imagekit.oci.reference import Digest, Reference

if TYPE_CHECKING:
    from imagekit.registry.client import Registry
    from imagekit.release.publish import Gate
    from imagekit.trust.gate.model import Decision, Evidence, Item, Stays
    from imagekit.trust.sign.interface import Signer, Verifier
    from imagekit.trust.sign.keys import KeyStore
    from imagekit.trust.sign.trust import TrustStore
    from imagekit.trust.sign.trustfile import Purpose, TrustedKey

OWN_KEY = "project"


def key_folder(project: Project) -> Path:
    """Where the private keys of this clone are kept, outside of what git sees."""
    return project.work / "keys"


def keys_of(project: Project) -> KeyStore:
    """The project's key pair, made on first use for the embedded default."""
    from imagekit.trust.sign.keys import KeyStore

    return KeyStore(key_folder(project))


def trust_of(project: Project) -> TrustStore:
    """Whose signatures count: trust.yaml, or without one the project's own key; raises `ConfigError`."""
    from imagekit.trust.sign.trust import TRUST_FILE, load_trust, trust_one

    if (project.root / TRUST_FILE).exists():
        return load_trust(project.root)
    own = own_entry(project)
    return trust_one((own.pem or "").encode(), str(keys_of(project).public_path), key=own)


def own_entry(project: Project) -> TrustedKey:
    """The project's own key as an entry of a trust file: it builds and promotes; raises `KeyFileError`."""
    from imagekit.trust.sign.keys import read_public
    from imagekit.trust.sign.trustfile import Purpose, TrustedKey

    pem = read_public(keys_of(project).public_path).decode()
    return TrustedKey(id=OWN_KEY, pem=pem, purposes=(Purpose.BUILD, Purpose.PROMOTE))


def signer_of(
    project: Project,
    purpose: Purpose,
    *,
    key: str | None = None,
    channels: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Signer:
    """Who signs here for a purpose: `key`, else `signing_key` of imagekit.yaml, else a key of this clone.

    A key is a file, a URI for the cosign program, or ``keyless``. Of the clone's own keys that one is taken which
    trust.yaml trusts for the purpose and the channels today. Raises `ConfigError`, `KeyFileError`.
    """
    from imagekit.trust.sign.cosign import KEYLESS, CosignSigner, is_uri
    from imagekit.trust.sign.keys import KeyStore

    chosen = key or project.settings.signing_key
    if chosen is None:
        name = _usable(project, purpose, channels)
        return KeyStore(key_folder(project), name=name, environ=environ).open() if name else keys_of(project).signer()
    if chosen == KEYLESS or is_uri(chosen):
        return CosignSigner(chosen, environ=environ)
    path = project.root / chosen
    if path.suffix != ".key":
        raise ConfigError(f"{chosen}: a key file is named NAME.key", hint="A URI or `keyless` goes to cosign.")
    return KeyStore(path.parent, name=path.stem, environ=environ).open()


def _usable(project: Project, purpose: Purpose, channels: Sequence[str]) -> str | None:
    """The id of the trusted key whose private part is in this clone and that counts now."""
    from imagekit.trust.sign.trust import standing
    from imagekit.trust.sign.trustedit import read_trust

    file = read_trust(project.root)
    now = datetime.now(UTC)
    for key in reversed(file.keys if file is not None else ()):
        there = (key_folder(project) / f"{key.id}.key").exists()
        serves = purpose in key.purposes and all(key.serves(channel) for channel in channels)
        if there and serves and standing(key, now)[0] is None:
            return key.id
    return None


def require_holder(project: Project, purpose: Purpose, what: str) -> None:
    """Where trust.yaml names nobody who may, say how somebody comes to be: before a password or a registry is asked."""
    from imagekit.trust.sign.trust import TRUST_FILE
    from imagekit.trust.sign.trustedit import read_trust

    file = read_trust(project.root)
    if not any(purpose in key.purposes for key in (file.keys if file is not None else ())):
        raise ConfigError(
            f"{TRUST_FILE} names nobody who may {what}",
            hint=f'Once: imagekit keys create NAME --purpose {purpose} --person "Your Name <you@example.org>"',
        )


def current_suites(project: Project) -> dict[str, str]:
    """The hash of the checks as they stand now, for each image of the project."""
    checks = project.harness / "checks"
    return {name: suite_hash(image.layers, checks) for name, image in project.images.items()}


def waivers_for(project: Project, digest: Digest) -> tuple[str, ...]:
    """Digests of the project's waiver files that count now for a digest, whatever check they are for."""
    from imagekit.trust.evidence.decisions import WAIVER_TYPE, channels_of, read_waiver
    from imagekit.trust.gate.collect import read_files
    from imagekit.trust.sign.trust import misused
    from imagekit.trust.sign.trustfile import Purpose

    now, found = datetime.now(UTC), []
    for item in read_files(project.root, trust_of(project)):
        said, key = item.reading.statement, item.reading.key
        if said is None or item.reading.problem is not None or said.predicate_type != WAIVER_TYPE:
            continue
        if key is None or any(misused(key, Purpose.WAIVE, channel)[0] for channel in channels_of(said) or (None,)):
            continue
        waiver = read_waiver(said)
        if waiver is not None and waiver.digest == digest and waiver.expires > now:
            found.append(str(Digest.of_file(project.root / item.source)))
    return tuple(found)


def publish_verifier(project: Project, channels: Iterable[str] = ()) -> Verifier:
    """What a published image or disk has to be signed by outside of any gate: keys that count for version tags.

    With `channels` they have to count for each of these, too: a key for dev vouches for no disk of prod.
    """
    from imagekit.trust.gate.policy import PUBLISH
    from imagekit.trust.sign.trustfile import Purpose

    return trust_of(project).verifier(Purpose.BUILD, PUBLISH, *channels)


def files_of(project: Project, trust: TrustStore) -> tuple[Item, ...]:
    """The project's waivers and denials; denials are in the ledger's checkout, which may be another one."""
    from imagekit.trust.gate.collect import YANKS, read_files

    ledger = (project.root / project.settings.ledger).resolve()
    elsewhere = read_files(ledger, trust, (YANKS,)) if ledger != project.root.resolve() else ()
    return (*read_files(project.root, trust), *elsewhere, *_committed_denials(ledger, trust))


def _committed_denials(ledger: Path, trust: TrustStore) -> Iterator[Item]:
    """The denials that git has, and the checkout has not or has otherwise: a file is soon deleted, a commit is seen."""
    from imagekit.base.git import FATAL, Git
    from imagekit.trust.gate.collect import YANKS, read_listed
    from imagekit.trust.gate.model import Item

    git = Git(ledger)
    try:
        if git("rev-parse", "--verify", "-q", "HEAD", ok=(0, 1, FATAL)).returncode:
            return
    except ConfigError:  # no repository, so nothing was committed
        return
    files = git.tree("HEAD", str(YANKS))
    for (path, _), data in zip(files.items(), git.blobs(list(files.values())), strict=True):
        here = ledger / path
        if here.is_symlink() or not here.is_file() or here.read_bytes() != data:
            reading = read_listed(Path(path).name, data, trust)
            yield Item(source=f"{path} (git)", reading=reading)


def gate_of(project: Project, client: Registry, reference: Reference, channel: str, *, change: str = "") -> Decision:
    """What the gate of a channel says of a reference, from the registry's evidence and the project's files.

    `change` is the id of the change record, where the channel asks for one; without it no change system is asked.
    """
    from imagekit.app.changerecord import changed_of
    from imagekit.app.cve import scanner_of
    from imagekit.app.horizon import dated_of
    from imagekit.app.patterns import require_patterns
    from imagekit.trust.gate.collect import decide
    from imagekit.trust.gate.model import Stays
    from imagekit.trust.gate.policy import load_policy, require_known

    trust, policy = trust_of(project), load_policy(project.root)
    require_known(policy, trust)
    require_patterns(project, policy)
    files, suites = files_of(project, trust), current_suites(project)
    timed = policy.of(channel).soak is not None or policy.of(channel).approvals is not None
    known = partial(_stays, project) if timed else lambda _digest: Stays()
    scanner = scanner_of(project) if policy.of(channel).vulnerabilities is not None else None
    expiring = dated_of(project, reference) if policy.of(channel).certificates is not None else None
    return decide(
        client,
        reference,
        channel,
        policy,
        trust,
        suites=suites,
        files=files,
        stays=known,
        scanner=scanner,
        expiring=expiring,
        change=lambda described: changed_of(
            project, channel, change, described.digest, image=described.image, version=described.version
        ),
    )


def _stays(project: Project, digest: Digest) -> Stays:
    """What the ledger knows of a digest; a ledger that does not verify tells nothing."""
    from imagekit.app.decided import judge_of, ledger_of
    from imagekit.release.channel.history import stays
    from imagekit.trust.gate.model import Stays

    try:
        return Stays(channels=stays(ledger_of(project).chain(judge_of(project)).records, digest, datetime.now(UTC)))
    except ImagekitError as error:
        return Stays(problem=f"{error}")


def require_not_yanked(project: Project, client: Registry, reference: Reference) -> Digest:
    """The digest that a reference names now; raises `YankedError` when it was denied, here or at the registry.

    Nothing is denied where nobody's word counts: an image of strangers may be looked at in a project without keys.
    """
    from imagekit.trust.gate.collect import collect

    trust = trust_if_any(project)
    digest = client.manifest(reference.repository, reference.digest or reference.tag or "latest").digest
    files = files_of(project, trust)
    _require_no_denial(reference.name, collect(client, reference.repository, digest, trust, suites={}, files=files))
    return digest


def require_not_listed(project: Project, image: str, digest: Digest) -> None:
    """Raise `YankedError` when a file of the project denies a digest; for images that come from no registry."""
    from imagekit.trust.gate.model import Evidence

    items = files_of(project, trust_if_any(project))
    _require_no_denial(image, Evidence(digest=digest, image=image, items=items))


def _require_no_denial(name: str, evidence: Evidence) -> None:
    from imagekit.trust.gate.model import YankedError
    from imagekit.trust.gate.people import denial_of

    reported = denial_of(evidence)
    if reported:
        raise YankedError(
            f"{name}@{evidence.digest} was {reported}", hint="Take another version; `imagekit verify` shows the denial."
        )


def trust_if_any(project: Project) -> TrustStore:
    """Whose word counts in a project, nobody's where it has neither trust file nor key; raises `ConfigError`."""
    from imagekit.trust.sign.trust import TRUST_FILE, TrustStore

    known = (project.root / TRUST_FILE).exists() or keys_of(project).public_path.exists()
    return trust_of(project) if known else TrustStore(())


def result_age(project: Project) -> timedelta | None:
    """How old a test result may be when it is published, by the project's policy; None without such a rule."""
    from imagekit.trust.gate.policy import load_policy, span

    tests = load_policy(project.root).publish.tests
    return span(tests.max_age) if tests is not None and tests.max_age is not None else None


def demands_cold(project: Project) -> bool:
    """Whether only results of cold boots may be published, by the project's policy."""
    from imagekit.machine.interface import Start
    from imagekit.trust.gate.policy import load_policy

    tests = load_policy(project.root).publish.tests
    return tests is not None and tests.start is Start.COLD


def publish_gate(project: Project) -> Gate:
    """The gate that publishing asks before it gives a tag."""

    def ask(client: Registry, reference: Reference) -> None:
        from imagekit.app.remember import remember_gate
        from imagekit.trust.gate.policy import PUBLISH

        decision = gate_of(project, client, reference, PUBLISH)
        remember_gate(project, reference.repository.rpartition("/")[2], decision)
        decision.require_passed()

    return ask
