"""Right manifests pass, and each wrong one is refused by its rule, the cheapest check that can see it."""

import json

import pytest

from imagekit.provision.check.check import check_tree
from imagekit.provision.check.finding import RULES, Level
from imagekit.provision.check.objects import Tree
from imagekit.provision.check.reading import read_text, read_tree
from imagekit.provision.check.store import Schemas
from tests.support.manifests import EXTERNAL, GOOD, WRONG, Wrong, good_objects, objects_with


def tree_of(objects: list[dict[str, object]]) -> Tree:
    manifests = []
    for each in objects:
        found, problems = read_text(json.dumps(each), str(GOOD / "all.yaml"))
        assert problems == []
        manifests += found
    return Tree(tuple(manifests), external=EXTERNAL)


def test_the_right_ones_pass(schemas: Schemas) -> None:
    tree = read_tree([GOOD])
    report = check_tree(Tree(tree.manifests, tree.files, tree.problems, external=EXTERNAL), schemas)
    assert report.findings == ()
    assert report.good
    assert report.objects == 31


def test_there_are_at_least_forty() -> None:
    assert len({each.id for each in WRONG}) == len(WRONG) >= 40
    assert {each.rule for each in WRONG if each.rule} <= RULES.keys()


@pytest.mark.parametrize("wrong", [each for each in WRONG if each.rule], ids=lambda each: each.id)
def test_a_wrong_one_is_refused_by_its_rule(wrong: Wrong, schemas: Schemas) -> None:
    report = check_tree(tree_of(objects_with(wrong)), schemas)
    assert wrong.rule in {each.rule.id for each in report.findings}
    assert not report.good or RULES[wrong.rule].level is Level.WARNING


@pytest.mark.parametrize("wrong", [each for each in WRONG if not each.rule], ids=lambda each: each.id)
def test_what_only_a_server_sees_is_named_as_not_evaluated(wrong: Wrong, schemas: Schemas) -> None:
    report = check_tree(tree_of(objects_with(wrong)), schemas)
    assert report.good
    assert report.cel[wrong.kind] > 0


def test_no_right_object_breaks_a_rule_that_a_wrong_one_breaks(schemas: Schemas) -> None:
    """The rules see the edit, not what was there before."""
    assert check_tree(tree_of(good_objects()), schemas).findings == ()
