"""Runs an entry point of the group ``imagekit.change_providers``: `python -m imagekit.trust.change.entrypoint NAME`.

The function takes the question as a dictionary and returns the answer as one.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points

GROUP = "imagekit.change_providers"


def main(name: str) -> int:
    """Call the entry point with what stands on standard input; its answer goes to standard output."""
    found = entry_points(group=GROUP, name=name)
    if len(found) != 1:
        sys.stderr.write(f"{len(found)} entry points {name!r} in {GROUP}\n")
        return 2
    [entry] = found
    answer = entry.load()(json.load(sys.stdin))
    sys.stdout.write(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
