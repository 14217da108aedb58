"""One command: the suites of directory, authorities, network, Kubernetes and hardening, and what is signed of them."""

from __future__ import annotations

import os

import pytest

from imagekit.app.release import registry_client
from imagekit.app.trusted import trust_of
from imagekit.config.load import load_project
from imagekit.oci.reference import Digest
from imagekit.trust.evidence.statement import TEST_RESULT_TYPE
from imagekit.trust.evidence.testrun import read_run
from imagekit.trust.gate.collect import collect
from tests.e2e.conftest import IMAGE, Clone, last_result

pytestmark = [
    pytest.mark.vm,
    pytest.mark.registry,
    pytest.mark.online,
    pytest.mark.skipif(os.geteuid() != 0, reason="a network of its own needs root"),
]
SUITES = ("ad", "ca", "network", "k0s", "hardening")
MACHINES = ("direct", "live", "ad", "ca", "network")


@pytest.mark.nightly(minutes=10)
def test_all_suites_pass_in_one_command(clone: Clone) -> None:
    done = clone.imagekit("test", IMAGE, "--suite", ",".join(SUITES))
    assert done.returncode == 0, done.stdout + done.stderr[-8000:]
    found = last_result(clone)
    assert [each["name"] for each in found["stages"] if each["name"].startswith("checks ")] == [
        f"checks {name}" for name in MACHINES
    ]
    checks = [each for each in found["suites"]["checks"] if each["required"]]
    assert {each["outcome"] for each in checks} == {"passed"}
    assert set(SUITES) <= {name for each in checks for name in each["suites"]}


@pytest.mark.nightly(minutes=10)
def test_all_suites_are_in_the_signed_test_result(pristine: Clone) -> None:
    # Another digest than the other tests', of which a result may be signed already.
    layer = pristine.root / "images/ca-trust/layer.yaml"
    layer.write_text(layer.read_text() + "# enterprise\n")
    done = pristine.imagekit("run", IMAGE, "--suite", ",".join(SUITES))
    assert done.returncode == 0, done.stdout + done.stderr[-8000:]
    found = last_result(pristine)
    project = load_project(pristine.root)
    with registry_client(project, project.registry) as client:
        evidence = collect(client, f"imagekit/{IMAGE}", Digest(found["digest"]), trust_of(project), suites={})
    statements = [item.reading.statement for item in evidence.items]
    runs = [read_run(each) for each in statements if each is not None and each.predicate_type == TEST_RESULT_TYPE]
    assert len(runs) == 1
    assert runs[0].summary in ("PASSED", "WARNED")
    assert set(SUITES) <= {name for check in runs[0].checks for name in check.suites}
    assert {check.outcome for check in runs[0].checks if check.required} == {"passed"}
