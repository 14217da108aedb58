"""Options that choose the machine, shared by commands."""

from __future__ import annotations

import click

# imagekit.machine.profile knows the same; it is not imported for a help text.
FIRMWARES = ("bios", "bios+tpm", "uefi", "uefi+tpm", "uefi-secure", "uefi-secure+tpm")

firmware_option = click.option(
    "--firmware",
    type=click.Choice(FIRMWARES),
    default=None,
    help="Firmware of the machine, in place of the one that the image declares.",
)

fresh_option = click.option(
    "--fresh",
    "--again",  # its name until 2026-11
    "fresh",
    is_flag=True,
    help="Test anew what passed before on the same digest.",
)
