"""A node in the directory, for tests: faults planted and healed, single checks of the suite, a transcript."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from imagekit.app.local import LocalMachine
from imagekit.app.target import suites_of
from imagekit.base.process import Completed
from imagekit.checks.outcome import CheckResult
from imagekit.checks.runner import run_suites
from imagekit.checks.selection import Selection
from imagekit.checks.until import until
from tests.support.adfaults import AGAIN, At, Fault

PAGE = Path(__file__).parents[2] / "docs" / "kerberos-login.md"
# A day in someone's life: each command is typed where the directory's people are, and its answer is shown.
TYPED = (
    "kinit alice",
    "klist",
    "ssh alice@node-ad.ad.imagekit.test 'id -un; pwd; id -Gn | grep -o linux-admins; sudo -n id -un'",
    "ssh bob@node-ad.ad.imagekit.test true",
)
_SETTINGS = (
    "Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n"
    "  GSSAPIAuthentication yes\n  PreferredAuthentications gssapi-with-mic\n"
)
_VARIES = (
    (re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d"), "(date and time)"),
    (re.compile(r"on \w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}"), "on (date and time)"),
    (re.compile(r"in \d+ days"), "in (some) days"),
)


@dataclass(frozen=True, slots=True)
class AdNode:
    """A machine that the suite `ad` prepared."""

    machine: LocalMachine

    def at(self, where: At, command: str) -> Completed:
        """Run a shell command as root; any status is an answer."""
        if where is At.NODE:
            return self.machine.machine.run(command, timeout=120)
        assert self.machine.network is not None
        return self.machine.network.run(["sh", "-c", command], timeout=120)

    def plant(self, fault: Fault) -> None:
        """Break it. Raises `AssertionError` when that did not work."""
        self._done(fault.at, fault.plant)
        if fault.then:
            self._done(At.NODE, fault.then)
        self._forget(fault)

    def heal(self, fault: Fault) -> None:
        """Mend it."""
        self._done(fault.at, fault.heal)
        if fault.back:
            self._done(At.NODE, fault.back)
        self._forget(fault)

    def _forget(self, fault: Fault) -> None:
        if fault.forget:
            self._done(At.NODE, AGAIN)

    def _done(self, where: At, command: str) -> None:
        done = self.at(where, command)
        assert done.returncode == 0, (command, done.stderr)

    def checked(self, name: str = "") -> tuple[CheckResult, ...]:
        """The checks of the suite of this name, or all."""
        node, network = self.machine.machine, self.machine.network
        subject = replace(self.machine.subject, selection=Selection(expression=name))
        found = run_suites(node, subject.checked, suites_of(subject, node.boot.boot_path), network=network)
        return tuple(check for check in found.checks if not name or f"::{name}" in check.id)

    def transcript(self) -> str:
        """What people see who log in with a ticket, without what differs from day to day."""
        assert self.machine.network is not None
        lines: list[str] = []
        self._done(At.NODE, until("id alice", 60))  # SSSD has just started
        self._done(At.DIRECTORY, f"mkdir -p /root/.ssh; printf '{_SETTINGS}' >/root/.ssh/config".replace("\n", "\\n"))
        for typed in TYPED:
            stdin = b"Alice-1-imagekit\n" if typed.startswith("kinit") else None
            done = self.machine.network.run(["sh", "-c", typed], timeout=120, stdin=stdin)
            lines += [f"$ {typed}", *(done.stdout + done.stderr).strip().splitlines(), ""]
        text = "\n".join(line.rstrip() for line in lines).strip()
        for pattern, word in _VARIES:
            text = pattern.sub(word, text)
        return text


def page(transcript: str) -> str:
    """The documentation's page with it."""
    return (
        "# A login with Kerberos, as it was seen\n\n"
        "Somebody of the domain gets a ticket, logs in over SSH without a password, and works as root through a group\n"
        "of the directory; with that ticket nobody logs in as somebody else. The node joined by its cloud-config\n"
        "(`cloud-config/profiles/ad-joined.yaml`), the directory is the [fixture](fixtures.md) `ad`. Every night\n"
        "`tests/e2e/test_ad.py` logs in like this and holds this page to what it sees.\n\n"
        f"```\n{transcript}\n```\n"
    )
