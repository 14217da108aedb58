"""A line that a check or a scenario said leads to its page: whoever has only the line finds it (`imagekit explain`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagekit import scenarios
from imagekit.app.explain import _checks, explain
from imagekit.app.saidby import Message, messages, spoken
from imagekit.base.errors import ConfigError

ROOT = Path(__file__).parents[3]
CHECKS = ROOT / "vm-harness/checks"
PAGES = {check.id: check.page for check in _checks(CHECKS)}
KNOWN = [
    (f"{path.parent.name}/{path.name}::{message.function}", message)
    for path in sorted(CHECKS.glob("*/test_*.py"))
    for message in messages(path)
    if message.letters >= 12
]
# What ten nodes said, each in the words of another check; letters and numbers as they were filled in.
SAID = {
    "the node's clock is 412 s behind the controller's; Kerberos allows 300 s": "ad-clock",
    "no login: Permission denied, please try again.": "ad-login",
    "FAILED  the node has not joined: klist: No such file or directory": "ad-keytab",
    "nobody does: NetworkManager's rc-manager is unmanaged, and the file names 10.0.2.3": "dns",
    "corp-root.pem is not among the 143 certificates of the bundle": "ca-trust",
    "CONFIG_CGROUP_PIDS is not set": "kernel",
    "NetworkManager did not go back:": "cut-off",
    "the token is in agent.conf": "spire",
    "k0s-worker has no --token-file": "k0s-join",
    "the node came up as passive, not as active": "lifecycle",
    "a check of the join (runbook k0s-join, wrong role): wrong token": "k0s-join",
    "runbook  docs/runbook/disk-full.md": "disk-full",
    "hardening SSH-09, level 1: a client that is gone is noticed after 0 s (0: never)": "hardening",
    "failed upgrade/it_ends_well on installed": "conformance",
}


@pytest.mark.parametrize("line", list(SAID))
def test_a_line_leads_to_the_page_of_what_said_it(line: str) -> None:
    assert explain(ROOT, line).page == f"docs/runbook/{SAID[line]}.md"


def test_every_message_of_a_check_leads_to_its_page() -> None:
    """As it stands in the code, with something filled in; of two checks with the same words, to the page of one."""
    lost = [
        (name, message.parts)
        for name, message in KNOWN
        if name in PAGES
        and PAGES[name] not in {PAGES.get(each) for each, _ in spoken(KNOWN, "1 of 2".join(message.parts))}
    ]
    assert len(KNOWN) > 50
    assert lost == []


def test_every_promise_of_a_scenario_has_its_words() -> None:
    found = [message for path in Path(scenarios.__file__).parent.rglob("*.py") for message in messages(path)]
    assert len([message for message in found if message.letters >= 12]) > 20


@pytest.mark.parametrize(
    "line", ["all is well", "Reached target multi-user.target", "no", "", "x is gone", "Started session 1 of user ada"]
)
def test_a_good_line_is_nobodys(line: str) -> None:
    assert spoken(KNOWN, line) == ()
    with pytest.raises(ConfigError, match="nothing is known"):
        explain(ROOT, line)


def test_words_of_two_checks_name_both(tmp_path: Path) -> None:
    for page in ("sssd", "network"):
        path = tmp_path / f"vm-harness/checks/{page}/test_it.py"
        path.parent.mkdir(parents=True)
        check = "def test_it(x):\n    '''It is.'''\n    assert x, f'no answer from {x}'\n"
        path.write_text(f"@pytest.mark.runbook('{page}')\n{check}")
    with pytest.raises(ConfigError, match="2 checks say") as caught:
        explain(tmp_path, "no answer from dc1")
    assert "said by network/test_it.py::test_it (line 4)" in caught.value.hint
    also = explain(tmp_path, "no answer from dc1: No space left on device")
    assert also.page == "docs/runbook/disk-full.md"


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("assert x, 'plain words'", ("plain words",)),
        ("assert x, f'{a} is {b} here'", ("", " is ", " here")),
        ("assert x, 'passed over: ' + '; '.join(said)", ("passed over: ", "")),
        ("assert x, f'{a}{b}: ' f'more'", ("", ": more")),
        ("raise ValueError(f'bad {a}')", ("bad ", "")),
        ("ask.require(x, f'{a} is gone')", ("", " is gone")),
        ("pytest.fail('never')", ("never",)),
    ],
)
def test_a_message_is_read_out_of_the_code(tmp_path: Path, code: str, parts: tuple[str, ...]) -> None:
    (tmp_path / "x.py").write_text(f"def test_x(x):\n    {code}\n")
    assert messages(tmp_path / "x.py") == (Message("test_x", 2, parts),)


def test_a_file_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("def test_(:\n")
    assert messages(tmp_path / "x.py") == messages(tmp_path / "nothing.py") == ()
