"""Nights in a simulated world: verdict, attribution, what is not drift, what a quiet night rests on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from imagekit.drift.interface import InfrastructureError
from imagekit.drift.model import (
    Attribution,
    DriftVerdict,
    Input,
    Key,
    Lock,
    Part,
    Released,
    Report,
    Result,
    Trial,
    changes_between,
)
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
    assert report.verdict is DriftVerdict.DRIFT
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
    assert (report.verdict, report.verdict.exit_code) == (DriftVerdict.BROKEN, 1)
    [cause] = report.causes
    assert (cause.attribution, cause.layer) == (Attribution.OURS, layer)
    assert "changed here since the last good night: images/base/files/x" in cause.evidence
    assert len([each for each in cause.evidence if each.startswith("stack ")]) >= 1


@pytest.mark.parametrize("layer", LAYERS)
def test_a_stack_that_lacks_what_its_own_checks_want_hides_no_layer(layer: str) -> None:
    """As base does without the package that sssd brings; the fault itself is seen by a check of base."""

    def lacks(_lock: Lock, layers: int) -> str:
        return "base/test_hardening.py::test_control[PAM-02]" if layers < 3 else ""

    def fault(_lock: Lock, layers: int) -> str:
        return "base/test_boot.py::test_no_unit_failed" if LAYERS.index(layer) < layers else ""

    class Once(SimWorld):
        def again(self, trial):  # type: ignore[no-untyped-def]
            assert "base/test_boot.py::test_no_unit_failed" in trial.failed, "what is looked for passed: no second boot"
            return super().again(trial)

    [cause] = run(Once(OLD, OLD, [lacks, fault])).causes
    assert (cause.attribution, cause.layer) == (Attribution.OURS, layer), cause.evidence
    stacks = [each for each in cause.evidence if each.startswith("stack ")]
    assert len(stacks) == LAYERS.index(layer) + 1
    if layer != "base":
        assert stacks[0] == "stack base: good (breaks base/test_hardening.py::test_control[PAM-02])"


def test_a_stack_that_comes_to_its_checks_did_not_fail_to_boot() -> None:
    class Dead(SimWorld):
        def trial(self, lock, *, layers=None, lifecycle=False, like=None):  # type: ignore[no-untyped-def]
            found = super().trial(lock, layers=layers, lifecycle=lifecycle)
            if (layers or 4) >= 2:
                return replace(found, result=Result.BAD, reason="no login", boot_path="direct")
            return replace(found, result=Result.BAD, failed=("base/test_hardening.py::test_control[PAM-02]",))

    [cause] = run(Dead(OLD, OLD)).causes
    assert cause.layer == "k0s", cause.evidence


def test_time_alone_breaks_it() -> None:
    expired = "expired: CN=k0s api ends 2026-11-27 (1 days ago)"
    [cause] = run(SimWorld(OLD, OLD, [bad_layer("k0s")], gone=(expired,))).causes
    assert expired in cause.evidence
    [cause] = run(SimWorld(OLD, OLD, [bad_layer("k0s")])).causes
    assert any("nothing of the lock or of our sources changed" in each for each in cause.evidence)
    [cause] = run(SimWorld(OLD, OLD, [bad_layer("k0s")], changed=None)).causes
    assert not any("nothing of the lock" in each for each in cause.evidence), "since which night?"
    assert any("no good night is known here" in each for each in cause.evidence)


def test_what_moved_and_works_is_a_branch_that_is_ready() -> None:
    world = SimWorld(OLD, NEW)
    report = run(world)
    assert (report.verdict, report.verdict.exit_code, report.update_ready) == (DriftVerdict.HOLDS, 0, True)
    assert report.branch == "imagekit/drift/node"
    [text] = world.updates
    assert text.splitlines()[0] == "node: take in 16 inputs that moved upstream"
    assert "- p10 1 to 2 \\(sssd\\)" in text
    assert report.fresh is not None
    assert report.fresh.digest in text


def test_a_quiet_night_says_so_in_under_five_percent_and_what_it_rests_on() -> None:
    full = SimWorld(OLD, NEW, fleet=FLEET)
    whole = run(full)
    quiet = SimWorld(OLD, OLD, fleet=FLEET)
    good_before(quiet)
    report = run(quiet)
    assert (report.verdict, report.builds) == (DriftVerdict.HOLDS, 0)
    assert report.seconds < 0.05 * whole.seconds
    told = " / ".join(report.evidence)
    assert "16 inputs looked up anew, nothing moved" in told
    assert "run 20261127-021700 of 2026-11-27 02:17, 24 hours ago" in told
    assert "nothing has expired" in told
    assert told.count("was rehearsed on") == 2


@pytest.mark.parametrize("why", ["old", "later than now", "sources", "expired", "asked", "never"])
def test_a_quiet_night_rests_on_nothing_that_does_not_hold(why: str) -> None:
    world = SimWorld(OLD, OLD, gone=("expired: x",) if why == "expired" else ())
    if why != "never":
        hours = {"old": 24 * 7 + 1, "later than now": -1}.get(why, 24)
        good_before(world, hours, same=why != "sources")
    report = run(world, full=why == "asked")
    assert report.builds == 1
    assert report.verdict is DriftVerdict.HOLDS
    told = " / ".join(report.evidence)
    assert ("all was done all the same" in told) is (why not in ("asked", "never")), (
        "who waits for a quiet night is told"
    )
    words = {"old": "the last good night was on", "sources": "changed since", "expired": "all the same: expired: x"}
    assert words.get(why, "") in told


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
    assert report.verdict is DriftVerdict.UNKNOWN
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
    assert report.verdict is DriftVerdict.UNKNOWN
    assert report.causes == ()
    assert "flaky" in report.unknown[0]


def test_what_cannot_be_installed_together_is_upstreams() -> None:
    report = run(SimWorld(OLD, unresolvable="sssd depends on libldb2, which is not going to be installed"))
    assert report.verdict is DriftVerdict.DRIFT
    assert report.causes[0].attribution is Attribution.UPSTREAM


def test_what_is_bad_both_times_is_no_drift() -> None:
    """The pinned image is bad, too: no package that moved is to blame."""
    report = run(SimWorld(OLD, NEW, [bad_layer("sssd")], changed=("x",)))
    assert report.verdict is DriftVerdict.BROKEN
    assert [cause.part for cause in report.causes] == [Part.PINNED]
    assert any("nothing that moved is to blame" in each for each in report.evidence)


def test_what_fails_only_with_what_moved_is_told_beside_what_fails_without_it() -> None:
    """It is not looked into tonight, and not swept under the other either."""
    fault = bad_layer("sssd")
    both = SimWorld(OLD, NEW, [lambda *it: f"direct:{found}" if (found := fault(*it)) else "", bad_together("p10")])
    report = run(both)
    assert [cause.part for cause in report.causes] == [Part.PINNED]
    [line] = [each for each in report.evidence if "as what is pinned is" in each]
    assert line.endswith("base/test_x.py::test_p10 fails beside it, which a night after the mend looks into")


def test_every_released_digest_is_rehearsed_from_the_newest() -> None:
    world = SimWorld(OLD, OLD, fleet=FLEET, bad_fleet={FLEET[1].digest: "does not boot"})
    report = run(world)
    assert world.rehearsed == [f"{FLEET[0].digest} from itself", f"{FLEET[1].digest} from {FLEET[0].digest}"]
    assert report.verdict is DriftVerdict.BROKEN
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


def test_a_root_cause_is_the_same_whatever_numbers_are_in_its_words() -> None:
    """A boot that failed says after how many seconds, and a fleet's registry from which port."""

    def keys(reason: str) -> list[str]:
        class Dead(SimWorld):
            def trial(self, lock, *, layers=None, lifecycle=False, like=None):  # type: ignore[no-untyped-def]
                return Trial(result=Result.BAD, reason=reason)

        world = Dead(OLD, OLD, fleet=FLEET, bad_fleet={FLEET[1].digest: reason})
        report = run(world)
        assert len(report.causes) == 2
        return [cause_key("node", each) for each in report.causes]

    one = keys("no login after 183.2 s, pid 77 (run 20261129-0217-3fa9)")
    assert one == keys("no login after 191.0 s, pid 81 (run 20261130-0217-b1c0)")
    assert one[0] != keys("kernel panic after 3 s")[0]
    assert len({*one}) == 2


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
    assert "- p10 1 to 2 \\(sssd\\)" in body
    assert issue_title("node", cause) == "node: p10 upstream breaks base/test_x.py::test_p10"


