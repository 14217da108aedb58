"""Observing nodes: who asks, which nodes, where it is kept; the head of the chain can be signed."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from imagekit.app.trusted import signer_of, trust_of
from imagekit.base.errors import ConfigError, RefusedError
from imagekit.base.files import write_whole
from imagekit.config.load import Project
from imagekit.observe.model import Observation, ObservationError
from imagekit.observe.ssh import Login, Place, Silent, observe_nodes
from imagekit.observe.store import Head, Observations
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import Statement
from imagekit.trust.sign.checked import CheckedSigner
from imagekit.trust.sign.native import claimed_statement
from imagekit.trust.sign.trustfile import Purpose

HEAD_TYPE = "urn:imagekit:observations-head:v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What one round of asking brought; `silent` nodes said nothing, which is no observation."""

    found: tuple[Observation, ...]
    silent: tuple[Silent, ...]
    head: Head


def observer() -> str:
    """Who asks, as observations name it."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def from_cluster(store: Observations, kubeconfig: Path, context: str = "") -> Observed:
    """Ask an API server for its nodes and keep what it says; all of it or, when it fails half-way, nothing."""
    from imagekit.kube.client import session
    from imagekit.kube.kubeconfig import read_kubeconfig
    from imagekit.observe.kubernetes import observe_cluster

    with session(read_kubeconfig(kubeconfig, context)) as api:
        found = tuple(observe_cluster(api, at=int(time.time()), observer=observer()))
    return Observed(found=found, silent=(), head=store.add(found))


def from_nodes(store: Observations, places: Sequence[Place], login: Login) -> Observed:
    """Ask nodes by SSH and keep what they say."""
    if not places:
        raise ConfigError("which nodes?", hint="NODE=HOST[:PORT], as often as there are nodes.")
    asked = list(observe_nodes(places, login, at=int(time.time()), observer=observer()))
    found = tuple(each for each in asked if isinstance(each, Observation))
    silent = tuple(each for each in asked if isinstance(each, Silent))
    return Observed(found=found, silent=silent, head=store.add(found))


def place_of(text: str) -> Place:
    """``NODE=HOST[:PORT]``; an IPv6 address with a port stands in brackets. Raises `ConfigError`."""
    node, equals, where = text.partition("=")
    host, port = where, "22"
    if where.startswith("["):
        host, _, rest = where[1:].partition("]")
        port = rest.removeprefix(":") or "22"
    elif where.count(":") == 1:
        host, _, port = where.partition(":")
    good = equals and node and host and not host.startswith("-") and not any(each.isspace() for each in text)
    if not good or not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise ConfigError(f"{text[:80]!r} is not NODE=HOST[:PORT]", hint="Such as worker-1=10.0.0.11.")
    return Place(node, host, int(port))


def sign_head(project: Project, store: Observations, *, key: str | None = None) -> tuple[Path, Head]:
    """Sign how many observations there are and the hash of the last, after the whole chain was verified.

    The file is beside the store; kept elsewhere too (in Git, say), it shows when the store is written anew.
    """
    head = store.verify(signed_head(store)) if store.exists else None
    if head is None or not head.number:
        raise ConfigError(f"{store.path} has no observation to sign for", hint="`imagekit observe` makes some.")
    said = Statement(
        subject=Digest(f"sha256:{head.hash}"),
        predicate_type=HEAD_TYPE,
        predicate={"observations": head.number},
        name="observations",
    )
    signer = CheckedSigner(signer_of(project, Purpose.PROMOTE, key=key), trust_of(project).verifier(Purpose.PROMOTE))
    return write_whole(head_path(store), signer.sign(said.stamped(datetime.now(UTC))).decode() + "\n"), head


def head_path(store: Observations) -> Path:
    """Where the signed head of a store is."""
    return store.path.with_name(f"{store.path.stem}.head.json")


def signed_head(store: Observations) -> Head | None:
    """The head that was signed for last, None where none was; raises `ObservationError` for a file that says nothing.

    Its signature is verified by whoever audits (`imagekit observe verify`, or cosign); a head that nobody signed can
    only make observations count less.
    """
    path = head_path(store)
    if not path.exists():
        return None
    try:
        said = claimed_statement(path.read_bytes())
        number = said.predicate.get("observations")
        if said.predicate_type != HEAD_TYPE or not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ObservationError(f"{path} is no signed head of observations")
        return Head(number, said.subject.hex)
    except RefusedError as error:
        raise ObservationError(f"{path} cannot be read: {error}", hint="Put a good copy of it there.") from None


def verify_store(project: Project, store: Observations) -> tuple[Head, str]:
    """Verify every link, and the signed head where there is one; who signed it, empty for nobody."""
    upto = signed_head(store)
    head = store.verify(upto)
    if upto is None:
        return head, ""
    reading = trust_of(project).read(head_path(store).read_bytes())
    if reading.key is None or reading.problem is not None:
        raise ObservationError(f"{head_path(store)} does not count: {reading.reason}", hint="Sign it anew.")
    return head, reading.key.id


def machines(observations: Iterable[Observation]) -> dict[str, Observation]:
    """The last observation of each node."""
    return {each.node: each for each in sorted(observations, key=lambda each: each.at)}
