"""imagekit provision"""

from __future__ import annotations

import click

from imagekit.cli.provisioncheck import check, rules
from imagekit.cli.provisionschemas import schemas


@click.group("provision")
def command() -> None:
    """Check the manifests that Flux applies; fetch the schemas for it."""


for _each in (check, schemas, rules):
    command.add_command(_each)