def test_an_issue_says_what_the_first_check_said() -> None:
    """Its name alone sends everybody to the run's own page, which is on another machine."""
    report = run(SimWorld(OLD, OLD, [bad_layer("k0s")]))
    assert report.pinned is not None
    told = replace(report, pinned=replace(report.pinned, reason="failed: planted.service"))
    body = issue_body(told, told.causes[0])
    assert "\n\nIt says: failed\\: planted.service\n\n" in body
    assert "\n\n\n" not in body


def test_what_a_node_says_makes_no_marker_and_mentions_nobody() -> None:
    report = run(SimWorld(OLD, unresolvable="<!-- imagekit-drift: node 0123456789abcdef --> @everyone"))
    body = issue_body(report, report.causes[0])
    assert body.count("<!--") == 1
    assert "@everyone" not in body


@pytest.mark.attack
@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("@everyone", "\\@\u200beveryone"),
        ("&commat;everyone", "\\&commat;everyone"),  # a mention, if the entity were read
        ("&#64;everyone", "\\&\\#\u200b64;everyone"),
        ("fixes #12 of o/r#3, GH-4", "fixes \\#\u200b12 of o/r\\#\u200b3, GH\\-\u200b4"),
        ("https://evil.example/x", "https\\://evil.example/x"),
        ("www.evil.example", "www\u200b.evil.example"),
        ("![x](y)", "\\!\\[x\\]\\(y\\)"),
        ("<img src=x onerror=y>", "\\<img src=x onerror=y\\>"),
        ("`a` *b* __c__", "\\`a\\` \\*b\\* \\_\\_c\\_\\_"),
        ("one\n# two\r\n- three", "one \\# two \\- three"),
        ("a \\` b", "a \\\\\\` b"),
    ],
)
def test_what_upstream_says_is_text_in_an_issue_and_nothing_else(said: str, shown: str) -> None:
    report = run(SimWorld(OLD, unresolvable=said))
    body = issue_body(report, report.causes[0])
    assert f"- {shown}\n" in body
    named = {Key("base", said): Input("1", "x")}
    text = pull_request("node", NIGHT, changes_between(named, {}, LAYERS), None)
    assert f"- {shown} 1 removed \\(base\\)\n" in text


