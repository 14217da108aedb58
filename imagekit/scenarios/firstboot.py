"""The first boot of an installed node, made once for all scenarios: each continues the saved node, on its own disk.

No scenario judges a first boot; what they judge are the boots after an upgrade, a fallback, a power cut, and these are
always real ones. Where the node cannot be saved or continued, a scenario boots it for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Lock

from imagekit.base.errors import ImagekitError
from imagekit.base.log import step
from imagekit.machine.node import InstalledNode
from imagekit.machine.saved import Budget, SavedNode, SavedNodes, UnusableStateError
from imagekit.machine.savenode import save_node

_NAME = "installed"
_KEPT = Budget(size=1 << 50, age=timedelta(days=1))  # it goes with the run's own folder


class FirstBoot:
    """One saved node in a folder of the run; `booted` gives a node of the same hardware that has just booted."""

    def __init__(self, folder: Path, booted: Callable[[], AbstractContextManager[InstalledNode]]) -> None:
        self._store = SavedNodes(folder, _KEPT)
        self._booted = booted
        self._lock = Lock()
        self._why_not = ""

    @contextmanager
    def saved(self) -> Iterator[SavedNode]:
        """The saved node; whoever comes first boots and saves it, the others wait for that.

        Raises `UnusableStateError` when there is none, and why.
        """
        with self._lock:
            if not self._why_not and not self._store.has(_NAME):
                self._why_not = self._save()
        if self._why_not:
            raise UnusableStateError(self._why_not)
        with self._store.held(_NAME) as found:
            yield found

    def _save(self) -> str:
        """Boot and save; the reason when that cannot be done, which is not tried again."""
        with step("Saving an installed node, for the scenarios") as reported:
            try:
                with self._booted() as machine:
                    save_node(machine, self._store, _NAME, {})
            except (ImagekitError, OSError) as error:
                reported.note = f"not saved: {str(error).splitlines()[0]}"
                return reported.note
        return ""
