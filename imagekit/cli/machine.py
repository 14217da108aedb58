"""Options that choose the machine, shared by commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from imagekit.base.earlier import boot_path_today

# imagekit.machine.profile knows the same; it is not imported for a help text.
FIRMWARES = ("bios", "bios+tpm", "uefi", "uefi+tpm", "uefi-secure", "uefi-secure+tpm")
SHAPES = ("vsphere-like", "vsphere-like+tpm", "nvme", "nvme+tpm", "sata-e1000e", "sata-e1000e+tpm")

firmware_option = click.option(
    "--firmware",
    type=click.Choice((*FIRMWARES, *SHAPES)),
    default=None,
    help="Firmware or shape of the machine, in place of the one that the image declares.",
)

fresh_option = click.option(
    "--fresh",
    "--again",  # its name until 2026-11
    "fresh",
    is_flag=True,
    help="Test anew what passed before on the same digest.",
)


cold_option = click.option(
    "--cold", is_flag=True, help="Boot the machine, where a fork of a saved one of this digest would do."
)


within_option = click.option(
    "--within",
    type=click.FloatRange(0, min_open=True),
    default=None,
    metavar="MINUTES",
    help="Refuse at once, with what would fit, when by its earlier runs this takes longer.",
)


with_option = click.option(
    "--with",
    "fixtures",
    default="",
    metavar="FIXTURE,...",
    help="Fixtures that run beside the machine, such as ad,ca.",
)


class RenamedOption(click.Option):
    """An option with earlier names, which still work for one release and which no help text shows."""

    def __init__(self, param_decls: Sequence[str], *, earlier: Sequence[str], **attributes: Any) -> None:
        super().__init__([*param_decls, *earlier], **attributes)
        self._earlier = earlier

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The line of the help text, with the present names."""
        every, self.opts = self.opts, [name for name in self.opts if name not in self._earlier]
        try:
            return super().get_help_record(ctx)
        finally:
            self.opts = every


class BootPathChoice(click.Choice[str]):
    """Names of boot paths; `fast` is an earlier name of `direct`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The present name."""
        return super().convert(boot_path_today(value), param, ctx)


def boot_option(*choices: str, **attributes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--boot`, which was `--road` until 2026-12."""
    kind = BootPathChoice(choices)
    return click.option("--boot", "boot_path", cls=RenamedOption, earlier=("--road",), type=kind, **attributes)
