"""The last lines of a terminal, drawn anew while work goes on; what was said before stands above them."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

_TIMES_A_SECOND = 5


class Living:
    """Shows what `lines` returns from `begin` to `end`, each cut at the width of the terminal."""

    def __init__(self, lines: Callable[[], list[str]]) -> None:
        self._console = Console(stderr=True, force_terminal=True, highlight=False, markup=False, emoji=False)
        self._lines = lines
        self._live = Live(
            get_renderable=self._drawn,
            console=self._console,
            refresh_per_second=_TIMES_A_SECOND,
            transient=True,  # gone at the end: what stands is printed
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def begin(self) -> None:
        """Draw from now on, from a thread."""
        self._live.start()

    def end(self) -> None:
        """Take the living lines away."""
        self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """A line that stands, whole: the terminal wraps it."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    def _drawn(self) -> Group:
        return Group(*(Text(line, no_wrap=True, overflow="crop") for line in self._lines()))
