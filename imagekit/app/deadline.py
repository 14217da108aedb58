"""Whether a run can end in the minutes that it is given, by how long its stages took before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from imagekit.app.remember import history_path
from imagekit.base.errors import RefusedError
from imagekit.config.load import Project


def require_in_time(project: Project, name: str, stages: Sequence[str], minutes: float) -> str:
    """Refuse what cannot end in time, before anything is begun; returns what is expected, in words.

    `stages` are those that are left to be gone through. Raises `RefusedError` when those of them whose times are known
    take longer together, with the boot paths that fit; `HistoryError` when the times cannot be read.
    """
    from imagekit.history.eta import expected_seconds, together
    from imagekit.history.store import History

    path, expected, wanted = history_path(project), dict[str, float](), 0.0
    if path.exists():
        with History(path) as history:
            expected = expected_seconds(history, name, stages)
            wanted = together(history, name, expected) / 60
    unknown = [stage for stage in stages if stage not in expected]
    if wanted > minutes:
        raise RefusedError(
            f"{name} would take about {wanted:.1f} min by its last runs, and {minutes:g} min are allowed",
            hint=_fitting(stages, expected, minutes),
        )
    unsure = f"; not known: {', '.join(unknown)}" if unknown else ""
    return f"about {wanted:.1f} of {minutes:g} min{unsure}"


def _fitting(stages: Sequence[str], expected: Mapping[str, float], minutes: float) -> str:
    """What of it could be done: what every run does, and with it one machine's part, as far as its times are known."""
    parts = dict[str, float]()
    for stage in stages:
        _, _, machine = stage.partition(" ")
        part = machine or ("lifecycle" if stage == "lifecycle" else "")
        parts[part] = parts.get(part, 0.0) + expected.get(stage, inf if part else 0.0) / 60
    common = parts.pop("", 0.0)
    fits = [f"{name} ({common + each:.1f} min)" for name, each in parts.items() if common + each <= minutes]
    if fits:
        return f"What fits, each alone: {', '.join(fits)}."
    least = min((common + each for each in parts.values() if each < inf), default=common)
    return f"Nothing of it fits alone; the shortest part takes {least:.1f} min."
