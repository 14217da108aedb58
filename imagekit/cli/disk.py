"""imagekit disk"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from imagekit.cli.app import App
from imagekit.cli.locked import locked_option
from imagekit.cli.screen import say

if TYPE_CHECKING:
    from imagekit.artifact.formats import DiskFormat
    from imagekit.trust.sign.interface import Verifier

_FORMATS = ("iso", "raw", "qcow2", "vmdk", "ova")
_UNITS = {"M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def _size(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    """Read ``20G`` or ``20480M`` as bytes."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)([MGT])", text)
    if match is None:
        raise click.BadParameter("write a whole number and M, G or T, as in 20G", ctx, param)
    return int(match[1]) * _UNITS[match[2]]


def _verifier(key: Path | None) -> Verifier | None:
    from imagekit.trust.sign.keys import verifier_of

    return verifier_of(key) if key else None


@click.command("disk")
@click.argument("image", metavar="IMAGE|REF")
@click.option("--format", "form", type=click.Choice(_FORMATS), required=True, help="What to write.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write.  [default: NAME-VERSION.FORMAT in this folder]",
)
@click.option(
    "--size", callback=_size, metavar="SIZE", help="Whole disk, as in 20G; all but ISO.  [default: what fits]"
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Cloud-config to put on the ISO as /config.yaml.",
)
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Public key (PEM) for a REF.  [default: trust.yaml, else the project's own]",
)
@click.option("--pull", is_flag=True, help="Take the disk that was pushed beside REF, when its signature is good.")
@click.option("--push", is_flag=True, help="Push the file as an OCI artifact that refers to the image.")
@click.option(
    "--store",
    type=click.Path(path_type=Path, file_okay=False),
    help="Also put it into a folder that is served, as IMAGE/SHA256.FORMAT.",
)
@locked_option
@click.pass_obj
def command(
    app: App,
    image: str,
    form: str,
    output: Path | None,
    size: int | None,
    config: Path | None,
    key: Path | None,
    pull: bool,
    push: bool,
    store: Path | None,
) -> None:
    """Write IMAGE, or a published REF, as a disk.

    raw, qcow2, vmdk and ova are a node as if installed, that boots with BIOS and UEFI; iso is the live medium. The same
    digest gives the same bytes, without root. The file's SHA-256 is written beside it. Nobody may log in before a
    cidata disk says who.
    """
    from imagekit.app.disks import source_of, write_disk_file
    from imagekit.artifact.formats import DiskFormat

    if size is not None and form == "iso":
        raise click.UsageError("an ISO has no --size")
    if config is not None and form != "iso":
        raise click.UsageError("--config is for an ISO; an installed node takes a cidata disk")
    if store is not None and not (pull or push or "/" in image):
        raise click.UsageError("--store takes a disk of a published image: add --push, or name a REF")
    if pull:
        taken = _pull(app, image, DiskFormat(form), output, key, alone=not (size or config or push))
        _store(store, image, DiskFormat(form), taken)
        return
    source = source_of(app.project, image, verifier=_verifier(key))
    target = output or Path(f"{source.name}-{source.version}.{form}")
    say(str(write_disk_file(app.project, source, DiskFormat(form), target, size=size, config=config)))
    if push:
        from imagekit.app.diskpush import push_disk

        say(str(push_disk(app.project, source, DiskFormat(form), target)))
    _store(store, source.name, DiskFormat(form), target)


def _store(store: Path | None, image: str, form: DiskFormat, path: Path) -> None:
    if store is not None:
        from imagekit.app.diskstore import store_disk
        from imagekit.oci.reference import Reference

        name = Reference.parse(image).repository.rpartition("/")[2] if "/" in image else image
        say(str(store_disk(store, name, form, path)))


def _pull(app: App, image: str, form: DiskFormat, output: Path | None, key: Path | None, *, alone: bool) -> Path:
    from imagekit.app.diskpull import pull_disk
    from imagekit.oci.reference import Reference

    if "/" not in image or not alone:
        raise click.UsageError("--pull takes a REF, and a disk as it was pushed: without --size, --config and --push")
    reference = Reference.parse(image)
    version = reference.tag or (reference.digest.short if reference.digest else "latest")
    target = output or Path(f"{reference.repository.rpartition('/')[2]}-{version}.{form}")
    say(str(pull_disk(app.project, reference, form, target, verifier=_verifier(key))))
    return target
