"""imagekit provision roll"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.provision.roll.model import RollRecord


@click.command("roll")
@click.option("--from", "old", metavar="DIGEST", help="What the nodes run now.")
@click.option("--to", "new", metavar="DIGEST", help="What they shall run.")
@click.option("--cluster", "clusters", multiple=True, help="Only nodes of this cluster; repeatable.")
@click.option("--change", default="", metavar="ID", help="Change record, where the nodes' channel asks for one.")
@click.option("--resume", is_flag=True, help="Go on with the roll that is under way.")
@click.option("--back", is_flag=True, help="Take the last roll back, wave by wave.")
@click.option("--at-once", is_flag=True, help="With --back: all waves in one commit, waiting for nothing.")
@click.option("--dry-run", is_flag=True, help="Only show the waves.")
@click.option("--wait", is_flag=True, help="Wait for maintenance windows instead of ending.")
@click.option(
    "--kubeconfig", "configs", multiple=True, metavar="CLUSTER=FILE", help="How a cluster is reached; repeatable."
)
@click.pass_obj
def roll(
    app: App,
    old: str | None,
    new: str | None,
    clusters: tuple[str, ...],
    change: str,
    resume: bool,
    back: bool,
    at_once: bool,
    dry_run: bool,
    wait: bool,
    configs: tuple[str, ...],
) -> None:
    """Move nodes from one digest to another, in waves.

    Each wave is one commit of fleet/roll.yaml and the rendered tree. The next one begins when its nodes are well, have
    been for the soak time, hooks agree, and the cluster is no worse than before. Killed, it is resumed; every wave can
    be taken back. Where the policy of the nodes' channel demands a change record, each wave asks for it. Exit code 1
    where it stops.
    """
    from imagekit.app.rolling import (
        advance,
        back_at_once,
        begin,
        planned,
        resumed,
        site_of,
        surroundings,
        turned_back,
    )
    from imagekit.base.errors import ConfigError
    from imagekit.oci.reference import Digest

    if sum((bool(old or new), resume, back)) != 1 or (bool(old) != bool(new)) or (at_once and not back):
        raise ConfigError("say what to roll", hint="--from A --to B, or --resume, or --back [--at-once].")
    if change and back:
        raise ConfigError("going back needs no change record", hint="Leave --change out.")
    files = _files(configs)
    site = site_of(app.project)
    with site.held():
        if old and new:
            record = planned(site, Digest(old), Digest(new), clusters, change=_id(change))
        else:
            record = resumed(site, change=_id(change)) if resume else turned_back(site)
        if dry_run:
            _show(record)
            return
        if at_once:
            back_at_once(site, record)
            say(f"taken back: every node of the roll is meant to run {Digest(record.old).short} again")
            return
        with surroundings(site, record, files, wait=wait) as around:
            done = begin(record, around) if old else advance(record, around)
    say(f"{done.phase}: {done.standing} of {len(done.waves)} waves stand")


def _id(change: str) -> str:
    from imagekit.trust.change.model import require_id

    return require_id(change) if change else ""


def _files(configs: tuple[str, ...]) -> dict[str, Path]:
    from imagekit.base.errors import ConfigError

    found = {}
    for text in configs:
        name, sign, path = text.partition("=")
        if not (name and sign and path):
            raise ConfigError(f"--kubeconfig {text}: not CLUSTER=FILE", hint="Such as --kubeconfig tdc=tdc.kubeconfig.")
        found[name] = Path(path)
    return found


def _show(record: RollRecord) -> None:
    from imagekit.provision.roll.around import described

    ahead = record.waves[: record.standing][::-1] if record.back else record.waves[record.done :]
    for number, wave in enumerate((each.inverse if record.back else each for each in ahead), start=1):
        say(f"{number:>3}  {described(wave)}")
        for step in wave.steps:
            say(f"       {step.change}: {', '.join(step.nodes)}")
    say(f"{len(ahead)} waves, one commit each", err=True)
