"""imagekit keys"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.trust.sign.trustfile import TrustedKey

_PURPOSES = click.Choice(["build", "promote", "approve", "waive"])
_purposes = click.option("--purpose", "purposes", type=_PURPOSES, multiple=True, required=True, help="May be repeated.")
_channels = click.option("--channel", "channels", multiple=True, help="Channel it counts for.  [default: all]")
_person = click.option("--person", help="Who holds it; needed to approve and to waive.")
_until = click.option("--not-after", type=click.DateTime(["%Y-%m-%d"]), help="Last day (UTC) of its window.")


@click.group("keys")
def command() -> None:
    """Make, list, trust and rotate keys."""


@command.command("list")
@click.pass_obj
def list_(app: App) -> None:
    """Show every trusted key: for what, when, and whether it counts now."""
    from imagekit.app.keyring import list_keys

    for row in list_keys(app.project):
        key = row.key
        window = " to ".join(f"{at:%Y-%m-%d %H:%M}" if at else "..." for at in (key.not_before, key.not_after))
        where = "private part here" if row.private else ""
        channels = ",".join(key.channels) or "all channels"
        about = (", ".join(key.purposes), channels, key.person or "", window if key.dated else "", where)
        say(f"{key.id:<20} {row.state}")
        say("  " + "; ".join(part for part in about if part))


@command.command("create")
@click.argument("name")
@_purposes
@_channels
@_person
@_until
@click.pass_obj
def create(
    app: App,
    name: str,
    purposes: tuple[str, ...],
    channels: tuple[str, ...],
    person: str | None,
    not_after: datetime | None,
) -> None:
    """Make a key pair NAME and trust it.

    The encrypted private part stays in .imagekit/keys; the public part goes into trust.yaml, for the commit. The
    password comes from IMAGEKIT_KEY_PASSWORD or is asked for.
    """
    from imagekit.app.keyring import create_key, public_pem, trust_key
    from imagekit.cli.password import key_environment

    key = _entry(name, "pending", purposes, channels, person, not_after)
    public = create_key(app.project, name, environ=key_environment(confirm=True))
    path = trust_key(app.project, key.model_copy(update={"pem": public_pem(public)}))
    say(f"{public}\n{path}")


@command.command("trust")
@click.argument("name")
@click.argument("public_key", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@_purposes
@_channels
@_person
@_until
@click.pass_obj
def trust(
    app: App,
    name: str,
    public_key: Path,
    purposes: tuple[str, ...],
    channels: tuple[str, ...],
    person: str | None,
    not_after: datetime | None,
) -> None:
    """Trust somebody's PUBLIC_KEY under the id NAME."""
    from imagekit.app.keyring import public_pem, trust_key

    key = _entry(name, public_pem(public_key), purposes, channels, person, not_after)
    say(str(trust_key(app.project, key)))


@command.command("rotate")
@click.argument("name")
@click.option("--new", help="Id of the new key.  [default: NAME-YYYYMMDD]")
@click.option("--overlap", type=click.IntRange(0, 90), default=0, show_default=True, help="Days that both count.")
@click.pass_obj
def rotate(app: App, name: str, new: str | None, overlap: int) -> None:
    """Put a new key in the place of NAME.

    The new key serves what the old one served, from now on. The old one's window ends; what it signed inside its
    window goes on to count.
    """
    from datetime import timedelta

    from imagekit.app.keyring import rotate_key
    from imagekit.cli.password import key_environment

    environ = key_environment(confirm=True)
    say(rotate_key(app.project, name, new=new, overlap=timedelta(days=overlap), environ=environ))


def _entry(
    name: str,
    pem: str,
    purposes: tuple[str, ...],
    channels: tuple[str, ...],
    person: str | None,
    not_after: datetime | None,
) -> TrustedKey:
    from datetime import UTC, timedelta

    from pydantic import ValidationError

    from imagekit.base.errors import ConfigError
    from imagekit.trust.sign.trustfile import Purpose, TrustedKey

    end = not_after.replace(tzinfo=UTC) + timedelta(days=1, seconds=-1) if not_after else None
    try:
        return TrustedKey(
            id=name,
            pem=pem,
            purposes=tuple(Purpose(each) for each in purposes),
            channels=channels,
            person=person,
            not_after=end,
        )
    except ValidationError as error:
        raise ConfigError(f"{name}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None
