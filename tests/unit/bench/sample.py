"""A report with every kind of row."""

from imagekit.bench.model import Bound, Goal, Measurement, Report, Row

MET = Row(name="fast boot", measured=20.0, unit="s", against="plain", reference=60.0, goal=Goal(limit=0.4))
MISSED = Row(name="live boot", measured=50.0, unit="s", against="plain", reference=60.0, goal=Goal(limit=0.6))
WITHOUT = Row(name="stage | plan", measured=0.0123, unit="s", note="reused")
UNKNOWN = Row(name="unchanged", measured=None, unit="s", goal=Goal(limit=2.0, bound=Bound.VALUE), note="no run yet")


def report(*, error: str = "") -> Report:
    """The rows above in one report."""
    return Report(
        started="2026-01-02T03:04:05+00:00",
        command="imagekit bench boot",
        machine="2 x Processor",
        image="debian-node",
        measurements=(
            Measurement(
                name="boot",
                rows=(MET, MISSED, WITHOUT, UNKNOWN),
                seconds=130.2,
                load_before=1.0,
                load_after=2.04,
                error=error,
            ),
        ),
    )
