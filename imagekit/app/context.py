"""The project as the context of release decisions: its ledger, its key, its policy, its registries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from imagekit import __version__
from imagekit.app.changerecord import attach_change
from imagekit.app.release import embedded_at, registry_client
from imagekit.base.errors import ConfigError
from imagekit.config.load import Project
from imagekit.oci.reference import Digest, Reference
from imagekit.registry.referrers import attach_bundle
from imagekit.release.channel.context import ReleaseContext
from imagekit.release.channel.errors import MoveRefusedError, digest_of
from imagekit.trust.evidence.decisions import YANK_TYPE, summarised_channel
from imagekit.trust.evidence.statement import SUMMARY_TYPE
from imagekit.trust.gate.policy import load_policy
from imagekit.trust.gate.summary import summary_of
from imagekit.trust.proof import read_proof

if TYPE_CHECKING:
    from imagekit.registry.client import Registry
    from imagekit.trust.gate.model import Decision
    from imagekit.trust.sign.interface import Signer, Verifier
    from imagekit.trust.sign.trust import TrustStore


@contextmanager
def open_release_context(
    project: Project, *, actor: str = "", channel: str = "", change: str = "", decides: bool = True
) -> Iterator[ReleaseContext]:
    """The release context of a project; the embedded registry starts with the first question and stays for the block.

    Without `decides` nothing can be signed, and no private key is opened or made: for commands that only read.
    `actor` is who decides, by default git's user; of several keys one that serves `channel` signs. `change` is the id
    of the change record that the gate is to ask for.
    Raises `ConfigError`, `KeyFileError`.
    """
    from imagekit.app.decided import basis_of, judge_of, ledger_of
    from imagekit.app.trusted import gate_of, signer_of, trust_if_any, trust_of
    from imagekit.trust.sign.checked import CheckedSigner, NoSigner
    from imagekit.trust.sign.trustfile import Purpose

    settings = project.settings
    store = ledger_of(project)
    prefix = f"{project.registry}/{settings.repository}"
    # First: it makes the project's key, which the trust below reads.
    key = signer_of(project, Purpose.PROMOTE, channels=[channel] if channel else []) if decides else NoSigner()
    trust = trust_of(project) if decides else trust_if_any(project)
    verifier = trust.verifier(Purpose.PROMOTE)
    signer = CheckedSigner(key, verifier)
    with ExitStack() as held:
        yield ReleaseContext(
            store=store,
            signer=signer,
            verifier=verifier,
            actor=actor or store.person,
            now=datetime.now(UTC).replace(microsecond=0),
            repositories={
                name: settings.channel_repositories.get(name, f"{prefix}/{name}")
                for name in load_policy(project.root).channels
            },
            registry=partial(_held_client, project, held),
            gate=partial(gate_of, project, change=change),
            summarize=partial(_summarize, project.root, signer, verifier),
            vouches=partial(_vouches, trust),
            locks=project.work / "locks",
            judge=judge_of(project, trust),
            basis=partial(basis_of, project),
        )


@contextmanager
def _held_client(project: Project, held: ExitStack, address: str) -> Iterator[Registry]:
    """A client; whoever reads the ledger alone (`imagekit history`) needs no port of a registry."""
    held.enter_context(embedded_at(project, address))
    with registry_client(project, address) as client:
        yield client


def _vouches(trust: TrustStore, bundle: bytes, digest: Digest) -> bool:
    """Whether a statement about a digest counts by its key and window, whatever it says; a denial counts by any key."""
    reading = trust.read(bundle)
    said = reading.statement
    if reading.key is None or said is None or said.subject != digest:
        return False
    return reading.problem is None or said.predicate_type == YANK_TYPE


def _summarize(
    root: Path, signer: Signer, verifier: Verifier, client: Registry, target: Reference, decision: Decision
) -> None:
    """Attach what the gate verified as a SLSA verification summary, unless this channel's is there already."""
    digest = digest_of(target)
    attach_change(client, target, decision, signer, verifier)
    if _summarized(client, target, decision.channel, verifier):
        return
    made = summary_of(decision, target.at(digest), root, version=__version__)
    image = client.manifest(target.repository, digest).descriptor
    attach_bundle(client, target.repository, image, signer.sign(made.stamped(decision.at)), predicate_type=SUMMARY_TYPE)


def _summarized(client: Registry, target: Reference, channel: str, verifier: Verifier) -> bool:
    """Whether a trusted summary of this channel is attached already."""
    said = read_proof(client, target.repository, digest_of(target), verifier).of_type(SUMMARY_TYPE)
    return any((summarised_channel(statement) or ("",))[0] == channel for statement in said)


def subject_of(project: Project, context: ReleaseContext, text: str) -> tuple[str, Reference]:
    """The image's name and where it is: a full reference, or IMAGE, IMAGE:VERSION or IMAGE@CHANNEL of the project."""
    if "/" in text:
        reference = Reference.parse(text)
        return reference.repository.rpartition("/")[2], reference
    name, at, channel = text.partition("@")
    if at:
        return name, _pointed(project, context, name, channel)
    name, colon, version = text.partition(":")
    project.image(name)
    return name, verified_home(project, name).tagged(version) if colon else _published(project, context, name)


def named(project: Project, text: str) -> Reference:
    """As `subject_of` for who decides nothing: the ledger is opened only for names that need it."""
    if "/" in text:
        return Reference.parse(text)
    project.image(text.partition("@")[0].partition(":")[0])
    with open_release_context(project, decides=False) as context:
        return subject_of(project, context, text)[1]


def verified_home(project: Project, image: str) -> Reference:
    """The repository that `imagekit publish` writes to."""
    return Reference(project.registry, f"{project.settings.repository}/{image}")


def homes_of(project: Project, context: ReleaseContext, image: str) -> list[Reference]:
    """Every repository where versions of an image may be."""
    return [verified_home(project, image), *(context.home(channel, image) for channel in context.repositories)]


def earlier_of(context: ReleaseContext, channel: str, image: str, text: str | None) -> Reference | None:
    """What a rollback is to go back to: a digest or a version, within the channel's repository."""
    if text is None:
        return None
    home = context.home(channel, image)
    if "/" in text:
        return Reference.parse(text)
    return home.at(Digest(text)) if text.startswith("sha256:") else home.tagged(text)


def _published(project: Project, context: ReleaseContext, image: str) -> Reference:
    """This checkout's version of an image: of what is locked or floating, as the project is read, else the other one.

    CI builds of what is locked and a desk floats, so that whoever promotes at a desk would name what nobody published.
    """
    from imagekit.plan.resolve import make_plan

    home = verified_home(project, image)
    first = other = home.tagged(make_plan(project, image).version)
    with suppress(ConfigError):  # nothing of it is locked
        other = home.tagged(make_plan(replace(project, locked=not project.locked), image).version)
    if other != first:
        with context.registry(home.registry) as client:
            if client.resolve(first) is None and client.resolve(other) is not None:
                return other
    return first


def _pointed(project: Project, context: ReleaseContext, image: str, channel: str) -> Reference:
    project.image(image)
    context.home(channel, image)
    context.chain()  # a file that the records do not bear out names nothing
    pointer = context.channel(channel).images.get(image)
    if pointer is None:
        raise MoveRefusedError(f"{channel} points at nothing for {image}", hint="`imagekit releases` shows all.")
    return Reference.parse(pointer.reference)
