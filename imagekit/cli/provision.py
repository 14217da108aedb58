"""imagekit provision"""

from __future__ import annotations

import click

from imagekit.cli.provisionapply import apply
from imagekit.cli.provisioncheck import check, rules
from imagekit.cli.provisiondns import dns
from imagekit.cli.provisionlock import lock
from imagekit.cli.provisionmachines import machines
from imagekit.cli.provisionplan import plan
from imagekit.cli.provisionpush import push
from imagekit.cli.provisionrender import render
from imagekit.cli.provisionroll import roll
from imagekit.cli.provisionschemas import schemas


@click.group("provision")
def command() -> None:
    """Render the manifests that Flux applies, check them, and roll nodes to another digest."""


for _each in (lock, render, plan, push, apply, machines, roll, check, schemas, rules, dns):
    command.add_command(_each)
