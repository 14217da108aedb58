"""The hardening profile: every control of docs/hardening.md, required or waived by name in a layer.yaml."""

from __future__ import annotations

import pytest
from testinfra.host import Host

from imagekit.checks import declared
from imagekit.checks.facts import Facts
from imagekit.checks.hardening.catalogue import CONTROLS
from imagekit.checks.hardening.collect import collect_node
from imagekit.checks.hardening.model import Control, Node

pytestmark = [pytest.mark.runbook("hardening"), pytest.mark.suite("hardening")]


def _parameter(control: Control) -> object:
    marks = [pytest.mark.title(f"hardening {control.id}, {control.title}")]
    if control.boot_paths:
        marks.append(pytest.mark.boot_path(*control.boot_paths))
    if (waiver := declared.waived().get(control.id)) is not None:
        marks.append(pytest.mark.warn_only(until=waiver.until, ticket=waiver.reason))
    return pytest.param(control, id=control.id, marks=marks)


@pytest.fixture(scope="session")
def node(root: Host, facts: Facts) -> Node:
    """What one more round trip told, for all controls."""
    return collect_node(root, facts, declared.inventory(facts.listeners))


@pytest.mark.parametrize("control", [_parameter(each) for each in CONTROLS])
def test_control(node: Node, control: Control) -> None:
    """A hardening control holds."""
    wrong = control.judge(node)
    assert not wrong, f"{wrong} ({', '.join(control.references) or 'a rule of imagekit'})"
