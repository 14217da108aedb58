"""imagekit verify"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.config.load import Project
    from imagekit.oci.reference import Digest
    from imagekit.registry.client import Registry
    from imagekit.trust.gate.model import Item
    from imagekit.trust.sign.trust import TrustStore
    from imagekit.trust.verify import Verification


@click.command("verify")
@click.argument("reference")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Public key (PEM).  [default: trust.yaml, else the project's own]",
)
@click.option("--evidence-only", is_flag=True, help="Leave the content of the image unread.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, reference: str, key: Path | None, evidence_only: bool, as_json: bool) -> None:
    """Check signature, tests, SBOM and content of a published REF.

    REF may be IMAGE, IMAGE:VERSION or IMAGE@CHANNEL of this project, too. It is resolved once, manifest and every blob
    are hashed, and only what a statement by a trusted key (trust.yaml, or the project's own) says of this digest
    counts. All evidence that was found is listed, with the reason where it does not count. Exit code 1 when anything
    is not satisfied.
    """
    from imagekit.app.context import named
    from imagekit.app.release import registry_client
    from imagekit.app.trusted import trust_if_any, trust_of
    from imagekit.trust.gate.model import Evidence
    from imagekit.trust.gate.people import denial_of
    from imagekit.trust.gate.policy import PUBLISH
    from imagekit.trust.sign.trustfile import Purpose
    from imagekit.trust.verify import verify_image

    app: App = ctx.obj
    target = named(app.project, reference)
    trust = _trust_in(key) if key else trust_of(app.project)
    with registry_client(app.project, target.registry) as client:
        verifier = trust.verifier(Purpose.BUILD, PUBLISH)
        found = verify_image(target, client, verifier, content=not evidence_only)
        stores = (trust, trust_if_any(app.project)) if key else (trust,)
        asked = [_collected(found, partial(_items, client, target.repository, app.project, store)) for store in stores]
    if found.digest is not None:
        # With --key one key decides what counts *for* the image. Against it everybody speaks whom the project trusts.
        found = found.denied(
            denial_of(Evidence(digest=found.digest, image="", items=tuple(chain.from_iterable(asked))))
        )
    items = _about(found, asked[0])
    if as_json:
        _print_json(found, items)
    else:
        _print_text(found, items, reference)
    ctx.exit(0 if found.passed else 1)


def _items(client: Registry, repository: str, project: Project, store: TrustStore, digest: Digest) -> tuple[Item, ...]:
    from imagekit.app.trusted import files_of
    from imagekit.trust.gate.collect import collect

    return collect(client, repository, digest, store, suites={}, files=files_of(project, store)).items


def _trust_in(key: Path) -> TrustStore:
    from imagekit.trust.sign.keys import read_public
    from imagekit.trust.sign.trust import trust_one
    from imagekit.trust.sign.trustfile import Purpose, TrustedKey

    pem = read_public(key)
    entry = TrustedKey(id="given", pem=pem.decode("ascii", "replace"), purposes=(Purpose.BUILD,))
    return trust_one(pem, str(key), key=entry)


def _collected(found: Verification, ask: Callable[[Digest], tuple[Item, ...]]) -> tuple[Item, ...]:
    """What refers to the digest; nothing where that cannot be listed, which the requirements tell already."""
    from imagekit.base.errors import RefusedError

    try:
        return ask(found.digest) if found.digest is not None else ()
    except RefusedError:
        return ()


def _about(found: Verification, items: tuple[Item, ...]) -> tuple[Item, ...]:
    """What refers to this digest, and what of the project's files speaks of it."""
    return tuple(item for item in items if item.source.startswith("sha256:") or _speaks(item, found.digest))


def _speaks(item: Item, digest: Digest | None) -> bool:
    reading = item.reading
    if digest is None:
        return False
    if reading.denial is not None:
        return reading.denial.forbids(digest)
    return reading.statement is not None and reading.statement.subject == digest


def _print_json(found: Verification, items: tuple[Item, ...]) -> None:
    import json
    from dataclasses import asdict

    about = {name: value for name, value in asdict(found).items() if name != "findings"}
    requirements = [{"name": item.name, "satisfied": item.satisfied, "reason": item.reason} for item in found.findings]
    evidence = [
        {
            "source": item.source,
            "type": item.reading.statement.predicate_type if item.reading.statement else None,
            "key": item.reading.key.id if item.reading.key else None,
            "signed": item.reading.signed_at.isoformat() if item.reading.signed_at else None,
            "counts": item.reading.problem is None,
            "reason": item.reading.reason,
        }
        for item in items
    ]
    data = about | {"requirements": requirements, "passed": found.passed, "evidence": evidence}
    say(json.dumps(data, default=str, indent=2))


def _print_text(found: Verification, items: tuple[Item, ...], reference: str) -> None:
    from imagekit.trust.gate.show import plain
    from imagekit.trust.gate.view import named
    from imagekit.trust.sign.trust import day

    for item in found.findings:
        word = "satisfied    " if item.satisfied else "unsatisfied  "
        click.secho(word, nl=False, fg="green" if item.satisfied else "red")
        say(plain(f"{item.name:<10} {item.reason}"))
    for each in items:
        reading = each.reading
        kind = reading.statement.predicate_type if reading.statement else "unreadable"
        by = f"by {reading.key.id}" if reading.key else "by nobody trusted"
        when = f", {day(reading.signed_at)}" if reading.signed_at else ""
        why = f": {reading.reason}" if reading.reason else ""
        say(plain(f"found        {named(each.source)} {kind} {by}{when}{why}"))
    say(f"{'verified' if found.passed else 'NOT verified'}: {found.digest or reference}")
