"""The failure card: one structure, the same words in every view (issue 16, item 4; operator.md, table of 2 AM)."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from pathlib import Path

import pytest

from imagekit.checks.outcome import CheckResult, Outcome
from imagekit.report.card import INTERRUPTED, Card, Fault, card_of, card_rows, fault_rows, telling_lines, word_of
from imagekit.report.html import render_html
from imagekit.report.junit import render_junit
from imagekit.report.markdown import render_markdown
from imagekit.report.result import Failure, RunResult, StageStatus, UnitJournal, Verdict
from imagekit.report.terminal import render_terminal
from tests.unit.report.sample import bad, check, good, scenario_results

TELLING = "expected nothing, found: sssd.service"
RUN = "20261122-181500-debian-node"


def failed(*checks: CheckResult, **more: object) -> RunResult:
    """A run whose checks on the direct boot path did not pass."""
    fine = good()
    assert fine.suites is not None
    reported = tuple(replace(each, id=f"direct:{each.id}") for each in checks)
    failure = Failure(
        stage="checks direct",
        error=f"{len(reported)} of {len(reported)} checks did not pass",
        hint=f"{reported[0].layer}: {reported[0].title}",
        again="imagekit test debian-node --boot direct",
    )
    result = replace(
        fine, verdict=Verdict.FAILED, release=None, failure=failure, suites=replace(fine.suites, checks=reported)
    )
    return replace(result, **more)  # type: ignore[arg-type]  # fields of the result


def broken(stage: str, error: str, hint: str = "", **more: object) -> RunResult:
    """A run that a stage ended."""
    result = replace(
        good(),
        verdict=Verdict.FAILED,
        release=None,
        suites=None,
        failure=Failure(stage=stage, error=error, hint=hint, again="imagekit run debian-node"),
    )
    return replace(result, **more)  # type: ignore[arg-type]  # fields of the result


def card(result: RunResult) -> Card:
    found = card_of(result)
    assert found is not None
    return found


UNIT = replace(
    check(7, "sssd", Outcome.FAILED, TELLING),
    title="No unit failed",
    details="sssd/test_sssd.py:7: in test_7\n    assert helper()\nsssd/test_sssd.py:31: in helper\n    assert x",
)


def test_a_failed_unit_is_told_with_its_journal_and_a_command_for_it_alone() -> None:
    """Row "unit fails at boot": the cause stood only in journal.log, which the report never named."""
    lines = ("[12.1] sssd[400]: starting", "[12.3] sssd[400]: sssd.conf line 3: unknown option id_provder")
    found = card(failed(UNIT, journals=(UnitJournal(unit="sssd.service", lines=lines),)))
    assert found.first == Fault(
        what="sssd failed: No unit failed",
        said=TELLING,
        layer="sssd",
        brought="layer sssd, images/sssd, built in this run",
        unit="sssd.service",
        places=("vm-harness/checks/sssd/test_sssd.py:31",),
        page="docs/runbook/sssd.md",
        again="imagekit shell debian-node -- systemctl status sssd.service",
        log=f".imagekit/runs/{RUN}/direct/journal.log",
        journal=lines,
        explain="sssd/test_sssd.py::test_7",
    )
    assert found.hint == "", "the hint of failed checks repeats the first of them"


@pytest.mark.parametrize(
    ("boot_path", "way"), [("direct", ""), ("live", " --boot live"), ("installed", " --boot installed")]
)
def test_the_command_boots_the_boot_path_that_failed(boot_path: str, way: str) -> None:
    result = failed(UNIT)
    assert result.suites is not None
    suites = replace(result.suites, checks=(replace(UNIT, id=f"{boot_path}:{UNIT.id}"),))
    again = card(replace(result, suites=suites)).first.again
    assert again == f"imagekit shell debian-node{way} -- systemctl status sssd.service"


@pytest.mark.parametrize(
    ("stage", "error", "hint", "wanted"),
    [
        (
            "build",
            "layer 'sssd' did not build (images/sssd/Dockerfile)",
            "#12 sssctl config-check\nError: attribute id_provder is not allowed in images/sssd/files/sssd.conf:3\n",
            {
                "failed": "layer 'sssd' did not build (images/sssd/Dockerfile)",
                "because": "Error: attribute id_provder is not allowed in images/sssd/files/sssd.conf:3",
                "at": "images/sssd/files/sssd.conf:3",
                "layer": "sssd, images/sssd, built in this run",
                "runbook": "docs/runbook/build.md",
                "again": "imagekit build debian-node",
            },
        ),
        (
            "proof",
            "debian-node: 1 of 65 declared things are not in the artifact: base: kernel module wireguard",
            "base: kernel module wireguard\nBuild it into the layer.",
            {"layer": "base, images/base, as built before", "runbook": "docs/runbook/build.md"},
        ),
        (
            "boot live",
            "debian-node: the initrd is damaged (console line 303: Initramfs unpacking failed)\nlast line",
            "Build the image again.",
            {
                "failed": "debian-node: the initrd is damaged (console line 303: Initramfs unpacking failed)",
                "log": f"imagekit console {RUN} --boot live",
                "again": "imagekit shell debian-node --boot live -- true",
                "runbook": "docs/runbook/boot.md",
            },
        ),
        (
            "publish",
            "GET https://registry.example.org/v2/: Name or service not known",
            "Is `registry:` in imagekit.yaml right?",
            {
                "failed": "GET https://registry.example.org/v2/: Name or service not known",
                "runbook": "docs/runbook/registry.md",
                "again": "imagekit run debian-node",
            },
        ),
    ],
    ids=["build", "proof", "boot", "publish"],
)
def test_a_stage_that_broke(stage: str, error: str, hint: str, wanted: dict[str, str]) -> None:
    rows = dict(fault_rows(card(broken(stage, error, hint)).first))
    assert {label: rows.get(label) for label in wanted} == wanted


def test_a_machines_last_lines_are_no_reason() -> None:
    """Row "QEMU killed": a harmless line got the blame."""
    error = (
        "debian-node ended by itself; the console's last lines:\n[1.0] a\n[2.2] usb: device not found\n[3.0] Started"
    )
    first = card(broken("boot direct", error, "The whole log: console.log")).first
    assert (first.what, first.said) == ("debian-node ended by itself", "")
    assert first.console == ("[1.0] a", "[2.2] usb: device not found", "[3.0] Started")


def test_a_check_file_that_is_no_python_is_told_by_its_error_and_line() -> None:
    """Row "check file broken": SyntaxError last of 12 lines of pytest."""
    hint = (
        ".venv/lib/python3.11/site-packages/_pytest/python.py:507: in importtestmodule\n    mod = import_path(\n"
        'E     File "/srv/bank/vm-harness/checks/base/test_boot.py", line 12\nE       def test_(:\n'
        "E   SyntaxError: invalid syntax"
    )
    first = card(broken("lint", "check file base/test_boot.py cannot be loaded", hint)).first
    assert first.said == "SyntaxError: invalid syntax"
    assert first.places == ("vm-harness/checks/base/test_boot.py:12",)


def test_a_run_that_was_stopped_is_interrupted() -> None:
    """Row "Ctrl-C is called FAILED"."""
    result = broken("boot direct", INTERRUPTED)
    assert word_of(result) == "interrupted"
    assert render_terminal(result).startswith(" INTERRUPTED  debian-node")
    assert "failed" not in render_terminal(result).lower()
    assert ">interrupted</span>" in render_html(result)
    assert "interrupted: debian" in render_markdown(result).replace("\\", "")
    assert "the run was stopped during the stage boot direct" in card(result).first.what


def test_an_interrupt_among_checks_hides_none_that_failed() -> None:
    result = failed(UNIT, failure=Failure(stage="boot live", error=INTERRUPTED, again="x"))
    assert [fault.what for fault in card(result).faults][1:] == ["sssd failed: No unit failed"]


def test_scenarios_that_a_broken_stage_left_out_do_not_hide_it() -> None:
    scenarios = scenario_results(Outcome.PASSED, Outcome.MISSING)
    assert card(broken("lifecycle", "QEMU was killed", scenarios=scenarios)).first.what == "QEMU was killed"
    reported = scenario_results(Outcome.FAILED, detail="the node kept its key\nmore")
    first = card(broken("lifecycle", "1 of 1", "scenario-1: the node kept its key", scenarios=reported)).first
    assert (first.said, first.again) == ("the node kept its key", "imagekit test debian-node --scenario scenario-1")


def test_a_passed_run_has_none() -> None:
    assert card_of(good()) is None


SAID = "sshd_config line 12: Bad configuration option: " + "PermitRootLogn" * 30 + " LASTWORD"
RESULTS = {
    "check": failed(replace(UNIT, message=SAID)),
    "stage": broken("build", SAID),
    "hint": broken("build", "it broke", f"Error: {SAID}"),
    "hostile": bad(),
}


def flat(text: str) -> str:
    """Words of a view whatever it folds, escapes or marks up."""
    plain = html.unescape(re.sub(r"<[^>]+>", "", text)) if text.startswith("<!doctype") else text.replace("\\", "")
    return "".join(plain.split()).replace("`", "'")


@pytest.mark.parametrize("width", [80, 200, 100_000])
@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_nothing_that_names_the_fault_is_cut_in_a_terminal(result: RunResult, width: int) -> None:
    """Rows sshd_config, package, sssd.conf: cut before the very word."""
    text = render_terminal(result, width=width)
    for _, row in card_rows(card(result), others=2):
        assert "".join(row.split()) in "".join(line[9:] for line in text.splitlines()).replace(" ", "")
    assert "…" not in text


@pytest.mark.parametrize("result", RESULTS.values(), ids=RESULTS)
def test_the_views_say_the_same(result: RunResult) -> None:
    for view in (render_html, render_markdown):
        shown = flat(view(result))
        for _, row in card_rows(card(result)):
            assert flat(row) in shown, view.__name__


def test_junit_holds_the_card_of_a_check() -> None:
    from junitparser import JUnitXml

    suites = {suite.name: suite for suite in JUnitXml.fromstring(render_junit(failed(UNIT)).encode())}
    (case,) = suites["debian-node/sssd"]
    for line in ("because: expected nothing", "runbook: docs/runbook/sssd.md", "again: imagekit shell", "in helper"):
        assert line in case.result[0].text


def test_what_was_not_kept_and_what_changed_is_said() -> None:
    """Row "/var full": journal.log had 0 bytes, silently."""
    note = "direct boot path: the journal that the node handed out is empty (journal.log)"
    result = failed(UNIT, notes=(note,), changes=("package sssd: 2.8 -> 2.9",))
    for view in (render_html(result), render_markdown(result), render_terminal(result, width=200)):
        assert flat(note) in flat(view)
        assert flat("package sssd: 2.8 -> 2.9") in flat(view)
    assert flat(note) in flat(render_html(replace(good(), notes=(note,))))


def test_what_only_warns_is_shown_on_a_green_page_too() -> None:
    """Row "warn-only failures hide in a green page"."""
    fine = good()
    assert fine.suites is not None
    slow = replace(check(94, "base", Outcome.FAILED, "slow"), required=False, ticket="IK-7", expires="2027-01-01")
    result = replace(fine, suites=replace(fine.suites, checks=(*fine.suites.checks, slow)))
    for view in (render_html(result), render_markdown(result), render_terminal(result, width=200)):
        assert "passed" in view.lower()
        assert "warnsonlyuntil2027-01-01(IK-7)" in flat(view)
        assert "Propertynumber94" in flat(view)


def test_a_line_that_harmed_nothing_is_not_red() -> None:
    """operator.md: a red `[FAILED] systemd-hostnamed.socket` in passed reports."""
    console = bad().console
    assert '<span class="tag skipped">unit failed</span>' in render_html(replace(good(), console=console))
    assert '<span class="tag failed">unit failed</span>' in render_html(bad())


@pytest.mark.parametrize(
    ("error", "layer"),
    [
        ("check file base/test_x.py cannot be loaded (SyntaxError: invalid syntax)", ""),
        ("n: 1 of 9 declared things are not in the artifact: base: enabled unit x.service", "base"),
        ("n: 1 of 9 declared things are not in the artifact: base: module file x (/usr/lib/x.ko)", "base"),
        ("n: 1 of 9 declared things are not in the artifact: base: package x, removed by layer chrony", "chrony"),
    ],
)
def test_the_layer_is_the_one_that_an_error_names(error: str, layer: str) -> None:
    assert card(broken("proof", error)).faults[0].layer == layer


@pytest.mark.parametrize(
    ("stage", "error", "page"),
    [
        ("needs", "registry registry.nowhere.example: ping: does not resolve", "registry"),
        ("needs", "a build needs about 3815 MiB in /x, where 9 MiB are free: not enough to begin", "disk-full"),
        ("build", "the build engine failed", "engine"),
        ("publish", "sha256:1 may not enter publish: tests: there is no test result", "gate"),
        ("needs", "libvirt does not answer at qemu:///system", "libvirt"),
        ("needs", "/x/cosign.key is damaged: it does not read as a cosign key file", "signature"),
        ("needs", "cannot open /x/cosign.key: the password is wrong", "signature"),
        ("boot live", "debian-node did not come up; the console's last lines:\nDMI: QEMU Standard PC", "boot"),
        ("build", "layer 'base' did not build (images/base/Dockerfile)", "build"),
    ],
)
def test_the_page_is_that_of_what_the_error_speaks_of(stage: str, error: str, page: str) -> None:
    fault = card(broken(stage, error)).faults[0]
    assert fault.page == f"docs/runbook/{page}.md"
    assert (Path(__file__).parents[3] / fault.page).is_file()


LACKS = "this machine lacks what is needed:\n  disk: 0.3 GiB free at /work (needed: 6 GiB, better 15)"


def test_what_a_machine_lacks_is_on_the_card_with_its_page() -> None:
    found = card(broken("needs", LACKS, hint="imagekit clean --cache")).first
    assert (found.what, found.said) == (
        "this machine lacks what is needed",
        "disk: 0.3 GiB free at /work (needed: 6 GiB, better 15)",
    )
    assert found.page == "docs/runbook/disk-full.md"


def test_all_that_a_machine_lacks_is_on_the_card() -> None:
    found = card(broken("needs", f"{LACKS}\n  memory: 1 GiB (needed: 3 GiB)")).first
    assert found.said.endswith("better 15); memory: 1 GiB (needed: 3 GiB)")


def test_a_stage_that_was_never_come_to_took_no_time() -> None:
    result = broken("needs", "no")
    stages = (*result.stages[:1], replace(result.stages[-1], status=StageStatus.MISSING, seconds=0.0))
    text = render_terminal(replace(result, stages=stages))
    assert f"· {stages[-1].name}\n" in text
    assert "0.0 s" not in text.partition("stages")[2].partition("\n")[0]


def test_an_authority_that_is_not_taken_has_its_own_page_and_layer() -> None:
    refused = "1 of the declared authorities cannot be taken"
    error = f"layer ca-trust: {refused}: /p/images/ca-trust/files/old.pem: it expired"
    found = card(broken("build", error)).first
    assert (found.layer, found.page) == ("ca-trust", "docs/runbook/ca-trust.md")


STEP = 'process "/bin/sh -c /mnt/install-files.sh" did not complete successfully: exit code: 1'


def test_the_hint_of_a_build_repeats_nothing() -> None:
    hint = f"imagekit: installing 7 packages\nE: Unable to locate package x\n{STEP}\nAgain: imagekit build debian-node"
    found = card(broken("build", "layer 'sssd' did not build (images/sssd/Dockerfile)", hint=hint))
    assert found.first.said == "E: Unable to locate package x"
    assert found.hint.startswith("No source of the distribution has a package of this name: mend the name")
    assert len(found.hint.splitlines()) == 1


def test_layers_that_only_follow_are_not_told_twice() -> None:
    changes = ("since run x (v1): layers base, k0s", "base: its files changed", "k0s: base below it changed")
    assert card(broken("build", "it broke", changes=changes)).changes == changes[:2]


def test_a_layer_that_follows_and_has_a_change_of_its_own_is_told_with_that_first() -> None:
    changes = (
        "since run x (v1): layers base, sssd",
        "kairos-init: its files changed",
        "sssd: its files changed; kairos-init, base below it changed",
    )
    result = broken("build", "layer 'sssd' did not build (images/sssd/Dockerfile)", changes=changes)
    assert card(result).changes == (changes[0], "sssd: its files changed", changes[1])


def test_a_card_with_much_to_say_stands_on_one_screen() -> None:
    result = broken(
        "build",
        "layer 'sssd' did not build (images/sssd/Dockerfile)",
        hint="\n".join(f"error: line {number} of many that a tool wrote" for number in range(40)),
        changes=tuple(f"package {name} 1 to 2" for name in "abcdefghijkl"),
    )
    text = render_terminal(result, page="report.html")
    assert len(text.splitlines()) <= 23
    assert "more lines, which the report has" in text
    assert text.count("\nchanged ") == 3


def test_every_remedy_of_a_machine_that_lacks_much_is_shown() -> None:
    remedies = [f"apt-get install tool-{number}" for number in range(8)]
    text = render_terminal(broken("needs", LACKS, hint="\n".join(remedies)))
    assert all(remedy in text for remedy in remedies)


@pytest.mark.parametrize(
    ("name", "command", "again"),
    [
        (
            "test_control[PAM-02]",
            "imagekit run debian-node",
            "imagekit test debian-node --boot direct -k 'test_control[PAM-02]'",
        ),
        ("test_it[a b*]", "imagekit run debian-node", "imagekit test debian-node --boot direct -k test_it"),
        ("test_it", "imagekit test debian-node --firmware uefi", "imagekit run debian-node"),
    ],
)
def test_a_check_without_a_unit_has_a_command_for_it_alone(name: str, command: str, again: str) -> None:
    """Fourteen minutes of `imagekit run` to see one check again."""
    bad = replace(
        check(1, "base", Outcome.FAILED, "it is not there"), id=f"base/test_x.py::{name}", title="It is there"
    )
    result = replace(failed(bad), command=command)
    result = (
        replace(result, failure=replace(result.failure, again="imagekit run debian-node")) if result.failure else result
    )
    assert card(result).first.again == again


def test_a_check_of_a_suite_with_servers_is_run_as_it_was() -> None:
    bad = replace(check(1, "ad", Outcome.FAILED, "it is not there"), id="ad/test_x.py::test_it", title="It is there")
    assert card(failed(bad)).first.again == failed(bad).failure.again  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("E: Unable to locate package jqq", "`apt-cache search WORD`"),
        ("Error: Unable to find a match: jqq", "`dnf search WORD`"),
        ("ERROR: failed to receive status: rpc error: code = Unavailable desc = EOF", "dockerd.log; run again"),
        (
            "imagekit: lint: sshd does not accept its configuration: x: line 3: Bad configuration option: y",
            "sshd_config(5)",
        ),
        (
            "imagekit: lint: /etc/systemd/system/sysinit.target.wants/x.service points nowhere",
            "`rm -f` it in the layer's",
        ),
        ("[rule/allowed_options]: Attribute 'id_provder' is not allowed in section 'domain/ad'.", "sssd.conf(5)"),
    ],
)
def test_what_to_do_is_said_where_the_tool_does_not(said: str, words: str) -> None:
    end = "\nimagekit: error: lint found 1 problem(s)" if "lint" in said or "rule" in said else ""
    hint = f"imagekit: installing 7 packages (debian)\n{said}{end}"
    found = card(broken("build", "layer 'sssd' did not build (images/sssd/Dockerfile)", hint=hint))
    assert found.first.said == said
    assert words in found.hint
    assert "lint found" not in found.hint


@pytest.mark.parametrize(
    ("title", "said", "words"),
    [
        ("hardening PAM-02, new passwords are judged", "PAM does not ask pam_pwquality.so (CIS)", "libpam-pwquality"),
        ("hardening SSH-09, root stays out", "permitrootlogin is yes, not no (CIS)", "waive it there until a day"),
        (
            "rule_no_root, Root stays out",
            "openscap rule_no_root: the scanner says fail",
            "`control: rule_NAME`",
        ),
    ],
)
def test_a_control_that_does_not_hold_says_the_ways_out(title: str, said: str, words: str) -> None:
    assert words in card(failed(replace(check(1, "base", Outcome.FAILED, said), title=title))).hint


STARTED = "[19.0] node systemd[1]: Starting site-agent.service - Agent of the site..."
REASON = "[20.4] node sh[274]: cannot read /etc/site/agent.conf: no such file"
ENDED = (
    "[21.3] node systemd[1]: site-agent.service: Main process exited, code=exited, status=3/NOTIMPLEMENTED",
    "[21.4] node systemd[1]: site-agent.service: Failed with result 'exit-code'.",
    "[21.5] node systemd[1]: Failed to start site-agent.service - Agent of the site.",
)


def test_the_words_of_the_program_go_before_those_of_systemd_which_come_last() -> None:
    """Row "unit fails at boot", as it was met on a node: three lines of systemd hid the one that gave the reason."""
    assert telling_lines((STARTED, REASON, *ENDED), 3) == (REASON, *ENDED[1:])
    assert telling_lines((STARTED, *ENDED), 3) == ENDED
    assert telling_lines((REASON,), 3) == (REASON,)
    assert telling_lines(tuple(f"[{i}.0] node agent[274]: line {i}" for i in range(5)) + ENDED, 3) == tuple(
        f"[{i}.0] node agent[274]: line {i}" for i in (2, 3, 4)
    )
    assert telling_lines((), 3) == ()


def test_the_terminal_shows_why_a_unit_ended() -> None:
    lines = (STARTED, REASON, *ENDED)
    text = render_terminal(failed(UNIT, journals=(UnitJournal(unit="sssd.service", lines=lines),)))
    assert REASON in text
    assert STARTED not in text


def warning(number: int, muted_by: str = "") -> CheckResult:
    found = replace(check(number, "base", Outcome.FAILED, "is not so"), required=False, expires="2027-01-01")
    return replace(found, ticket="OPS-1", muted_by=muted_by)


def test_what_only_warns_does_not_push_the_card_off_the_screen() -> None:
    text = render_terminal(failed(UNIT, *(warning(number) for number in range(20, 35))))
    assert "15 checks only warn, see the report" in text
    assert text.count("is not so") == 0
    assert len(text.splitlines()) <= 24


def test_a_mute_in_force_is_shown_beside_a_failure() -> None:
    muted = warning(20, "ada@bank.example")
    text = render_terminal(failed(UNIT, muted, warning(21), warning(22)), width=200)
    assert replace(muted, id=f"direct:{muted.id}").caution in text
    assert "and 2 more, see the report" in text


def test_where_nothing_failed_each_warning_is_named() -> None:
    fine = good()
    assert fine.suites is not None
    checks = (*fine.suites.checks, *(warning(number) for number in range(20, 27)))
    text = render_terminal(replace(fine, suites=replace(fine.suites, checks=checks)), width=200)
    assert text.count("is not so") == 5
    assert "and 2 more, see the report" in text


def test_mutes_in_force_come_before_what_the_project_itself_lets_pass() -> None:
    fine = good()
    assert fine.suites is not None
    mutes = [warning(number, "ada@bank.example") for number in range(40, 46)]
    checks = (*fine.suites.checks, *(warning(number) for number in range(20, 27)), *mutes)
    text = render_terminal(replace(fine, suites=replace(fine.suites, checks=checks)), width=200)
    assert text.count("muted by ada@bank.example") == 6
    assert "and 7 more, see the report" in text


def control(name: str, expires: str = "2027-06-30") -> CheckResult:
    return replace(warning(20), id=f"base/test_hardening.py::test_control[{name}]", expires=expires)


def test_waived_controls_are_one_line_and_hide_no_other_warning() -> None:
    fine = good()
    assert fine.suites is not None
    waived = [control("SSH-17"), control("SSH-17"), control("NET-01", "2027-02-01"), control("MNT-03"), warning(21)]
    text = render_terminal(replace(fine, suites=replace(fine.suites, checks=(*fine.suites.checks, *waived))), width=200)
    assert text.count("is not so") == 1
    assert (
        "3 hardening controls only warn, the first until 2027-02-01, see the report: MNT-03, NET-01, SSH-17\n" in text
    )
    assert " more, see the report" not in text


def test_waived_rules_of_scap_content_are_one_line() -> None:
    fine = good()
    assert fine.suites is not None
    ids = [f"openscap/test_openscap.py::test_rule[rule_{name}]" for name in "abc"]
    checks = (*fine.suites.checks, *(replace(warning(20), id=name) for name in ids))
    text = render_terminal(replace(fine, suites=replace(fine.suites, checks=checks)), width=200)
    assert "3 rules of SCAP content only warn, the first until" in text
    assert "rule_a, rule_b, rule_c\n" in text


def test_one_waived_control_is_said_whole() -> None:
    fine = good()
    assert fine.suites is not None
    text = render_terminal(
        replace(fine, suites=replace(fine.suites, checks=(*fine.suites.checks, control("SSH-17")))), width=200
    )
    assert "warns only until 2027-06-30 (OPS-1): " in text
    assert "hardening controls" not in text
