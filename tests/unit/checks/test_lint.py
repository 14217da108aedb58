from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from imagekit.base.errors import ConfigError
from imagekit.checks.lint import ContradictionError, Offer, lint, require_no_contradictions, require_pages
from imagekit.checks.session import CheckMeta
from imagekit.machine.interface import BootPath, Firmware, VmShape

OFFER = Offer(
    shape=VmShape(memory_mib=1024, cpus=2, firmware=Firmware.BIOS),
    boot_path=BootPath.DIRECT,
    disk_mib=100,
    masked_units=frozenset({"fail2ban.service"}),
)


def check(**needs: Any) -> CheckMeta:
    return CheckMeta(id="base/test_a.py::test_a", layer="base", title="a", needs=needs)


@pytest.mark.parametrize(
    "needs",
    [
        {},
        {"memory_mib": 1024},
        {"cpus": 2, "disk_mib": 100},
        {"network": True, "service": "tls"},
        {"firmware": "bios"},
        {"unit": "ssh.service"},
    ],
)
def test_met(needs: dict[str, Any]) -> None:
    assert lint([check(**needs)], OFFER) == ()


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"memory_mib": 1025}, "needs memory_mib 1025, the machine offers 1024"),
        ({"cpus": 3}, "needs cpus 3, the machine offers 2"),
        ({"disk_mib": 101}, "the machine offers 100"),
        ({"firmware": "uefi"}, "needs firmware uefi, the machine offers bios"),
        ({"tpm": True}, "needs tpm True, the machine offers none"),
        ({"service": "ldap"}, "needs service ldap, the machine offers tls"),
        ({"unit": "fail2ban.service"}, "fail2ban.service masked"),
        ({"memroy_mib": 1}, "nothing by that name"),
    ],
)
def test_contradictions(needs: dict[str, Any], words: str) -> None:
    (found,) = lint([check(**needs)], OFFER)
    assert words in str(found)
    with pytest.raises(ContradictionError, match=r"base/test_a\.py"):
        require_no_contradictions([found])


def test_no_network() -> None:
    offer = Offer(shape=VmShape(), boot_path=BootPath.DIRECT, network=False)
    assert len(lint([check(network=True)], offer)) == 1
    require_no_contradictions([])


@pytest.mark.parametrize(
    ("page", "at", "said"),
    [("sshh", ":2", "Did you mean 'ssh'?"), ("zzz", ":3", "Write the page"), ("made-up-by-code", "", "Write")],
)
def test_a_check_names_a_page_that_is_there(tmp_path: Path, page: str, at: str, said: str) -> None:
    (tmp_path / "ssh.md").write_text("# ssh")
    (tmp_path / "base").mkdir()
    (tmp_path / "base/test_a.py").write_text('import pytest\nmark = runbook("sshh")\nother = runbook("zzz")\n')
    meta = CheckMeta(id="base/test_a.py::test_a", layer="base", title="x", runbook="ssh")
    require_pages([meta], tmp_path, tmp_path)
    with pytest.raises(
        ConfigError, match=rf"^vm-harness/checks/base/test_a.py{at}: test_a: there is no page docs/runbook/{page}.md$"
    ) as caught:
        require_pages([replace(meta, runbook=page)], tmp_path, tmp_path)
    assert said in caught.value.hint
