"""The checks of a boot path, against stock testinfra that opens a new paramiko connection for each fact."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from imagekit.app import bootpath, checking
from imagekit.base import process
from imagekit.base.log import progress, step
from imagekit.bench.model import Goal, Row
from imagekit.bench.subject import BenchSubject
from imagekit.machine.interface import BootPath, SshTarget

if TYPE_CHECKING:
    from testinfra.host import Host

FACTS = 60
_GOAL = Goal(limit=0.08)
_TELL_EVERY = 10
_TIME_LIMIT = 60


def measure(bench: BenchSubject) -> list[Row]:
    """Wall seconds of both on one machine on the direct boot path; compared by the check and by the fact."""
    subject = bench.node()
    with checking.test_peers(subject) as peers:
        artifacts = bootpath.make_disks(subject)
        with bootpath.machine_of(subject, artifacts, BootPath.DIRECT, peers) as machine:
            suites = checking.check_machine(subject, machine, peers).suites
            with step(f"Stock testinfra: {FACTS} facts, a connection each"):
                stock = stock_seconds(machine.ssh, FACTS)
    count = len(suites.checks)
    against = f"testinfra, paramiko, {FACTS} facts"
    each = Row(
        name=f"one check of {count}, direct boot path",
        measured=suites.seconds / count,
        unit="s",
        against=against,
        reference=stock / FACTS,
        goal=_GOAL,
        note=", ".join(f"{number} {outcome}" for outcome, number in suites.counts.items() if number),
    )
    return [each, Row(name=f"all {count} checks", measured=suites.seconds, unit="s", against=against, reference=stock)]


def stock_seconds(target: SshTarget, count: int) -> float:
    """Wall seconds that stock testinfra takes for so many simple facts, each over its own connection."""
    import testinfra

    where = f"paramiko://{target.user}@{target.host}:{target.port}?"
    where += urlencode({"ssh_identity_file": target.key})
    config = target.config.with_name("stock_config")
    # The one concession: testinfra's own policy prints a warning for a host key that it cannot know.
    config.write_text(f"Host {target.host}\n  StrictHostKeyChecking no\n")
    where += "&" + urlencode({"ssh_config": config})
    begun = process.now()
    for number in range(count):
        host = testinfra.get_host(where, timeout=_TIME_LIMIT + number)  # it keeps hosts by their arguments
        _fact(host, number)
        host.backend.client.close()
        if number % _TELL_EVERY == 0:
            progress(f"fact {number} of {count}")
    return process.now() - begun


def _fact(host: Host, number: int) -> object:
    match number % 4:
        case 0:
            return host.file("/etc/passwd").exists
        case 1:
            return host.package("openssh-server").is_installed
        case 2:
            return host.service("ssh").is_enabled
        case _:
            return host.user("root").uid
