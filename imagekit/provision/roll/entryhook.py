"""Runs one entry point of the group imagekit.hooks as a hook: ``python -m imagekit.provision.roll.entryhook NAME``.

In a process of its own, so that the time limit holds whatever it does.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points

GROUP = "imagekit.hooks"


def main(name: str) -> int:
    """Ask the entry point, a function of one dict that returns one; the exit status."""
    found = entry_points(group=GROUP, name=name)
    if len(found) != 1:
        sys.stderr.write(f"{len(found)} entry points {name!r} in the group {GROUP}\n")
        return 2
    question = json.load(sys.stdin)
    answer = next(iter(found)).load()(question)
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
