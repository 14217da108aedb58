"""imagekit observe"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.app.observing import Observed

_store = click.option(
    "--store",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File of observations.  [default: .imagekit/observations.sqlite]",
)


@click.group("observe")
def command() -> None:
    """Ask nodes what they run, and keep it for `imagekit audit`.

    What a node says confirms or contradicts what Git and signatures say; it never proves anything by itself.
    """


@command.command("kubernetes")
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path, dir_okay=False, exists=True), required=True, help="Which cluster."
)
@click.option("--context", default="", help="Context of the kubeconfig.  [default: its current one]")
@_store
@click.pass_obj
def kubernetes(app: App, kubeconfig: Path, context: str, store: Path | None) -> None:
    """Ask an API server for its Node objects."""
    from imagekit.app.auditing import store_of
    from imagekit.app.observing import from_cluster

    _tell(from_cluster(store_of(app.project, store), kubeconfig, context))


@command.command("ssh")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE=HOST[:PORT]...")
@click.option("--user", default="kairos", show_default=True, help="Account on the nodes.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Private key to log in.")
@click.option(
    "--known-hosts",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Host keys of the nodes; unknown ones are refused.",
)
@_store
@click.pass_context
def ssh(
    ctx: click.Context, nodes: tuple[str, ...], user: str, key: Path, known_hosts: Path, store: Path | None
) -> None:
    """Ask nodes by SSH; nothing is installed on them.

    Read are /etc/kairos-release, /etc/imagekit/oci-image, the boot id, the machine id and the uptime. Exit code 1 when
    a node did not answer.
    """
    from imagekit.app.auditing import store_of
    from imagekit.app.observing import from_nodes, place_of
    from imagekit.observe.ssh import Login

    app: App = ctx.obj
    places = [place_of(each) for each in nodes]
    done = from_nodes(store_of(app.project, store), places, Login(user=user, key=key, known_hosts=known_hosts))
    _tell(done)
    ctx.exit(1 if done.silent else 0)


@command.command("machines")
@click.option("--user", default="kairos", show_default=True, help="Account on the nodes.")
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Private key to log in.")
@_store
@click.pass_context
def machines(ctx: click.Context, user: str, key: Path, store: Path | None) -> None:
    """Ask the machines that `provision apply` made, by the host keys that it gave them.

    Exit code 1 when one did not answer.
    """
    from imagekit.app.auditing import store_of
    from imagekit.app.machinehealth import observe_machines

    app: App = ctx.obj
    done = observe_machines(app.project, store_of(app.project, store), user=user, key=key)
    _tell(done)
    ctx.exit(1 if done.silent else 0)


def _tell(done: Observed) -> None:
    for each in done.found:
        what = " ".join(filter(None, (each.version, each.digest))) or "says nothing of its image"
        say(f"{each.node}  {what}{f' ({each.mode})' if each.mode else ''}")
    for silent in done.silent:
        say(f"{silent.node}  NOT SEEN  {silent.reason}")
    say(f"{len(done.found)} observations, {done.head.number} in all, chain ends in {done.head.hash[:12] or 'nothing'}")


@command.command("show")
@_store
@click.pass_obj
def show(app: App, store: Path | None) -> None:
    """Show what each node said last."""
    from datetime import UTC, datetime

    from imagekit.app.auditing import store_of
    from imagekit.app.observing import machines

    kept = store_of(app.project, store)
    if not kept.exists:
        say(f"nothing was observed yet ({kept.path})")
        return
    kept.verify()
    last = machines(kept.every())
    if not last:
        say(f"nothing was observed yet ({kept.path})")
    for node, each in sorted(last.items()):
        when = datetime.fromtimestamp(each.at, UTC)
        say(f"{node}  {when:%Y-%m-%d %H:%M:%SZ}  {each.source}  {each.version or '-'}  {each.digest or '-'}")


@command.command("verify")
@_store
@click.pass_obj
def verify(app: App, store: Path | None) -> None:
    """Check every link of the chain, and the signed head; exit code 1 when something was altered or cut off."""
    from imagekit.app.auditing import store_of
    from imagekit.app.observing import verify_store

    head, who = verify_store(app.project, store_of(app.project, store))
    say(f"{head.number} observations, every link good, chain ends in {head.hash or 'nothing'}")
    say(f"a head was signed by {who}" if who else "no head was signed: whoever may write the file may write it anew")


@command.command("sign")
@click.option("--key", help="Key file or URI.  [default: the key of this clone that may promote]")
@_store
@click.pass_obj
def sign(app: App, key: str | None, store: Path | None) -> None:
    """Sign how many observations there are and the hash of the last, so that a file written anew shows."""
    from imagekit.app.auditing import store_of
    from imagekit.app.observing import sign_head

    path, head = sign_head(app.project, store_of(app.project, store), key=key)
    say(f"{path}: {head.number} observations, {head.hash}")
