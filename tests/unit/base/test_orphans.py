"""Processes that were put into the background, in the care of a process that adopts them."""

from __future__ import annotations

import sys
from pathlib import Path

from imagekit.base.process import run

ROOT = Path(__file__).parents[3]
# Starts a program that leaves one behind and ends with 7, and waits until the one left behind is known to have ended.
PROGRAM = """
import os, subprocess, time
from pathlib import Path
from imagekit.base.orphans import adopt_orphans, let_go

assert adopt_orphans()
child = subprocess.Popen(["sh", "-c", "sleep 0.1 >&- & echo $!; exit 7"], stdout=subprocess.PIPE, text=True)
left = child.stdout.readline().strip()
status, end = Path(f"/proc/{left}/stat"), time.monotonic() + 20
parent = None
while status.exists() and time.monotonic() < end:
    parent = status.read_text().rpartition(")")[2].split()[1]
    let_go(child.pid)
    child.poll()
    time.sleep(0.01)
print(parent == str(os.getpid()), status.exists(), child.returncode)
let_go(0)
"""


def test_a_process_left_behind_is_a_child_and_is_let_go_when_it_ends() -> None:
    done = run([sys.executable, "-c", PROGRAM], timeout=60, env={"PYTHONPATH": str(ROOT)})
    assert done.stdout.split() == ["True", "False", "7"]
