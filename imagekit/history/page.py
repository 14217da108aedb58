"""Trends as one self-contained page: inline SVG, no script, no asset from elsewhere, every word escaped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from imagekit.base.files import write_whole
from imagekit.history import drawing
from imagekit.history.starvation import Alarm
from imagekit.history.trends import Trends

_TEMPLATE = "trends.html.j2"


def render_page(images: Sequence[Trends], alarms: Sequence[Alarm], now: datetime) -> str:
    """The page as text."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = [(each, [drawing.draw(plot) for plot in each.plots]) for each in images]
    words = {"images": drawn, "alarms": alarms, "now": now, "width": drawing.WIDTH, "height": drawing.HEIGHT}
    return environment.get_template(_TEMPLATE).render(**words)


def write_page(images: Sequence[Trends], alarms: Sequence[Alarm], now: datetime, path: Path) -> Path:
    """Write the page to a file, whole or not at all."""
    return write_whole(path, render_page(images, alarms, now))
