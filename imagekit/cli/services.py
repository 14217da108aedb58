"""imagekit services"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.services.model import ServiceStatus


@click.group("services")
def command() -> None:
    """Start, stop or show the build engine, libvirt and registry.

    Every command starts what it needs and stops it at its end. With `up` they stay, which saves a few seconds each time
    and leaves the embedded registry open for other programs, until `down`.
    """


@command.command("up")
@click.pass_obj
def up(app: App) -> None:
    """Start what does not run, and keep it running."""
    from imagekit.app import servicecontrol as control
    from imagekit.app.needs import libvirt_uri

    _show(control.up(app.work, app.project.registry, uri=libvirt_uri(app.project)))


@command.command("down")
@click.pass_obj
def down(app: App) -> None:
    """Stop what `up` started."""
    from imagekit.app import servicecontrol as control
    from imagekit.app.needs import libvirt_uri

    _show(control.down(app.work, app.project.registry, uri=libvirt_uri(app.project)))


@command.command("status")
@click.pass_obj
def status(app: App) -> None:
    """Show what runs and whose it is."""
    from imagekit.app import servicecontrol as control
    from imagekit.app.needs import libvirt_uri

    _show(control.status(app.work, app.project.registry, uri=libvirt_uri(app.project)))


@command.command("move")
@click.pass_obj
def move(app: App) -> None:
    """Give the embedded registry another port.

    References that name the old one, in the ledger and in channel files, are still understood in this checkout.
    """
    from imagekit.app import servicecontrol as control
    from imagekit.base.errors import ConfigError
    from imagekit.services import home

    if app.project.settings.registry is not None:
        raise ConfigError("imagekit.yaml names the registry", hint="Change `registry` there.")
    old = app.project.registry
    control.down(app.work, old, (control.Service.REGISTRY,))
    say(f"registry: {old} -> {home.move(app.work).address}")


def _show(services: list[ServiceStatus]) -> None:
    for service in services:
        state = "running" if service.running else "stopped"
        kept = ", kept until `services down`" if service.kept else ""
        say(f"{service.name:<9} {state:<8} {service.address}  {service.detail}{kept}")
