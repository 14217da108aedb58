"""OpenSCAP on a running node: brought for the time of a scan, run as root, its results fetched, and taken away again.

The scanner comes with its own loader and libraries, so that the node needs none of them, into a folder of root's
on /run: the root file system is read-only, and /tmp may forbid programs. Nothing is installed and nothing remedied.
"""

from __future__ import annotations

from pathlib import Path

from imagekit.base.errors import ToolError
from imagekit.base.reason import summary
from imagekit.machine import ssh
from imagekit.machine.interface import Reached

ON_NODE = "/run/imagekit-openscap"
DATASTREAM = "ds.xml"
_RESULTS = "results.xml"
_SECONDS = 600.0
_JUDGED = (0, 2)  # 2: at least one rule did not pass; oscap(8)
# The distribution's archive vouches for the content; schemas to hold it to are larger than all the rest.
_EVALUATE = (
    "cd {folder} && export TMPDIR={folder}/tmp && exec timeout {seconds:.0f} ./ld.so --library-path ./lib ./oscap "
    "xccdf eval --skip-validation --profile {profile} --results {results} {datastream} >/dev/null"
)


class ScanError(ToolError):
    """The scanner could not be brought, or did not come to a judgement: nothing was judged."""


def scan(node: Reached, bundle: Path, profile: str, into: Path, *, pace: float) -> None:
    """Evaluate a profile on a node and keep the scanner's results as the file `into`.

    `bundle` is what `imagekit.app.scap` packed; `pace` is how much slower the node is than that of reference. Raises
    `ScanError` with the scanner's own words, `ToolError` when the connection breaks.
    """
    seconds = _SECONDS * pace
    try:
        bring = f"umask 022; rm -rf {ON_NODE}; mkdir {ON_NODE} && tar -xzf - -C {ON_NODE} && mkdir -m 700 {ON_NODE}/tmp"
        brought = ssh.run_as_root(node, bring, timeout=seconds, stdin=bundle.read_bytes())
        if brought.returncode != 0:
            raise ScanError(
                "the scanner could not be brought to the node: nothing was judged", hint=summary(brought.stderr)
            )
        evaluate = _EVALUATE.format(
            folder=ON_NODE, seconds=seconds, profile=profile, results=_RESULTS, datastream=DATASTREAM
        )
        done = ssh.run_as_root(node, evaluate, timeout=seconds + 60.0)
        if done.returncode not in _JUDGED:
            raise ScanError(
                f"oscap ended with status {done.returncode} on the node: nothing was judged",
                hint=summary(done.stderr) or f"Status 124: it did not end within {seconds:.0f} s.",
            )
        into.parent.mkdir(parents=True, exist_ok=True)
        ssh.copy_file(node, f"{ON_NODE}/{_RESULTS}", into, limit=64 << 20)
    finally:
        ssh.run_as_root(node, f"rm -rf {ON_NODE}", timeout=60.0 * pace)
