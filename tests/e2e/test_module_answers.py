"""What checks ask by testinfra's modules is answered out of the facts as the node itself answers testinfra."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
import testinfra
from testinfra.host import Host

from imagekit.app.interface import Subject
from imagekit.app.local import LocalBackend, LocalMachine
from imagekit.app.target import suites_of
from imagekit.build.result import earlier_build
from imagekit.checks.facts import Facts, collect_facts
from imagekit.checks.runner import run_suites
from imagekit.config.load import load_project
from imagekit.machine.interface import BootPath
from imagekit.plan.resolve import make_plan
from tests.e2e.conftest import IMAGE, Clone
from tests.support.modulecalls import CONFTEST, Call, Made, by_facts, falsified, read_calls, written

pytestmark = [pytest.mark.vm, pytest.mark.docker, pytest.mark.online]


@dataclass(frozen=True, slots=True)
class Compared:
    """A node, its facts of one moment, and what it said itself to those calls that the facts answer."""

    node: Host
    facts: Facts
    said: Mapping[Call, object]

    def different(self, facts: Facts, calls: Mapping[Call, object]) -> dict[str, tuple[object, object]]:
        """The calls that facts answer otherwise than the node, with both answers."""
        told = {call: by_facts(call, facts, self.node)[0] for call in calls}
        return {str(call): (told[call], said) for call, said in calls.items() if told[call] != said}


def calls_of_checks(asked: LocalMachine, folder: Path) -> Made:
    """Run every check of this boot path, also of layers that the image lacks, for the calls that they make."""
    checks, subject = folder / "checks", asked.subject
    shutil.copytree(subject.harness / "checks", checks)
    (checks / "conftest.py").write_text(CONFTEST)
    images = subject.project.root / "images"
    layers = [each.name for each in sorted(checks.iterdir()) if (images / each.name / "layer.yaml").is_file()]
    assert set(layers) > set(subject.checked)
    suites = replace(suites_of(subject, BootPath.DIRECT), checks_root=checks, out=folder / "out")
    run_suites(asked.machine, layers, suites, deadline_seconds=900, peers=asked.peers)
    made = read_calls(folder / "out/verify", checks)
    assert set(written(checks, subject.checked)) <= made.functions, "a call in a check that was not made"
    return made


def compared(asked: LocalMachine, calls: tuple[Call, ...]) -> Compared:
    """Ask the node itself, as root, which is who asked for the facts."""
    ssh = asked.machine.ssh
    node = testinfra.get_host(f"ssh://{ssh.alias}?{urlencode({'ssh_config': os.fspath(ssh.config)})}", sudo=True)
    facts = collect_facts(node)
    told = [call for call in calls if by_facts(call, facts, node)[1]]
    return Compared(node, facts, {call: call.ask(node) for call in told})


@pytest.mark.nightly(minutes=5)
def test_the_facts_answer_every_call_of_a_check_as_the_node_does(clone: Clone, tmp_path: Path) -> None:
    """And each of those answers, falsified in the facts, is seen to differ."""
    assert clone.imagekit("build", IMAGE).returncode == 0
    project = load_project(clone.root)
    image = earlier_build(project.work, make_plan(project, IMAGE))
    assert image is not None
    subject = Subject(project=project, name=IMAGE, run_id="answers", folder=tmp_path, image=image)
    backend = LocalBackend()
    disks = backend.disks(subject, (BootPath.DIRECT,))
    with backend.boot(subject, disks, BootPath.DIRECT) as asked:
        assert isinstance(asked, LocalMachine)
        made = calls_of_checks(asked, tmp_path)
        found = compared(asked, made.calls)
        assert len(found.said) > len(made.calls) / 2
        assert found.different(found.facts, found.said) == {}
        unseen = [
            str(call)
            for call, said in found.said.items()
            if str(call) not in found.different(falsified(found.facts, call), {call: said})
        ]
        assert unseen == []
