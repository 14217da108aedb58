"""What imagekit renders passes its own check: every kind, and the withdrawn digest refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.oci.reference import Digest
from imagekit.provision.check.check import check_tree
from imagekit.provision.check.objects import Tree
from imagekit.provision.check.reading import read_tree
from imagekit.provision.check.store import Schemas
from imagekit.provision.render import render
from tests.support.fleets import OLD, inputs_of

# Objects of the platform, and a kind whose CRD not every folder of schemas has.
OPTIONAL = "RemoteMachineTemplate"


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    folder = tmp_path_factory.mktemp("rendered")
    for path, data in render(inputs_of()).items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return read_tree([folder])


def test_no_error_in_what_is_rendered(rendered: Tree, schemas: Schemas) -> None:
    report = check_tree(rendered, schemas)
    wrong = [each for each in report.findings if each.rule.level == "error" and OPTIONAL not in each.message]
    assert wrong == []
    assert report.objects > 100


def test_every_file_says_its_own_name(rendered: Tree) -> None:
    assert all(Path(each.file).is_file() for each in rendered.manifests)


def test_a_withdrawn_digest_is_refused_everywhere_but_in_the_policy(rendered: Tree, schemas: Schemas) -> None:
    report = check_tree(replace(rendered, denied={Digest(str(OLD)): "Ada: broken sshd"}), schemas)
    kinds = {each.object.partition(" ")[0] for each in report.findings if each.rule.id == "image-yanked"}
    assert {"VMImage", "VirtualMachine"} <= kinds
    assert "ConfigMap" not in kinds
    assert not report.good


def test_the_files_of_kustomize_are_no_objects_of_a_cluster(rendered: Tree, schemas: Schemas) -> None:
    assert "Kustomization" not in check_tree(rendered, schemas).unchecked