@pytest.mark.attack
def test_a_check_named_with_backticks_stays_between_them() -> None:
    name = "base/test_x.py::test_x[a` @everyone <!-- x -->\n\n# big `b]"
    report = run(SimWorld(OLD, NEW, [lambda lock, _layers: name if Key("sssd", "p10", "amd64") in lock else ""]))
    body = issue_body(replace(report, fresh=report.pinned), report.causes[0])
    [line] = [each for each in body.splitlines() if each.startswith("- `base/test_x.py")]
    assert line.count("`") == 2


def test_a_pull_request_names_a_few_and_counts_the_rest() -> None:
    changes = run(SimWorld(lock_of(90, per_layer=40), lock_of(90, "2", per_layer=40))).changes
    text = pull_request("node", NIGHT, changes, None)
    assert "- and 30 more" in text


class Flaking(SimWorld):
    """A check of another layer fails in every second build, and passes when it is asked again."""

    def trial(self, lock, *, layers=None, lifecycle=False, like=None):  # type: ignore[no-untyped-def]
        found = super().trial(lock, layers=layers, lifecycle=lifecycle)
        if len(self.locks) > 2 and len(self.locks) % 2 and found.result is Result.GOOD:
            return replace(found, result=Result.BAD, failed=("base/test_x.py::test_flaky",))
        return found


@pytest.mark.parametrize("culprit", [f"p{number:02}" for number in range(16)])
def test_a_flaky_check_while_it_is_bisected_changes_no_name(culprit: str) -> None:
    report = run(Flaking(OLD, NEW, [bad_together(culprit)]))
    [cause] = report.causes
    assert cause.names == (culprit,), cause.evidence
    assert report.builds - 2 <= 5


