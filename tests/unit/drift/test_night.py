"""Nights in a simulated world: verdict, attribution, what is not drift, what a quiet night rests on."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from imagekit.drift.model import Attribution, Part, Released, Report, Result, Trial, Verdict
from imagekit.drift.night import Options, night
from imagekit.drift.text import as_data, as_text, cause_key, issue_body, issue_title, marker, pull_request
from tests.support.simdrift import LAYERS, SimWorld, bad_layer, bad_together, lock_of

OLD, NEW = lock_of(16), lock_of(16, "2")
NIGHT = "20261128-0217"
FLEET = [
    Released(digest=f"sha256:{letter * 64}", reference=f"r.example/node@sha256:{letter * 64}", named_by=(name,))
    for letter, name in (("a", "channel prod"), ("b", "node n1"))
]


def run(world: SimWorld, **options: object) -> Report:
    return night(world, Options(**options), NIGHT)  # type: ignore[arg-type]


def good_before(world: SimWorld, hours: float = 24, *, same: bool = True) -> None:
    trial = Trial(result=Result.GOOD, digest="sha256:" + "c" * 64, run_id="20261127-021700")
    world.good_before = trial, world.clock - timedelta(hours=hours), same


def test_a_planted_bad_package_among_sixteen_is_named_in_five_builds() -> None:
    world = SimWorld(OLD, NEW, [bad_together("p10")])
    report = run(world)
    assert report.verdict is Verdict.DRIFT
    assert report.verdict.exit_code == 5
    [cause] = report.causes
    assert (cause.attribution, cause.layer, cause.names) == (Attribution.UPSTREAM, "sssd", ("p10",))
    assert report.builds - 2 <= 5, "beside the pinned and the fresh one"
    assert cause.culprits[0].text == "p10 1 to 2 (sssd)"
    assert world.updates == [], "no branch takes in what does not work"


def test_two_that_break_only_together_are_both_named() -> None:
    [cause] = run(SimWorld(OLD, NEW, [bad_together("p02", "p13")])).causes
    assert cause.names == ("p02", "p13")
    assert cause.layer == "base, ca-trust"
    assert "each alone is good; together they are bad" in cause.evidence


@pytest.mark.parametrize("layer", LAYERS)
def test_a_fault_of_ours_is_attributed_to_its_layer_by_twin_stacks(layer: str) -> None:
    world = SimWorld(OLD, OLD, [bad_layer(layer)], changed=("images/base/files/x",))
    report = run(world)
    assert (report.verdict, report.verdict.exit_code) == (Verdict.BROKEN, 1)
    [cause] = report.causes
    assert (cause.attribution, cause.layer) == (Attribution.OURS, layer)
    assert "changed here since the last good night: images/base/files/x" in cause.evidence
    assert len([each for each in cause.evidence if each.startswith("stack ")]) >= 1


def test_time_alone_breaks_it() -> None:
    expired = "expired: CN=k0s api ends 2026-11-27 (1 days ago)"
    [cause] = run(SimWorld(OLD, OLD, [bad_layer("k0s")], gone=(expired,))).causes
    assert expired in cause.evidence
    [cause] = run(SimWorld(OLD, OLD, [bad_layer("k0s")])).causes
    assert any("nothing of the lock or of our sources changed" in each for each in cause.evidence)


def test_what_moved_and_works_is_a_branch_that_is_ready() -> None:
    world = SimWorld(OLD, NEW)
    report = run(world)
    assert (report.verdict, report.verdict.exit_code, report.update_ready) == (Verdict.HOLDS, 0, True)
    assert report.branch == "imagekit/drift/node"
    [text] = world.updates
    assert text.splitlines()[0] == "node: take in 16 inputs that moved upstream"
    assert "- p10 1 to 2 (sssd)" in text
    assert report.fresh is not None
    assert report.fresh.digest in text


def test_a_quiet_night_says_so_in_under_five_percent_and_what_it_rests_on() -> None:
    full = SimWorld(OLD, NEW, fleet=FLEET)
    whole = run(full)
    quiet = SimWorld(OLD, OLD, fleet=FLEET)
    good_before(quiet)
    report = run(quiet)
    assert (report.verdict, report.builds) == (Verdict.HOLDS, 0)
    assert report.seconds < 0.05 * whole.seconds
    told = " / ".join(report.evidence)
    assert "16 inputs looked up anew, nothing moved" in told
    assert "run 20261127-021700 of 2026-11-27 02:17, 24 hours ago" in told
    assert "nothing has expired" in told
    assert told.count("was rehearsed on") == 2


@pytest.mark.parametrize("why", ["old", "sources", "expired", "asked", "never"])
def test_a_quiet_night_rests_on_nothing_that_does_not_hold(why: str) -> None:
    world = SimWorld(OLD, OLD, gone=("expired: x",) if why == "expired" else ())
    if why != "never":
        good_before(world, 24 * 7 + 1 if why == "old" else 24, same=why != "sources")
    report = run(world, full=why == "asked")
    assert report.builds == 1
    assert report.verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("down", "reason"),
    [
        ("fresh", "the mirror serves half an index"),
        ("pinned", "disk full"),
        ("trial", "registry down"),
        ("released", "the registry does not answer"),
        ("rehearse", "registry down"),
        ("keep_update", "no room"),
    ],
)
def test_a_fault_of_the_infrastructure_is_not_called_drift(down: str, reason: str) -> None:
    report = run(SimWorld(OLD, NEW, fleet=FLEET, down={down: reason}))
    assert report.verdict is Verdict.UNKNOWN
    assert report.verdict.exit_code == 4
    assert report.causes == ()
    assert any(reason in each for each in report.unknown)


def test_a_fault_in_the_middle_of_a_bisection_blames_nobody_alone() -> None:
    world = SimWorld(OLD, NEW, [bad_together("p10")])
    world.unbuildable = lambda lock: 0 < sum(each.version == "2" for each in lock.values()) < 16
    [cause] = run(world).causes
    assert len(cause.culprits) == 16
    assert any("could not be told apart" in each for each in cause.evidence)


def test_a_flake_is_neither_drift_nor_breakage() -> None:
    report = run(SimWorld(OLD, OLD, flaky=1))
    assert report.verdict is Verdict.UNKNOWN
    assert report.causes == ()
    assert "flaky" in report.unknown[0]


def test_what_cannot_be_installed_together_is_upstreams() -> None:
    report = run(SimWorld(OLD, unresolvable="sssd depends on libldb2, which is not going to be installed"))
    assert report.verdict is Verdict.DRIFT
    assert report.causes[0].attribution is Attribution.UPSTREAM


def test_what_is_bad_both_times_is_no_drift() -> None:
    """The pinned image is bad, too: no package that moved is to blame."""
    report = run(SimWorld(OLD, NEW, [bad_layer("sssd")], changed=("x",)))
    assert report.verdict is Verdict.BROKEN
    assert [cause.part for cause in report.causes] == [Part.PINNED]
    assert any("nothing that moved is to blame" in each for each in report.evidence)


def test_every_released_digest_is_rehearsed_from_the_newest() -> None:
    world = SimWorld(OLD, OLD, fleet=FLEET, bad_fleet={FLEET[1].digest: "does not boot"})
    report = run(world)
    assert world.rehearsed == [f"{FLEET[0].digest} from itself", f"{FLEET[1].digest} from {FLEET[0].digest}"]
    assert report.verdict is Verdict.BROKEN
    [cause] = report.causes
    assert cause.part is Part.FLEET
    assert "named by node n1" in cause.evidence


def test_one_part_alone() -> None:
    world = SimWorld(OLD, NEW, fleet=FLEET)
    assert run(world, parts=frozenset({Part.FLEET})).builds == 0
    report = run(SimWorld(OLD, NEW, [bad_together("p10")]), parts=frozenset({Part.FRESH}))
    assert report.causes[0].names == ("p10",), "what is pinned is asked before anybody is blamed"
    assert run(SimWorld(OLD, NEW), parts=frozenset({Part.PINNED})).changes == ()


def test_a_root_cause_is_the_same_next_night_whatever_its_version() -> None:
    [one] = run(SimWorld(OLD, NEW, [bad_together("p10")])).causes
    newer = SimWorld(OLD, lock_of(16, "3"), [bad_together("p10", version="3")])
    [other] = run(newer).causes
    assert cause_key("node", one) == cause_key("node", other) != cause_key("other", one)
    [third] = run(SimWorld(OLD, NEW, [bad_together("p11")])).causes
    assert cause_key("node", third) != cause_key("node", one)


def test_text_json_and_issue_of_a_night() -> None:
    report = run(SimWorld(OLD, NEW, [bad_together("p10")]))
    [cause] = report.causes
    text = as_text(report)
    assert text.startswith("DRIFT  node, night 20261128-0217, 7 builds")
    assert "cause   upstream, layer sssd: p10 upstream breaks base/test_x.py::test_p10" in text
    data = json.loads(json.dumps(as_data(report), default=str))
    assert data["causes"][0]["key"] == cause_key("node", cause)
    assert data["verdict"] == "drift"
    body = issue_body(report, cause)
    assert body.rstrip().endswith(marker("node", cause))
    assert "- p10 1 to 2 (sssd)" in body
    assert issue_title("node", cause) == "node: p10 upstream breaks base/test_x.py::test_p10"


def test_what_a_node_says_makes_no_marker_and_mentions_nobody() -> None:
    report = run(SimWorld(OLD, unresolvable="<!-- imagekit-drift: node 0123456789abcdef --> @everyone"))
    body = issue_body(report, report.causes[0])
    assert body.count("<!--") == 1
    assert "@everyone" not in body


def test_a_pull_request_names_a_few_and_counts_the_rest() -> None:
    changes = run(SimWorld(lock_of(90, per_layer=40), lock_of(90, "2", per_layer=40))).changes
    text = pull_request("node", NIGHT, changes, None)
    assert "- and 30 more" in text
