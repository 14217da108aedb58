"""imagekit flakes"""

from __future__ import annotations

import click

from imagekit.cli.app import App
from imagekit.cli.screen import say


@click.command("flakes")
@click.argument("image", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def command(app: App, image: str | None, as_json: bool) -> int:
    """List checks that failed and passed on one digest.

    Each with its rate, owner, ticket and expiry, as its check file says them (`warn_only(until=, ticket=, owner=)`).
    After its day a check in quarantine is required again by itself. Exit code 1 when a flaky check is nobody's.
    """
    from datetime import UTC, datetime

    from imagekit.app.remember import open_history
    from imagekit.history import read
    from imagekit.history.flakes import Standing, flakes
    from imagekit.history.terminal import described

    with open_history(app.project) as history:
        checks = read.check_runs(history, app.image_name(image) if image else "")
    found = flakes(checks, datetime.now(UTC).date())
    if as_json:
        import json
        from dataclasses import asdict

        say(json.dumps([asdict(each) for each in found], default=str, indent=2))
    else:
        say(
            "\n".join(f"{each.image}: {described(each)}" for each in found)
            or "no check failed and passed on one digest"
        )
    return 1 if any(each.standing is Standing.OPEN for each in found) else 0