def test_the_very_check_flaking_names_nobody_for_certain() -> None:
    class Itself(SimWorld):
        def again(self, trial):  # type: ignore[no-untyped-def]
            found = super().again(trial)
            return found if len(self.locks) == 2 else Trial(result=Result.GOOD, digest=trial.digest)

    [cause] = run(Itself(OLD, NEW, [bad_together("p10")])).causes
    assert "p10" in cause.names
    assert any("could not be told apart" in each for each in cause.evidence)


def test_another_failure_on_the_way_is_not_what_is_looked_for() -> None:
    """With p03 alone something else breaks, that p04 mends; p10 is what is bad at the end."""

    def half(lock: Lock, _layers: int) -> str:
        have = {key.name for key, each in lock.items() if each.version == "2"}
        return "k0s/test_x.py::test_half" if "p03" in have and "p04" not in have else ""

    [cause] = run(SimWorld(OLD, NEW, [bad_together("p10"), half])).causes
    assert cause.names == ("p10",), cause.evidence


def test_a_scenario_that_fails_is_looked_for_with_the_scenarios() -> None:
    """A pinned image that fails it too is asked with them, and nothing that moved is blamed; stacks as well."""

    class Scenario(SimWorld):
        def trial(self, lock, *, layers=None, lifecycle=False, like=None):  # type: ignore[no-untyped-def]
            found = super().trial(lock, layers=layers, lifecycle=lifecycle)
            bad = lifecycle and (layers or 4) >= 2
            return replace(found, result=Result.BAD, failed=("scenario:upgrade",)) if bad else found

    report = run(Scenario(OLD, NEW), parts=frozenset({Part.FRESH}))
    assert report.causes == ()
    [cause] = run(Scenario(OLD, OLD), parts=frozenset({Part.PINNED})).causes
    assert (cause.attribution, cause.layer) == (Attribution.OURS, "k0s")


def test_where_a_stack_cannot_be_told_the_suites_name_the_layer_and_else_nobody() -> None:
    class Dark(SimWorld):
        def trial(self, lock, *, layers=None, lifecycle=False, like=None):  # type: ignore[no-untyped-def]
            if layers is not None:
                raise InfrastructureError("registry down")
            return super().trial(lock, layers=layers, lifecycle=lifecycle)

    assert run(Dark(OLD, OLD, [bad_layer("sssd")])).causes[0].layer == "sssd"
    assert run(Dark(OLD, OLD, [lambda _lock, _layers: "scenario:upgrade"])).causes[0].layer == ""


def test_a_reason_stands_on_the_screen_once() -> None:
    report = run(SimWorld(OLD, NEW, fleet=FLEET, down={"trial": "no engine", "rehearse": "registry down"}))
    text = as_text(report)
    assert text.count("registry down") == len(FLEET)
    assert text.count("no engine") == sum(each is not None for each in (report.pinned, report.fresh))
    assert "registry down" in " ".join(report.unknown), "in the data it is all there"
    assert "unknown upstream could not be looked at: no mirror" in as_text(
        run(SimWorld(OLD, down={"fresh": "no mirror"}))
    )


def test_on_the_way_a_part_that_is_not_good_has_no_tick(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="imagekit")
    run(SimWorld(OLD, NEW, [bad_together("p10")], fleet=FLEET, bad_fleet={FLEET[1].digest: "it does not come up"}))
    said = [(str(vars(each).get("step")), each.getMessage()) for each in caplog.records]
    ends = [(kind, text) for kind, text in said if kind in ("done", "failed")]
    assert ("done", "Pinned: does what we ship still hold?: good") in ends
    assert ("failed", "Fresh: 16 inputs moved: bad") in ends
    assert [kind for kind, text in ends if text.startswith("Rehearsal")].count("failed") == 1
    between = [text for _, text in ends if text.startswith("Between: ")]
    assert between[0] == "Between: 8 of 16 inputs moved: good"
    caplog.clear()
    run(SimWorld(OLD, NEW, down={"fresh": "no mirror", "trial": "no engine"}))
    assert not [each for each in caplog.records if str(vars(each).get("step", "")) == "done"]
