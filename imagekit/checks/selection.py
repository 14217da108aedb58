"""Some of the checks, asked for by a person who works on them: never a passed suite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which checks to run: by pytest's ``-k`` expression, id or suite, and whether to stop at the first that fails.

    `ids` are those of results, ``live:base/test_x.py::test_y``; of `suites` a check is in one at least. `container`
    leaves only those that need no kernel of their own.
    """

    expression: str = ""
    ids: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    fail_fast: bool = False
    container: bool = False

    @property
    def partial(self) -> bool:
        """Whether checks are left out."""
        return bool(self.expression or self.ids or self.suites or self.container)

    @property
    def said(self) -> str:
        """What was asked for, in words; empty for all checks."""
        by_name = f"-k {self.expression!r}" if self.expression else ""
        by_id = f"the {len(self.ids)} that did not pass before" if self.ids else ""
        by_suite = f"suite {', '.join(self.suites)}" if self.suites else ""
        by_kernel = "those that need no kernel" if self.container else ""
        return " of ".join(part for part in (by_name, by_id, by_suite, by_kernel) if part)

    @property
    def options(self) -> tuple[str, ...]:
        """The same as options of imagekit."""
        expression = (f"-k {self.expression!r}",) if self.expression else ()
        suites = (f"--suite {','.join(self.suites)}",) if self.suites else ()
        flags = (
            ("--failed", bool(self.ids)),
            ("--fail-fast", self.fail_fast),
            ("--container", self.container),
        )
        return (*suites, *expression, *(name for name, on in flags if on))

    @property
    def arguments(self) -> tuple[str, ...]:
        """The expression for pytest; the rest is the plugin's, which knows ids and which checks only warn."""
        return ("-k", self.expression) if self.expression else ()

    def on(self, boot_path: str) -> Selection:
        """The same on one boot path: its ids alone, without the boot path before them."""
        return replace(self, ids=tuple(_rest(each) for each in self.ids if each.startswith(f"{boot_path}:")))

    def paths(self, asked: Sequence[str]) -> tuple[str, ...]:
        """Those of some boot paths on which anything is left to run."""
        return tuple(path for path in asked if not self.ids or self.on(path).ids)


def _rest(check: str) -> str:
    return check.partition(":")[2]


ALL = Selection()
